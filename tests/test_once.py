"""Notebooks are executed once: nbval runs and judges them, and the build takes what it kept."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebooks import normalised
from running import execute, is_kept, kept

ROOT = Path(__file__).resolve().parent.parent
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def cell(source, *outputs, count=1):
    return new_code_cell(source, outputs=list(outputs), execution_count=count)


def run(folder, *options):
    """Run nbval over the book in a folder as `make checks` does."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "once", "--keep", folder, "--nbval"]
    command += ["--nbval-current-env", "--nbval-sanitize-with", SANITIZE, *options, folder / "book"]
    paths = os.pathsep.join(map(str, (ROOT / "tools", ROOT)))
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, cwd=folder, env=environment
    )


FAULTS = {
    "an altered output": (cell("print(2)", stream("3\n"), count=2), "Cell outputs differ"),
    "a cell that fails": (cell("1 / 0", count=2), "ZeroDivisionError"),
    "a line on stderr": (
        cell("import sys; print('careful', file=sys.stderr)", count=2),
        "Unexpected output fields",
    ),
    "an output that is missing": (cell("x = 2", stream("2\n"), count=2), "Missing output fields"),
    "a result that is another": (
        cell("[2]", new_output("execute_result", data={"text/plain": "[3]"}), count=2),
        "Cell outputs differ",
    ),
}
SOUND = {
    "sound": (
        cell("print('[measured 1.25]')", stream("[measured 1.26]\n")),
        cell("x = 2", count=2),
    ),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run over a book of sound notebooks and of faulty ones, two at a time."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "book").mkdir()
    pages = {name: (cell("print(1)", stream("1\n")), fault) for name, (fault, _) in FAULTS.items()}
    for name, cells in (pages | SOUND).items():
        path = folder / "book" / f"{name.replace(' ', '_')}.ipynb"
        nbformat.write(new_notebook(cells=list(cells)), path)
    return folder, run(folder, "-n", "2", "--dist", "loadfile")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_and_not_kept(name, ran):
    folder, done = ran
    path = folder / "book" / f"{name.replace(' ', '_')}.ipynb"
    assert done.returncode == 1
    assert f"{path.name}::Cell 1" in done.stdout, done.stdout + done.stderr
    assert FAULTS[name][1] in done.stdout
    assert not is_kept(kept(folder), path)


def test_a_sound_notebook_is_kept(ran):
    folder, done = ran
    assert f"{len(FAULTS)} failed" in done.stdout
    assert is_kept(kept(folder), folder / "book" / "sound.ipynb")
    assert not (folder / "_build" / "executed").exists()


def test_what_is_kept_is_what_a_run_gives(tmp_path):
    """Text, figures and the state of widgets: those of an execution without nbval."""
    (tmp_path / "book").mkdir()
    path = tmp_path / "book" / "page.ipynb"
    source = (
        "import matplotlib.pyplot as plt\nfrom ipywidgets import IntSlider\n"
        "print('one'); plt.plot([1, 2]); plt.show(); IntSlider(7)"
    )
    nbformat.write(new_notebook(cells=[cell(source), cell("IntSlider(8)", count=2)]), path)
    alone, _ = execute(path, widgets=True)
    path.write_text(normalised(alone))
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    record = kept(tmp_path).match_cache_notebook(nbformat.read(path, as_version=4))
    together = kept(tmp_path).get_cache_bundle(record.pk).nb
    assert normalised(together) == normalised(alone)
    assert shown(together, "image/png") == shown(alone, "image/png")
    assert len(shown(together, "image/png")) == 1
    assert together.metadata.language_info == alone.metadata.language_info
    for notebook in (together, alone):
        models = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        views = shown(notebook, "application/vnd.jupyter.widget-view+json")
        assert [models[view["model_id"]]["state"]["value"] for view in views] == [7, 8]
    assert record.data["memory"] > 10 and record.data["execution_seconds"] > 0


def shown(notebook, kind):
    """Return all that the notebook shows of one kind."""
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def test_a_notebook_that_runs_too_long_is_interrupted(tmp_path):
    for source, limits, said in (
        ("while True: pass", {"most": 2.0}, "used more than 2 s of a core"),
        ("import time; time.sleep(1e6)", {"still": 4.0}, "did nothing for 4 s"),
    ):
        path = tmp_path / "page.ipynb"
        nbformat.write(new_notebook(cells=[cell(source)]), path)
        with pytest.raises(TimeoutError, match=said):
            execute(path, **limits)


def test_no_tool_imports_itself_in_a_circle():
    tools = {path.stem: path for path in (ROOT / "tools").glob("*.py")}
    asks = {}
    for name, path in tools.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
        asks[name] = found & set(tools)
    while free := {name for name, needs in asks.items() if not needs}:
        asks = {name: needs - free for name, needs in asks.items() if name not in free}
    assert asks == {}, "these import each other in a circle"
