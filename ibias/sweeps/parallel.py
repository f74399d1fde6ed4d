"""Many cells in parallel: on all cores by joblib, on many machines by its dask backend.

Every finished cell is kept in a folder, under the hash of the code and of its setting: a sweep
that was stopped goes on where it was. joblib is imported when a sweep runs, not before.

    with joblib.parallel_config(backend="dask"):  # a distributed.Client is there: nothing changes
        sweeps.grid.compute()
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ibias import progress

FOLDER = Path("_build") / "sweeps"


def key(code: str, cell: dict[str, Any]) -> str:
    """Return the name of a cell: the hash of the code and of the setting."""
    text = code + json.dumps(cell, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def run(
    function: Callable[..., Any],
    cells: Sequence[dict[str, Any]],
    *,
    code: str,
    folder: Path | str | None = FOLDER,
    n_jobs: int | None = None,
) -> list[Any]:
    """Return function(**cell) for every cell, in their order.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it; returns what JSON can hold.
    cells : list of dict
        Keyword arguments, of numbers and strings.
    code : str
        The hash of the code the results rest on: other code computes them anew.
    folder : path, optional
        Where finished cells are kept; None keeps none.
    n_jobs : int, optional
        Processes; all cores if not given, or what ``joblib.parallel_config`` says.
    """
    from joblib import Parallel, delayed

    names = [key(code, cell) for cell in cells]
    kept = None if folder is None else Path(folder)
    results: dict[int, Any] = {}
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        for index, name in enumerate(names):
            if (kept / name).exists():
                results[index] = json.loads((kept / name).read_text(encoding="utf-8"))
    left = [index for index in range(len(cells)) if index not in results]
    pool = Parallel(n_jobs=n_jobs or _jobs(), return_as="generator_unordered")
    with progress.Bar("sweeping", len(cells)) as bar:
        for index, result in pool(
            delayed(_numbered)(index, function, cells[index]) for index in left
        ):
            text = json.dumps(result)
            results[index] = json.loads(text)
            if kept is not None:
                _write(kept / names[index], text)
            bar.at(len(results))
    return [results[index] for index in range(len(cells))]


def _numbered(index: int, function: Callable[..., Any], cell: dict[str, Any]) -> tuple[int, Any]:
    """Return the number of a cell with its result; of whatever process."""
    return index, function(**cell)


def _jobs() -> int | None:
    """Return all cores, or None where a surrounding ``parallel_config`` decides."""
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    return None if n_jobs not in (None, 1) or "Dask" in type(backend).__name__ else -1


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, whoever else writes it."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
