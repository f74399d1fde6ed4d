"""A book with a fault does not build: each fault is planted, and the build must fail."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TITLE = new_markdown_cell("# A page")
FAULTS = {
    "a cell that fails": (new_code_cell("1 / 0"), "ZeroDivisionError"),
    "a check that does not hold": (
        new_code_cell(
            "from ibias.claims import Check\n\n"
            'Check("S000-6", "limit", "one", lambda x: x, equals=1, tolerance=0.1)(2)'
        ),
        "CheckFailed",
    ),
    "a formula that does not parse": (new_markdown_cell(r"$\frac{1}{$"), "does not parse"),
    "a link to nowhere": (new_markdown_cell("[](no-such-label)"), "no-such-label"),
    "a dead widget": (
        new_code_cell("from ipywidgets import IntSlider\n\nIntSlider()"),
        "dead without a kernel",
    ),
}


def plant(folder, cell):
    """Write a book of one page with the configuration of the real one."""
    book = folder / "book"
    book.mkdir()
    for name in ("_ext", "_assets", "_templates", "references.bib"):
        (book / name).symlink_to(ROOT / "book" / name)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    nbformat.write(new_notebook(cells=[TITLE, cell]), book / "index.ipynb")


def build(folder):
    """Build the book in a folder."""
    command = [sys.executable, ROOT / "tools" / "build.py", folder]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_a_book_without_fault_builds(tmp_path):
    plant(tmp_path, new_code_cell("print(1)"))
    done = build(tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "_build" / "html" / "book" / "index.html").exists()
    log = (tmp_path / "_build" / "log.txt").read_text(encoding="utf-8")
    assert "Using cached notebook" in log
    assert "Executing notebook" not in log, "a notebook is executed twice"


def test_the_build_takes_what_nbval_has_executed(tmp_path):
    plant(tmp_path, new_code_cell("with open('runs', 'a') as runs:\n    print('once', file=runs)"))
    command = [sys.executable, "-m", "pytest", "-p", "once", "--keep", tmp_path, "--nbval"]
    paths = os.pathsep.join(map(str, (ROOT / "tools", ROOT)))
    judged = subprocess.run(
        [*command, "--nbval-current-env", tmp_path / "book"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout
    done = build(tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "book" / "runs").read_text() == "once\n", "a notebook is executed twice"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_build(tmp_path, fault):
    cell, said = FAULTS[fault]
    plant(tmp_path, cell)
    done = build(tmp_path)
    assert done.returncode != 0
    assert said in done.stdout
