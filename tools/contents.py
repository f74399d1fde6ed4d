"""The table of contents of the book, which stands in `_toc.yml`."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def parts() -> list[tuple[str, list[str]]]:
    """Return the parts of the book with their pages, without suffix; the first has no name."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    named = [(part["caption"], [c["file"] for c in part["chapters"]]) for part in toc["parts"]]
    return [("", [toc["root"]]), *named]


def notebooks_in_order() -> list[str]:
    """Return the pages that are notebooks, in the order of the contents."""
    pages = [page for _, some in parts() for page in some]
    return [page for page in pages if (ROOT / f"{page}.ipynb").exists()]
