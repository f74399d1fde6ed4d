"""Try the package on random problems, each judged by independent code: `make fuzz`.

    python tools/fuzz.py [--seed 17] [--problems 1000] [--only 123] [fuzzers]

A fuzzer is a module of `tests/fuzz` with a function `problem(rng)` that returns an `Outcome`
(see `tests/fuzz/outcome.py`). Problem i of seed S is drawn from default_rng([S, i]), so that
`--seed S --only i` runs it again. Exit status 1 if one problem was silently wrong or its error
unclear, or if more than 2 % of the ordinary ones were refused.
"""

import argparse
import importlib
import os
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from types import ModuleType

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the thread count is set)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fuzz.outcome import REFUSED, SILENT, UNCLEAR, VERDICTS, Outcome  # noqa: E402

REFUSALS = 0.02  # of the ordinary problems


def fuzzers(names: list[str]) -> dict[str, ModuleType]:
    """Return the modules of `tests/fuzz` that pose problems: those named, or all."""
    found = {}
    for path in sorted((ROOT / "tests" / "fuzz").glob("*.py")):
        module = importlib.import_module(f"tests.fuzz.{path.stem}")
        if hasattr(module, "problem") and (not names or path.stem in names):
            found[path.stem] = module
    if not found:
        raise SystemExit(f"no fuzzer among {names}; tests/fuzz holds the modules")
    return found


def judged(fuzzer: ModuleType, seed: int, number: int) -> Outcome:
    """Return the outcome of one problem; a crash or a leaked warning is an unclear error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return fuzzer.problem(np.random.default_rng([seed, number]))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        said = f"{type(error).__name__} at {where}: {str(error)[:300]}"
        return Outcome(UNCLEAR, "crash", said=said)


def report(name: str, seed: int, outcomes: dict[int, Outcome]) -> bool:
    """Print the table of one fuzzer and what failed; return whether it passed."""
    kinds = Counter((one.kind, one.verdict) for one in outcomes.values())
    print(f"\n{name}, seed {seed}: {len(outcomes)} problems")
    print(f"  {'':34}" + "".join(f"{verdict:>10}" for verdict in VERDICTS))
    for kind in sorted({kind for kind, _ in kinds}):
        print(f"  {kind:34}" + "".join(f"{kinds[kind, verdict]:10}" for verdict in VERDICTS))
    ordinary = {i: one for i, one in outcomes.items() if one.ordinary}
    refused = {i: one for i, one in ordinary.items() if one.verdict == REFUSED}
    wrong = {i: one for i, one in outcomes.items() if one.verdict in (SILENT, UNCLEAR)}
    print(f"  {len(ordinary)} are ordinary, and {len(refused)} of these were refused")
    for number, one in (wrong | refused).items():
        print(f"  --only {number}: {one.verdict}, {one.kind}: {one.said}")
    return not wrong and len(refused) <= REFUSALS * len(ordinary)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None, help="without it, a new one")
    parser.add_argument("--problems", type=int, default=1000, help="for each fuzzer")
    parser.add_argument("--only", type=int, default=None, help="the number of one problem")
    parser.add_argument("names", nargs="*", help="fuzzers; without any, all of them")
    arguments = parser.parse_args()
    seed = arguments.seed
    if seed is None:
        seed = int(np.random.SeedSequence().entropy % 1_000_000)
    print(f"seed {seed}", flush=True)
    numbers = range(arguments.problems) if arguments.only is None else [arguments.only]
    passed = True
    for name, module in fuzzers(arguments.names).items():
        outcomes, start = {}, time.perf_counter()
        for number in numbers:
            outcomes[number] = judged(module, seed, number)
            if number % 100 == 99:
                seconds = time.perf_counter() - start
                print(f"{name}: {number + 1} problems, {seconds:.0f} s", file=sys.stderr)
        passed = report(name, seed, outcomes) and passed
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main())
