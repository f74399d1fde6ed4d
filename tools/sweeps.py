"""Compute the stored tables again: `python tools/sweeps.py [name ...]`, all without a name.

Each sweep is a module of `ibias.sweeps` with a NAME and a function compute() -> Table; its
table is stored beside it, with the hash of the code that made it. Cells run on all cores;
`--dask tcp://HOST:8786` runs them on a cluster instead (`--dask local` starts one here).
"""

import argparse
import contextlib
import os
import time
from collections.abc import Iterator

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from ibias import sweeps  # noqa: E402  (after the thread count is set)

MODULES = (sweeps.dimension, sweeps.falsifier, sweeps.grid, sweeps.initial_scale, sweeps.recovery)
SWEEPS = {module.NAME: module for module in MODULES}


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Run what joblib runs on a dask cluster, if one is named."""
    if address is None:
        yield
        return
    import joblib
    from distributed import Client

    with Client(None if address == "local" else address), joblib.parallel_config(backend="dask"):
        yield


def main() -> None:
    """Compute and store the tables named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SWEEPS)}; all if none is given")
    parser.add_argument("--dask", metavar="ADDRESS", help="a dask scheduler; local starts one")
    arguments = parser.parse_args()
    names = arguments.names or list(SWEEPS)
    if unknown := set(names) - set(SWEEPS):
        parser.error(f"unknown sweep {sorted(unknown)}; choose from {', '.join(SWEEPS)}")
    for name in names:
        start = time.perf_counter()
        with cluster(arguments.dask):
            path = sweeps.store(SWEEPS[name].compute())
        print(f"{path} ({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
