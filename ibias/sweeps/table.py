"""A stored table and the hash of the code that made it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """The rows of one sweep.

    Attributes
    ----------
    name : str
        The module of `ibias.sweeps` that computes it.
    code : str
        SHA-256 of the modules it rests on, at the time when it was made.
    settings : dict
        What was the same in all rows.
    rows : list of dict
        One a cell.
    """

    name: str
    code: str
    settings: dict[str, Any]
    rows: list[dict[str, Any]]


def code_hash(modules: tuple[str, ...]) -> str:
    """Return the SHA-256 of the sources of `modules`, such as ``"flow/matrix.py"``.

    Examples
    --------
    >>> code_hash(('sweeps/table.py',)) == code_hash(('sweeps/table.py',)), len(code_hash(()))
    (True, 64)
    """
    digest = hashlib.sha256()
    for module in modules:
        text = files("ibias").joinpath(module).read_text(encoding="utf-8")
        digest.update(text.replace("\r\n", "\n").encode())
    return digest.hexdigest()


def load(name: str) -> Table:
    """Return the stored table `name`; a missing one raises and says how to make it.

    Examples
    --------
    >>> table = load('recovery')
    >>> table.name, sorted(table.rows[0])
    ('recovery', ['errors', 'method', 'n_observed'])
    """
    source = files("ibias.sweeps").joinpath(f"{name}.json")
    if not source.is_file():
        raise ValueError(f"there is no table {name!r}; make it with: python tools/sweeps.py {name}")
    return Table(**json.loads(source.read_text(encoding="utf-8")))


def store(table: Table, folder: Path = Path(__file__).parent) -> Path:
    """Write `table` into the folder of the stored ones, a row a line, and return the path.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store(load("recovery"), Path(folder)).name
    'recovery.json'
    """
    if os.environ.get("IBIAS_SEED", "0") not in ("", "0"):
        raise ValueError("tables are stored for the default seed; unset IBIAS_SEED.")
    path = folder / f"{table.name}.json"
    fields = asdict(table)
    rows = ",\n  ".join(json.dumps(row) for row in fields.pop("rows"))
    head = json.dumps(fields, indent=1).removesuffix("\n}")
    path.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n', encoding="utf-8")
    return path
