"""What the notebook tells its student: how to begin and hand in, links that work, hints."""

import copy
import posixpath
import re

import address
import nbformat
from nbformat import NotebookNode

BEGIN = """\
## Before you begin, and when you hand in

This notebook runs [in your browser]({binder}), [in Colab]({colab}), or on your machine: with Python
3.11 or newer, `pip install git+{url}`, then `pip install jupyterlab` and
`jupyter lab {name}.ipynb`. In a browser, download the file before you leave: a session that ends
keeps nothing.

Fill in your identifier below. Write your answers in the places of the three dots, and your texts
below the questions that ask for one. Add cells as you like, and leave the cells that were given as
they are: they are restored before grading.

Before you hand in, restart the kernel and run all cells: an answer that needs a cell you deleted
shows itself only then. Save, and hand in this one file, `{name}.ipynb`. Each question has
{seconds} seconds of a core."""
SECONDS = 30
HINT = re.compile(
    r"(?s)^Hint 1: (?P<first>.+?)\n\nHint 2: (?P<second>.+?)(?=\n\n|\Z)", re.MULTILINE
)
UNFOLDED = """\
<details>
<summary>A first hint</summary>

{first}

<details>
<summary>A second hint</summary>

{second}

</details>
</details>"""
LINK = re.compile(r"\]\((?P<to>[^):]+)\)")


def with_help(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return a student notebook that says how to begin, and whose hints unfold in two steps."""
    url = address.current()
    _, gh, github, _ = address.forms(url)
    path = f"book/coursework/{name}.ipynb"
    text = BEGIN.format(
        binder=f"https://mybinder.org/v2/{gh}/main?urlpath=lab/tree/{path}",
        colab=f"https://colab.research.google.com/{github}/blob/main/{path}",
        url=url,
        name=name,
        seconds=SECONDS,
    )
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = HINT.sub(lambda m: UNFOLDED.format(**m.groupdict()), cell.source)
    first = next(k for k, cell in enumerate(notebook.cells) if cell.cell_type == "markdown")
    notebook.cells.insert(first + 1, nbformat.v4.new_markdown_cell(text))
    return notebook


def handed_out(notebook: NotebookNode) -> NotebookNode:
    """Return a copy whose links lead to the published book, wherever the file is opened."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(_public, cell.source)
    return notebook


def _public(link: re.Match) -> str:
    """Return a link within the book as an address."""
    page, _, place = link["to"].partition("#")
    page = posixpath.normpath(posixpath.join("book/coursework", page))
    page = re.sub(r"\.(ipynb|md)$", ".html", page)
    site = address.forms(address.current())[3]
    return f"](https://{site}/{page}{'#' + place if place else ''})"
