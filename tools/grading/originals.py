"""What a cell may leave behind in its process besides its own names, and how that is put back.

A cell may set a function of numpy to something else, change its code in place, let warnings raise,
set an alarm or close its output: in earnest, or to be graded by tests of its own. All of it would
reach the questions after it. So the state of the process is noted before the first cell, and put
back after each.
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

from inside import MISSING, Classes, Functions

# The packages whose functions answers and tests use, and what runs the cells.
GUARDED = {"builtins", "copy", "ibias", "json", "math", "numpy", "os", "scipy", "signal"}
GUARDED |= {
    "collections",
    "contextlib",
    "dataclasses",
    "functools",
    "inspect",
    "itertools",
    "types",
}
SILENT = "IPython"  # magics change it, as they should


class Originals:
    """The functions of the guarded modules, and the settings of this process."""

    def __init__(self, shell: object = None) -> None:
        self.modules: dict[str, tuple[types.ModuleType, dict[str, object]]] = {}
        self.functions, self.classes = Functions(), Classes()
        self.handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self.folder, self.recursion = os.getcwd(), sys.getrecursionlimit()
        self.environment, self.path = dict(os.environ), list(sys.path)
        self.streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self.filters, self.floating = list(warnings.filters), None
        self.set_timer = signal.setitimer
        self.timers = signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF
        self.shell, self.hooks = shell, []
        if shell is not None:
            self.space, self.manager = shell.user_ns, shell.input_transformer_manager
            lists = [vars(self.manager)[k] for k in vars(self.manager) if k.endswith("s")]
            lists += [shell.ast_transformers, *shell.events.callbacks.values()]
            self.hooks = [(hooks, list(hooks)) for hooks in lists if isinstance(hooks, list)]
        self.keep()

    def keep(self) -> None:
        """Note what the modules hold that were loaded since."""
        for name, module in list(sys.modules.items()):
            root = name.partition(".")[0]
            if root in GUARDED | {SILENT} and name not in self.modules:
                known = {k: v for k, v in vars(module).items() if guarded(k, v, root)}
                self.modules[name] = module, known
                if root != SILENT:
                    self.functions.keep(name, known)
                if root not in (SILENT, "scipy") or name == "IPython.core.interactiveshell":
                    self.classes.keep(name, known)
        if self.floating is None and "numpy" in sys.modules:
            self.floating = sys.modules["numpy"].geterr()

    def replaced(self) -> Iterator[tuple[str, types.ModuleType, str, object]]:
        """Yield what stands in the place of something else: where, its name, the original."""
        for place, (module, known) in self.modules.items():
            now = vars(module)
            for name, value in known.items():
                if now.get(name, MISSING) is not value:
                    yield place, module, name, value

    def put_back(self) -> list[str]:
        """Put everything back; return the names of the functions that had been replaced."""
        for timer in self.timers:
            self.set_timer(timer, 0)  # first of all: it may be due
        sys.settrace(None)
        sys.setprofile(None)
        found = list(self.replaced())
        for _, module, name, value in found:
            vars(module)[name] = value
        names = [f"{place}.{name}" for place, _, name, _ in found]
        for place, (module, _) in self.modules.items():
            if sys.modules.get(place) is not module:
                sys.modules[place] = module
                names.append(place)
        names += self.functions.put_back() + self.classes.put_back()
        self._settings()
        return [name for name in names if not name.startswith(SILENT)]

    def _settings(self) -> None:
        """Put back what belongs to the process: signals, timers, streams, warnings, the folder."""
        threading.settrace(None)
        threading.setprofile(None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
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
        if self.shell is not None:
            self._shell()

    def _shell(self) -> None:
        """Let the shell read and run the next cell as it is written."""
        self.shell.user_ns, self.shell.input_transformer_manager = self.space, self.manager
        self.space["__builtins__"] = sys.modules["builtins"]
        for hooks, known in self.hooks:
            hooks[:] = known


def guarded(name: str, value: object, root: str) -> bool:
    """Say whether a name of a module is a function, a class, a module, a constant, or ours."""
    if callable(value) or isinstance(value, types.ModuleType):
        return True
    ours = root == "ibias" and not name.startswith("__")
    return ours or (not name.startswith("_") and isinstance(value, int | float | str | tuple))
