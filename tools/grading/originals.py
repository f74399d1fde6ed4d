"""What a cell may leave behind in its process besides its own names, and how that is put back.

A cell may set a function of numpy to something else, let warnings raise, set an alarm or close
its output: in earnest, or to be graded by tests of its own. All of it would reach the questions
after it. So the state of the process is noted before the first cell, and put back after each.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Iterator

# The packages whose functions answers and tests use.
GUARDED = {"builtins", "copy", "ibias", "json", "math", "numpy", "os", "scipy", "signal"}
MISSING = object()


class Originals:
    """The functions of the guarded modules, and the settings of this process."""

    def __init__(self) -> None:
        self.modules: dict[str, tuple[types.ModuleType, dict[str, object]]] = {}
        self.handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self.folder, self.recursion = os.getcwd(), sys.getrecursionlimit()
        self.environment, self.path = dict(os.environ), list(sys.path)
        self.streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self.filters, self.floating = list(warnings.filters), None
        self.keep()

    def keep(self) -> None:
        """Note what the modules hold that were loaded since."""
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in GUARDED and name not in self.modules:
                self.modules[name] = module, {k: v for k, v in vars(module).items() if guarded(v)}
        if self.floating is None and "numpy" in sys.modules:
            self.floating = sys.modules["numpy"].geterr()

    def replaced(self) -> Iterator[tuple[types.ModuleType, str, object]]:
        """Yield what stands in the place of something else: the module, its name, the original."""
        for module, known in self.modules.values():
            now = vars(module)
            for name, value in known.items():
                if now.get(name, MISSING) is not value:
                    yield module, name, value

    def put_back(self) -> list[str]:
        """Put everything back; return the names of the functions that had been replaced."""
        sys.settrace(None)
        sys.setprofile(None)
        found = list(self.replaced())
        for module, name, value in found:
            vars(module)[name] = value
        self._settings()
        return [f"{module.__name__}.{name}" for module, name, _ in found]

    def _settings(self) -> None:
        """Put back what belongs to the process: signals, timers, streams, warnings, the folder."""
        threading.settrace(None)
        threading.setprofile(None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        for number, handler in self.handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, handler)
        for name, stream in self.streams.items():
            setattr(sys, name, stream)
        sys.setrecursionlimit(self.recursion)
        sys.path[:] = self.path
        gc.enable()
        warnings.filters[:] = self.filters
        os.environ.clear()
        os.environ.update(self.environment)
        with contextlib.suppress(OSError):
            os.chdir(self.folder)
        if self.floating is not None:
            sys.modules["numpy"].seterr(**self.floating)


def guarded(value: object) -> bool:
    """Say whether something that a module holds is a function, a class or a module."""
    return callable(value) or isinstance(value, types.ModuleType)
