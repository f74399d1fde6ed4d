"""Docstrings are plain text with `names` in backticks; reStructuredText reads more into it.

A norm is written |w|, a product a * b, an optimum w*: none of these is markup. What stands in
backticks, and examples, are left alone.
"""

import re
from typing import Any

from sphinx.application import Sphinx

SPAN = re.compile(r"(``.*?``|`[^`]*`)")
MARKUP = re.compile(r"[|*]|(?<=\w)_(?!\w)")


def escape(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape what is not meant as markup, in place."""
    example = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">>>"):
            example = True
        elif not line.strip():
            example = False
        if not example:
            parts = SPAN.split(line)
            parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
            lines[number] = "".join(parts)


def setup(app: Sphinx) -> dict:
    """Run before napoleon reads the sections of a docstring."""
    app.connect("autodoc-process-docstring", escape, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
