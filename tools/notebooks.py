"""Execute, normalise and check the notebooks of the book.

    python tools/notebooks.py --execute [paths]   run, keep the text outputs, print the cost
    python tools/notebooks.py --normalise [paths] keep the text outputs of the last run
    python tools/notebooks.py --check [paths]     say what is wrong; exit status 1 if anything is

Git holds text outputs only: what a strict comparison reads, and nothing that differs between
two runs. The online book executes the notebooks afresh and shows their figures.
"""

import argparse
import ast
import hashlib
import re
import sys
from pathlib import Path

import address
import nbformat
from nbformat import NotebookNode
from running import execute

BOOK = Path(__file__).resolve().parent.parent / "book"
NOT_COMPARED = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")
CELL_METADATA = ("mystnb", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# The first cell of every notebook; the book leaves it out.
COLAB = """\
import sys

if "google.colab" in sys.modules:  # a hosted machine that has all that ibias needs, but not ibias
    wheel = "--no-index --find-links {pages}/packages/ ibias"
    get_ipython().run_line_magic("pip", f"install --quiet --no-deps {{wheel}}")
    get_ipython().run_line_magic("pip", "install --quiet cvxpy clarabel")"""
SKIPPED = r"\.ipynb_checkpoints/|book/coursework/"
HIDDEN = "remove-cell"
LONGEST_CELL = 20  # lines
SHORTEST_ALT = 40  # characters


def notebooks(paths: list[str] | None = None) -> list[Path]:
    """Return the notebooks among `paths` (folders are searched), or all of the book.

    The coursework is left out: its cells are empty on purpose, and it has tests of its own.
    """
    found = []
    for path in map(Path, paths or [BOOK]):
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    return [path for path in found if not re.search(SKIPPED, path.as_posix())]


def normalised(notebook: NotebookNode) -> str:
    """Return the text of the notebook with nothing in it that differs between two runs."""
    cells, seen, executed = [], {}, 0
    for cell in _with_first_cell(notebook.cells):
        source = cell.source.rstrip()
        if cell.cell_type == "markdown":
            source = _with_tildes(source)
        if not source:
            continue
        digest = hashlib.sha256(f"{cell.cell_type}\n{source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        kept = {
            "cell_type": cell.cell_type,
            "id": digest if seen[digest] == 1 else f"{digest}-{seen[digest]}",
            "metadata": {k: cell.metadata[k] for k in CELL_METADATA if cell.metadata.get(k)},
            "source": source,
        }
        if cell.cell_type == "code":
            executed += 1
            was_run = cell.execution_count is not None
            kept["execution_count"] = executed if was_run else None
            kept["outputs"] = _text_outputs(cell.outputs, executed)
        cells.append(kept)
    fields = {"cells": cells, "metadata": NOTEBOOK_METADATA, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.writes(nbformat.from_dict(fields)) + "\n"


def _with_tildes(source: str) -> str:
    """Return Markdown with tildes for fences whose title holds backticks.

    A fence of backticks ends at the first backtick of its own first line, and what it should
    have held becomes running text.
    """
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if match := re.match(r"(\s*)(`{3,})(\{.*`.*)", line):
            indent, fence, rest = match.groups()
            lines[number] = indent + "~" * len(fence) + rest
            for later in range(number + 1, len(lines)):
                if lines[later].strip() == fence:
                    lines[later] = indent + "~" * len(fence)
                    break
    return "\n".join(lines)


def _with_first_cell(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells with the one that installs the package in Colab at their head."""
    own = [cell for cell in cells if "google.colab" not in cell.source]
    was_run = any(cell.get("execution_count") for cell in own)
    first = nbformat.v4.new_code_cell(
        COLAB.format(pages=f"https://{address.forms(address.current())[-1]}"),
        metadata={"tags": [HIDDEN]},
        execution_count=1 if was_run else None,
    )
    return [first, *own] if any(cell.cell_type == "code" for cell in own) else own


def _text_outputs(outputs: list, execution_count: int) -> list[dict]:
    """Return the outputs that a strict comparison reads; streams merged, stdout first."""
    streams, rest = {}, []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
        elif kind in ("display_data", "execute_result"):
            data = {k: v for k, v in output["data"].items() if k not in NOT_COMPARED}
            kept = {"output_type": kind, "data": data, "metadata": {}}
            if kind == "execute_result":
                kept["execution_count"] = execution_count
            rest.append(kept)
        else:
            rest.append(dict(output))
    names = [name for name in ("stdout", "stderr") if name in streams]
    return [{"output_type": "stream", "name": n, "text": streams[n]} for n in names] + rest


def problems(path: Path) -> list[str]:
    """Return what is wrong with a notebook, in words; an empty list if nothing is."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    found = []
    if text != normalised(notebook):
        found.append("not normalised: run `make notebooks`")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if code and not any(cell.outputs for cell in code):
        found.append("no stored outputs: a comparison would compare nothing")
    for number, cell in enumerate(notebook.cells, start=1):
        rules = _code_problems if cell.cell_type == "code" else _markdown_problems
        found += [f"cell {number}: {problem}" for problem in rules(cell)]
    visible = [cell for cell in code if HIDDEN not in cell.metadata.get("tags", [])]
    for cell in code[code.index(visible[0]) + 1 :] if visible else []:
        if any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(_parse(cell))):
            found.append(f"imports after the first code cell: {cell.source.splitlines()[0]!r}")
    return found


def _parse(cell: NotebookNode) -> ast.Module:
    """Return the syntax tree of a code cell, line magics left out."""
    return ast.parse(re.sub(r"(?m)^[%!].*$", "", cell.source))


def _code_problems(cell: NotebookNode) -> list[str]:
    found = []
    lines = len(cell.source.splitlines())
    if lines > LONGEST_CELL:
        found.append(f"{lines} lines of code; at most {LONGEST_CELL}")
    if cell.source.endswith(";"):
        found.append("ends in ';', which a comparison ignores: end in a call that returns None")
    if cell.execution_count is None:
        found.append("never executed")
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"stores an error, {output.ename}")
        elif output.get("name") == "stderr":
            found.append(f"writes to stderr: {output.text.splitlines()[0]!r}")
    shown = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    if any(re.match(r"array\(|np\.|[-\[({\d]", text) for text in shown):
        found.append("ends in an expression that echoes raw numbers; print a check instead")
    if any(re.search(r"\bat 0x[0-9a-f]+", text) for text in shown):
        found.append("shows the address of an object, which differs between two runs")
    figures = sum(text.startswith("<Figure size") for text in shown)
    if figures > 1:
        found.append(f"shows {figures} figures; one a cell, each with its own text and caption")
    if figures:
        options = cell.metadata.get("mystnb", {})
        found += _alt_problems(options.get("image", {}).get("alt", ""))
        if not options.get("figure", {}).get("caption"):
            found.append("figure without a caption (metadata mystnb.figure.caption)")
        if not options.get("figure", {}).get("name", "").startswith("fig-"):
            found.append("figure without a name fig-... (metadata mystnb.figure.name)")
    return found


def _markdown_problems(cell: NotebookNode) -> list[str]:
    found = []
    if name := re.search(r"\{prf:ref\}`(ex-[\w-]+)`", cell.source):
        found.append(f"exercises are linked by {{ref}}: {name[1]}")
    if re.search(r"(?m)^[`~:]{3,}\{prf:proof\} +\S.*\n:", cell.source):
        found.append("a proof with options has its text below them, not beside its name")
    images = re.findall(r"!\[([^\]]*)\]\(", cell.source)
    for tag in re.findall(r"<img\b[^>]*>", cell.source):
        match = re.search(r"""\balt=(["'])(.*?)\1""", tag)
        images.append(match[2] if match else "")
    return found + [problem for alt in images for problem in _alt_problems(alt)]


def _alt_problems(alt: str) -> list[str]:
    """Return why `alt` does not say, in a sentence, what a figure shows."""
    alt = alt.strip()
    if not alt:
        return ["figure without alt text (metadata mystnb.image.alt)"]
    if len(alt) < SHORTEST_ALT:
        return [f"alt text of {len(alt)} characters says too little: {alt!r}"]
    if re.search(r"\.(png|svg|jpe?g|gif)\b", alt) or " " not in alt:
        return [f"alt text is a file name: {alt!r}"]
    if alt[-1] not in ".!?" or len(alt.split()) < 7:
        return [f"alt text reads like a title; say in a sentence what the figure shows: {alt!r}"]
    return []


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--execute", action="store_true", help="run and normalise")
    action.add_argument("--normalise", action="store_true", help="normalise, do not run")
    action.add_argument("--check", action="store_true", help="report what is wrong")
    parser.add_argument("paths", nargs="*", help="notebooks or folders; without any, the book")
    arguments = parser.parse_args()
    failed = False
    for path in notebooks(arguments.paths):
        if arguments.execute:
            notebook, cost = execute(path)
            print(f"{cost}  {path}", flush=True)
        elif arguments.normalise:
            notebook = nbformat.read(path, as_version=4)
        if not arguments.check:
            path.write_text(normalised(notebook), encoding="utf-8", newline="\n")
        for problem in problems(path):
            failed = True
            print(f"{path}: {problem}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
