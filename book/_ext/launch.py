"""Run a page in the reader's own browser: the first button of the launch menu.

The button is there only if JupyterLite stands beside the book: `tools/build.py --lite` says where
by the variable LITE. Its weight is what a browser loads before the first cell runs.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri


def megabytes(lite: Path) -> int:
    """Return what a browser loads of the folder, in megabytes, rounded up."""
    files = json.loads((lite / "weight.json").read_text(encoding="utf-8"))
    return -(-sum(files.values()) // 1_000_000)


def add_button(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Put "In this browser" before the buttons that open the page on a server."""
    lite = os.environ.get("LITE")
    if not lite or not Path(app.srcdir, f"{pagename}.ipynb").exists():
        return
    menus = [one for one in context["header_buttons"] if one.get("label") == "launch-buttons"]
    if not menus:
        raise ValueError(f"{pagename} has no launch menu; set launch_buttons in _config.yml.")
    here = relative_uri(f"{pagename}.html", "lite/notebooks/index.html")
    menus[0]["buttons"].insert(
        0,
        {
            "type": "link",
            "text": f"In this browser ({megabytes(Path(lite))} MB)",
            "tooltip": "Run this page in your browser: no account, no server",
            "icon": "fas fa-play",
            "url": f"{here}?path={quote(pagename)}.ipynb",
        },
    )


def setup(app: Sphinx) -> dict:
    """Run after the theme has made its menu."""
    app.connect("html-page-context", add_button, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
