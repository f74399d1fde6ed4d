"""What every trajectory can do: print itself in one line, be a file, be a table."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ibias._validate import read_only

if TYPE_CHECKING:
    import pandas

VERSION = 1  # of the file format
FORMAT = "ibias trajectory"
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, ValueError)


class Record:
    """The result of a run; the fields are those of the dataclass that inherits.

    Attributes
    ----------
    ENTRY : str
        What an iterate is called in a table.
    ENTRY_AXES : int
        How many of the last axes of `iterates` belong to one iterate.
    """

    ENTRY: ClassVar[str] = "w"
    ENTRY_AXES: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Record.__repr__  # a dataclass writes its own where the class has none

    def __repr__(self) -> str:
        times = np.shape(self.log_t)[0]
        low, high = np.min(self.log_t), np.max(self.log_t)
        return (
            f"{type(self).__name__}({times} times, log t from {low:.4g} to {high:.4g},"
            f" iterates {self.iterates.shape}, {self.status!r})"
        )

    def save(self, path: str | Path) -> Path:
        """Write everything to a file of numpy (npz), and return its path.

        Raises
        ------
        ValueError
            If the folder is not there.

        Examples
        --------
        >>> import tempfile
        >>> from ibias import datasets, flow
        >>> run = flow.gradient_flow(datasets.symmetric_pair(), log_t=[1.0, 9.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = run.save(f"{folder}/pair")
        ...     again = type(run).load(path)
        >>> path.name, bool((again.iterates == run.iterates).all())
        ('pair.npz', True)
        """
        path = _path(path)
        if not path.parent.is_dir():
            raise ValueError(
                f"path: the folder {str(path.parent)!r} is not there. Make it with"
                f" pathlib.Path({str(path.parent)!r}).mkdir(parents=True)."
            )
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "kind": type(self).__name__,
        }
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if isinstance(value, tuple):
                content |= {f"{name}:{k}": part for k, part in enumerate(value)}
            elif value is not None:
                content[f"{name}:"] = value
        np.savez_compressed(path, **content)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return what `save` wrote, bit by bit.

        Raises
        ------
        ValueError
            If there is no such file, or it holds something else.
        """
        path = _path(path)
        if not path.is_file():
            raise ValueError(f"path: there is no file {str(path)!r}. Give what save() returned.")
        try:
            with np.load(path, allow_pickle=False) as stored:
                content = dict(stored)
            known = content["format"].item() == FORMAT
        except UNREADABLE:
            known = False
        if not known:
            raise ValueError(
                f"path: {str(path)!r} is damaged, or no file of save(). numpy.load reads other npz."
            )
        if content["version"].item() != VERSION:
            raise ValueError(
                f"path: {str(path)!r} has version {content['version']} of the format, and this"
                f" ibias reads {VERSION}. Load it with the ibias that wrote it."
            )
        kind = content["kind"].item()
        kinds = {kin.__name__: kin for kin in (cls, *cls.__subclasses__())}
        if kind not in kinds:
            raise ValueError(f"path: {str(path)!r} holds a {kind}; load it with {kind}.load.")
        return kinds[kind](**{f.name: _field(content, f.name) for f in fields(kinds[kind])})

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a table of pandas, one row for each time and member of the batch.

        Its columns are `log_t`, `step` and `step_size` where they are known, the places in the
        batch (`batch_0`, ...), `log_risk`, and the entries of the iterate, `w_0`, `w_1`, ...; of
        a matrix they are `W_0_0`, `W_0_1`, ....

        Raises
        ------
        ImportError
            Without pandas.

        Examples
        --------
        >>> from ibias import datasets, flow
        >>> run = flow.gradient_flow(datasets.symmetric_pair(), log_t=[1.0, 9.0])
        >>> run.to_dataframe().round(3)
           log_t  log_risk    w_0    w_1
        0    1.0    -2.208  0.781  0.781
        1    9.0    -9.700  4.392  4.392
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas; `pip install pandas` gets it.") from error
        shape = self.iterates.shape[: self.iterates.ndim - self.ENTRY_AXES]
        places = np.indices(shape).reshape(len(shape), -1)[1:]
        columns = {"log_t": _column(self.log_t, shape)}
        for name, values in (("step", self.steps), ("step_size", self.step_sizes)):
            if values is not None:
                columns[name] = _column(values, shape)
        columns |= {f"batch_{k}": place for k, place in enumerate(places)}
        columns["log_risk"] = _column(self.log_risk, shape)
        for place in np.ndindex(self.iterates.shape[len(shape) :]):
            name = "_".join([self.ENTRY, *map(str, place)])
            columns[name] = self.iterates[(..., *place)].ravel()
        return DataFrame(columns)


def _path(path: str | Path) -> Path:
    """Return `path` with the ending .npz."""
    if not isinstance(path, (str, Path)) or not str(path):
        raise ValueError(f'path must be a name such as "run.npz"; got {path!r}')
    return path if (path := Path(path)).suffix == ".npz" else path.with_name(f"{path.name}.npz")


def _field(content: dict[str, np.ndarray], name: str) -> Any:
    """Return a field as it was saved: an array, a number, a text, a tuple of arrays or None."""
    if f"{name}:0" in content:
        parts = sum(key.startswith(f"{name}:") for key in content)
        return tuple(read_only(content[f"{name}:{k}"]) for k in range(parts))
    value = content.get(f"{name}:")
    if value is None or value.ndim:
        return value if value is None else read_only(value)
    return value.item()


def _column(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return `values`, whose first axes are those of `shape`, one for each row of the table."""
    values = np.asarray(values)
    values = values.reshape(values.shape + (1,) * (len(shape) - values.ndim))
    return np.broadcast_to(values, shape).ravel()
