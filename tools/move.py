"""Write another public address of the repository wherever it stands.

python tools/move.py https://github.com/someone/their-name
"""

import sys

import nbformat
from address import ROOT, current, files, forms, rewrite
from notebooks import normalised


def main(url: str) -> int:
    """Write the address `url` wherever it stands."""
    old = current()
    try:
        new = f"https://{forms(url)[0]}"
    except ValueError as problem:
        print(problem)
        return 1
    for path in files():
        text = path.read_text(encoding="utf-8")
        changed = rewrite(text, old, new)
        if changed != text:
            if path.suffix == ".ipynb":  # the id of a cell follows its source
                changed = normalised(nbformat.reads(changed, as_version=4))
            path.write_text(changed, encoding="utf-8", newline="\n")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
