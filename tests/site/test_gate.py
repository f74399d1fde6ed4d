"""A book with a fault does not build: each fault is planted, and the build must fail."""

import os
import shutil
import subprocess
import sys

import nbformat
from bs4 import BeautifulSoup
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TITLE = new_markdown_cell("# A page")
CHECK = (
    "from ibias.claims import Check\n\n"
    'Check("S000-6", "limit", "one", lambda x: x, equals=1, tolerance=0.1)(2)'
)
# What a page holds, and what the build says of it. The first stop it before a page is made.
FAILING = {
    "a cell that fails": (new_code_cell("1 / 0"), "ZeroDivisionError"),
    "a check that does not hold": (new_code_cell(CHECK), "CheckFailed"),
}
WARNED = {
    "a formula that does not parse": (new_markdown_cell(r"$\frac{1}{$"), "does not parse"),
    "a link to nowhere": (new_markdown_cell("[](no-such-label)"), "no-such-label"),
    "a dead widget": (
        new_code_cell("from ipywidgets import IntSlider\n\nIntSlider()"),
        "dead without a kernel",
    ),
}


def plant(folder, first, **others):
    """Write a book of one page and others, with the configuration of the real one."""
    book = folder / "book"
    book.mkdir()
    for name in ("_ext", "_assets", "_templates", "references.bib"):
        (book / name).symlink_to(ROOT / "book" / name)
    shutil.copy(ROOT / "_config.yml", folder)
    toc = ["format: jb-book", "root: book/index", *(["chapters:"] if others else [])]
    toc += [f"- file: book/{name}" for name in others]
    (folder / "_toc.yml").write_text("\n".join(toc) + "\n")
    for name, cell in {"index": first, **others}.items():
        nbformat.write(new_notebook(cells=[TITLE, cell]), book / f"{name}.ipynb")


def build(folder):
    """Build the book in a folder, with JupyterLite if it is there."""
    command = [sys.executable, ROOT / "tools" / "build.py", folder, "--lite"]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def menu(folder):
    """Return what the launch menu of the first page says, with where each leads."""
    text = (folder / "_build" / "html" / "book" / "index.html").read_text(encoding="utf-8")
    links = BeautifulSoup(text, "html.parser").select_one(".dropdown-launch-buttons").select("a")
    return [(" ".join(link.get_text().split()), link["href"]) for link in links]


def built(folder, faults):
    """Build a book of a sound page and of a page with each fault."""
    cells = {name(what): cell for what, (cell, _) in faults.items()}
    plant(folder, new_code_cell("print(1)"), **cells)
    return build(folder)


def name(fault):
    """Return the name of the page with a fault."""
    return fault.replace(" ", "_")


def test_a_book_without_fault_builds_and_takes_what_nbval_has_executed(tmp_path):
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
    html = tmp_path / "_build" / "html"
    assert "Using cached notebook" in log(tmp_path)
    assert (tmp_path / "book" / "runs").read_text() == "once\n", "a notebook is executed twice"
    # Where JupyterLite is not there, nothing says that it is.
    assert [text for text, _ in menu(tmp_path)] == ["Binder", "Colab"]
    assert not (html / "lite").exists()
    assert "try-it" not in (html / "book" / "index.html").read_text("utf-8")
    assert not (html / "_static" / "try.js").exists()


def log(folder):
    """Return what Sphinx has said of a book."""
    return (folder / "_build" / "log.txt").read_text(encoding="utf-8")


def test_a_cell_that_fails_fails_the_build(tmp_path, subtests):
    """It is said which one of which page, and no page is made."""
    done = built(tmp_path, FAILING)
    assert done.returncode != 0
    assert not (tmp_path / "_build" / "html").exists()
    for fault, (_, said) in FAILING.items():
        with subtests.test(fault):
            _, _, of_this_page = done.stdout.partition(f"{name(fault)}.ipynb fails:\n")
            assert said in of_this_page.partition(".ipynb fails:\n")[0], done.stdout


def test_a_fault_fails_the_build(tmp_path, subtests):
    """Any warning does: each of these is one, and there is no other."""
    done = built(tmp_path, WARNED)
    assert done.returncode != 0
    warnings = [line for line in done.stdout.split("it ends:")[0].splitlines() if "WARNING" in line]
    assert len(warnings) == len(WARNED), done.stdout
    for fault, (_, said) in WARNED.items():
        with subtests.test(fault):
            (own,) = (line for line in warnings if f"{name(fault)}.ipynb" in line)
            assert said in own
    assert "Using cached notebook" in log(tmp_path)
    assert "Executing notebook" not in log(tmp_path), "a notebook is executed twice"
