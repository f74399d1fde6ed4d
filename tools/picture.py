"""Write the picture of the README: the figure of the book's front page, as a small SVG."""

import json
from pathlib import Path

import matplotlib as mpl

from ibias.plots.vector import svg

BOOK = Path(__file__).resolve().parent.parent / "book"
PICTURE = BOOK / "front.svg"


def main() -> None:
    """Run the cell that draws the figure, and store what it drew."""
    mpl.use("Agg")
    cells = json.loads((BOOK / "index.ipynb").read_text(encoding="utf-8"))["cells"]
    cell = next(cell for cell in cells if "figure" in cell["metadata"].get("mystnb", {}))
    names: dict = {}
    exec("".join(cell["source"]), names)
    alt = cell["metadata"]["mystnb"]["image"]["alt"]
    PICTURE.write_text(svg(names["figure"], alt, salt="front") + "\n", encoding="utf-8")
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
