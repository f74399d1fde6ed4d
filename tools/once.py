"""A plugin of pytest: what nbval has executed and judged is kept, and the build takes it.

    pytest -p once --keep . --nbval ... book

nbval stays the runner and the judge. The plugin reads the messages of the kernel along with it
and makes of them the executed notebook, with figures and the state of widgets. A notebook is
kept only if every one of its code cells ran and passed. Time is that of a core: the limits of
nbval on the clock are lifted, and `running.Watch` counts instead.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
import warm
from running import Cost, Watch, cost, keep, kept

LONG = 1e6  # seconds on the clock


class Listener:
    """Reads along while nbval runs the cells of one notebook."""

    def __init__(self, file: Any) -> None:
        from nbclient import NotebookClient

        self.file, self.notebook = file, deepcopy(file.nb)
        self.code = [i for i, c in enumerate(self.notebook.cells) if c.cell_type == "code"]
        for index in self.code:
            self.notebook.cells[index].outputs = []
        self.client = NotebookClient(self.notebook, store_widget_state=True, record_timing=False)
        self.client.reset_execution_trackers()
        self.client.clear_before_next_output = False
        told = file.kernel.kc.kernel_info(reply=True, timeout=LONG)["content"]
        self.notebook.metadata["language_info"] = told["language_info"]  # the build colours by it
        self.now, self.passed = 0, set()
        self.read, file.get_kernel_message = file.get_kernel_message, self.listen
        self.watch = Watch(file.kernel.km.provisioner.pid)
        self.watch.__enter__()

    def listen(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        """Return the next message, as nbval asks for it, and note what it adds to the cell."""
        from nbclient.exceptions import CellExecutionComplete

        message = self.read(timeout, stream)
        if message["parent_header"].get("msg_type") == "execute_request":
            index = self.code[self.now]
            with suppress(CellExecutionComplete):
                self.client.process_message(message, self.notebook.cells[index], index)
        return message

    def close(self) -> Cost | None:
        """Return what the kernel took, or None if not every cell ran and passed."""
        self.watch.__exit__()
        if self.passed != set(range(len(self.code))):
            return None
        for number, index in enumerate(self.code, start=1):
            cell = self.notebook.cells[index]
            cell.execution_count = number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
        self.client.set_widgets_metadata()
        kernel = self.file.kernel.km.provisioner
        taken = cost(kernel.pid)
        taken.core += warm.before(kernel)
        return taken


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where the book is."""
    parser.addoption("--keep", metavar="FOLDER", help="keep the executed notebooks of this book")


def _place(config: pytest.Config) -> Path:
    """Return where the processes of one run leave their notebooks."""
    return Path(config.option.keep).resolve() / "_build" / "executed"


def pytest_configure(config: pytest.Config) -> None:
    """Lift the limits on the clock; forget what an earlier run has left."""
    if config.option.keep:
        config.option.nbval_cell_timeout = LONG
        config.option.nbval_kernel_startup_timeout = LONG
        warm.register()
        if not hasattr(config, "workerinput"):
            shutil.rmtree(_place(config), ignore_errors=True)
            _place(config).mkdir(parents=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Listen while the cell runs."""
    if item.config.option.keep and hasattr(item, "cell_num"):
        if not hasattr(item.parent, "listener"):
            item.parent.listener = Listener(item.parent)
        item.parent.listener.now = item.cell_num
        item.output_timeout = LONG
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Note which cells pass, and why one was interrupted."""
    report = yield
    listener = getattr(item.parent, "listener", None)
    if listener and report.when == "call":
        if report.passed:
            listener.passed.add(item.cell_num)
        elif listener.watch.said:
            report.sections.append(("The kernel", f"It {listener.watch.said}."))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After the last cell, and before the kernel ends, leave the notebook for the first process."""
    listener = getattr(item.parent, "listener", None)
    if listener and (nextitem is None or nextitem.parent is not item.parent):
        if taken := listener.close():
            text = nbformat.writes(listener.notebook)
            left = {"path": str(item.path), "cost": vars(taken), "notebook": text}
            name = item.path.resolve().as_posix().replace("/", "-")
            (_place(item.config) / f"{name}.json").write_text(json.dumps(left), encoding="utf-8")
        del item.parent.listener
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Put into the cache what all processes have left."""
    warm.Oven.close()
    config = session.config
    if not config.option.keep or hasattr(config, "workerinput"):
        return
    folder = Path(config.option.keep).resolve()
    cache, config.costs = kept(folder), []
    for path in sorted(_place(config).glob("*.json")):
        left = json.loads(path.read_text(encoding="utf-8"))
        notebook, taken = nbformat.reads(left["notebook"], as_version=4), Cost(**left["cost"])
        keep(cache, Path(left["path"]), notebook, taken)
        config.costs.append((taken.core, f"{taken}  {os.path.relpath(left['path'], folder)}"))
    shutil.rmtree(_place(config))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which notebooks took most."""
    for _, line in sorted(getattr(config, "costs", []), reverse=True)[:5]:
        terminalreporter.write_line(line)
