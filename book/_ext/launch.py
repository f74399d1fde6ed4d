"""Run a page in the reader's own browser: whole, or its experiment in place.

The first button of the launch menu opens the page in JupyterLite. Behind "Try it", below the
experiment of the page, its code is edited and run on the page itself, by try.js. Both are there
only if JupyterLite stands beside the book: `tools/build.py --lite` says where by the variable
LITE. The weight is what a browser loads before the first cell runs.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from docutils import nodes
from experiment import experiment
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

WITHOUT = "book/coursework/"  # here the code is the student's, and must not be lost


def beside(app: Sphinx, pagename: str) -> Path | None:
    """Return where JupyterLite stands, for a page that is a notebook."""
    lite = os.environ.get("LITE")
    return Path(lite) if lite and Path(app.srcdir, f"{pagename}.ipynb").exists() else None


def megabytes(lite: Path) -> int:
    """Return what a browser loads of the folder, in megabytes, rounded up."""
    files = json.loads((lite / "weight.json").read_text(encoding="utf-8"))
    return -(-sum(files.values()) // 1_000_000)


def add_button(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Put "In this browser" before the buttons that open the page on a server."""
    lite = beside(app, pagename)
    if lite is None:
        return
    menus = [one for one in context["header_buttons"] if one.get("label") == "launch-buttons"]
    if not menus:
        raise ValueError(f"{pagename} has no launch menu; set launch_buttons in _config.yml.")
    here = relative_uri(f"{pagename}.html", "lite/notebooks/index.html")
    menus[0]["buttons"].insert(
        0,
        {
            "type": "link",
            "text": f"In this browser ({megabytes(lite)} MB)",
            "tooltip": "Run this page in your browser: no account, no server",
            "icon": "fas fa-play",
            "url": f"{here}?path={quote(pagename)}.ipynb",
        },
    )


def code_name(pagename: str) -> str:
    """Return the file name of the code of a page's experiment."""
    return f"{pagename.replace('/', '-')}.json"


def add_experiment(app: Sphinx, doctree: nodes.document, pagename: str) -> None:
    """Put "Try it" below the experiment of a page; its code waits in a file until the click."""
    lite = beside(app, pagename)
    if lite is None or app.builder.format != "html" or pagename.startswith(WITHOUT):
        return
    found = experiment(nbformat.read(Path(app.srcdir, f"{pagename}.ipynb"), as_version=4))
    if found is None:
        return
    cells = doctree.findall(nodes.container)
    (place,) = (c for c in cells if "cell" in c["classes"] and c["cell_index"] == found.index)
    shelf = Path(app.outdir, "_static", "try")
    shelf.mkdir(parents=True, exist_ok=True)
    code = json.dumps({"before": found.before, "code": found.code})
    (shelf / code_name(pagename)).write_text(code, encoding="utf-8")
    root = relative_uri(f"{pagename}.html", "")
    html = (
        f'<div class="try-it" data-root="{root}" data-code="_static/try/{code_name(pagename)}">'
        '<button type="button">Try it</button> <span role="status">Change this code and run it'
        f" here, in your browser (loads {megabytes(lite)} MB, once).</span></div>"
    )
    place.parent.insert(place.parent.index(place) + 1, nodes.raw("", html, format="html"))


def add_script(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Load the script on pages with an experiment."""
    if 'class="try-it"' in context.get("body", ""):
        app.add_js_file("try.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Run after the theme has made its menu."""
    app.connect("doctree-resolved", add_experiment)
    app.connect("html-page-context", add_button, priority=600)
    app.connect("html-page-context", add_script, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
