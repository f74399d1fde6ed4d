"""Compute the stored tables again: `python tools/sweeps.py [name ...]`, all without a name.

Each sweep is a module of `ibias.sweeps` with a NAME and a function compute() -> Table; its
table is stored beside it, with the hash of the code that made it.
"""

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from ibias import sweeps  # noqa: E402  (after the thread count is set)

MODULES = (sweeps.dimension, sweeps.initial_scale, sweeps.recovery)
SWEEPS = {module.NAME: module for module in MODULES}


def main() -> None:
    """Compute and store the tables named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SWEEPS)}; all if none is given")
    names = parser.parse_args().names or list(SWEEPS)
    if unknown := set(names) - set(SWEEPS):
        parser.error(f"unknown sweep {sorted(unknown)}; choose from {', '.join(SWEEPS)}")
    for name in names:
        start = time.perf_counter()
        path = sweeps.store(SWEEPS[name].compute())
        print(f"{path} ({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
