"""Answers that try the tests, and the names that code defines."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ANSWER_HEAD = re.compile(r"(?m)^# %% (\w+)(?: \((\d+) of \d+\))?: (.+)\n")


@dataclass(frozen=True)
class Answer:
    """An answer that tries the tests: to which question, in words, its code, what it gets."""

    question: str
    about: str
    code: str
    points: float = 0


def read(path: Path) -> list[Answer]:
    """Read answers: `# %% q3: in words`, or `# %% q4 (2 of 4): in words`, and the code below."""
    text = path.read_text(encoding="utf-8")
    heads = list(ANSWER_HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
    return [
        Answer(head[1], head[3], text[head.end() : end].strip(), float(head[2] or 0))
        for head, end in zip(heads, ends, strict=True)
    ]


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of a cell, without its magics; none if it does not parse."""
    try:
        return ast.parse(re.sub(r"(?m)^[ \t]*[%!].*$", "", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def bound(source: str) -> set[str]:
    """Return the names that a cell defines at its top level; none if it does not parse."""
    names = set()
    for node in parsed(source):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)}
    return names


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)
