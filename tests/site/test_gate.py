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


def build(folder, cell):
    """Build a book of one page with the configuration of the real one."""
    book = folder / "book"
    book.mkdir()
    for name in ("_ext", "_assets", "_templates", "references.bib"):
        (book / name).symlink_to(ROOT / "book" / name)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    nbformat.write(new_notebook(cells=[TITLE, cell]), book / "index.ipynb")
    command = [sys.executable, ROOT / "tools" / "build.py", folder]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_a_book_without_fault_builds(tmp_path):
    done = build(tmp_path, new_code_cell("print(1)"))
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "_build" / "html" / "book" / "index.html").exists()
    log = (tmp_path / "_build" / "log.txt").read_text(encoding="utf-8")
    assert "Using cached notebook" in log
    assert "Executing notebook" not in log, "a notebook is executed twice"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_build(tmp_path, fault):
    cell, said = FAULTS[fault]
    done = build(tmp_path, cell)
    assert done.returncode != 0
    assert said in done.stdout
