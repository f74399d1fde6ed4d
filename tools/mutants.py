"""Does a test notice when the mathematics of the package is changed? A sample of mutants.

    python tools/mutants.py [--sample 200] [--seed 0] [--only "ibias.flow.*"]

mutmut changes one thing at a time: a sign, a number, an operator, an exponent, a comparison, a
branch, an argument that is dropped. Each mutant is put to the tests that reach its function. A
mutant that only changes words, or puts None where a value was, is left out: the first changes no
result, the second is found by anything. mutmut imports the package once, unchanged, and then tries
each mutant in a copy of the process: what runs at import stays as it was. A mutant of such a
function that survives is therefore put to the tests of its package again, in a process that
imports it. Prints killed and survived, and the place and the change of each survivor. Survivors
that change nothing, with the reason, stand in `tests/mutants.yml`: one by one, and at its top by
kind. A mutant of such a kind counts as killed where a test does notice it.
Exit status 1 if fewer than 95 % of the others are killed.
"""

import argparse
import fnmatch
import json
import os
import random
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "mutants"
ACCEPTED = ROOT / "tests" / "mutants.yml"
ENOUGH = 0.95
SURVIVED, NO_TESTS = 0, 33  # mutmut's codes; every other one is a failed, crashed or endless test
USAGE = 4  # pytest's code for arguments that it cannot take
ANY = "ibias.entropy.x_shannon_entropy__mutmut_1"
IMPORTS = """
import importlib, json, pkgutil
import ibias
for module in pkgutil.walk_packages(ibias.__path__, "ibias."):
    importlib.import_module(module.name)
from mutmut.state import state
print(json.dumps(sorted(state()._stats)))
"""
STRING = re.compile(r"""("[^"]*"|'[^']*')""")
SIDE = re.compile(r"\b(?:and|or|not|if|else|while|return|assert)\b|[,:=&|]|==")


@dataclass(frozen=True)
class Mutant:
    """One changed place: where it is, and the lines before and after."""

    name: str
    path: str
    function: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """What is changed: "words", "None", or "mathematics"."""
        before, after = STRING.sub("''", self.before), STRING.sub("''", self.after)
        if before == after or before.lower() == after.lower():
            return "words"
        return "None" if after.count("None") > before.count("None") else "mathematics"

    @property
    def line(self) -> int:
        """The line of the source where the change is."""
        first = self.before.splitlines()[0] if self.before else ""
        lines = (ROOT / self.path).read_text(encoding="utf-8").splitlines()
        name = self.function.rpartition(".")[2]
        start = next((i for i, line in enumerate(lines) if f"def {name}(" in line), 0)
        return next((i + 1 for i in range(start, len(lines)) if lines[i].strip() == first), start)

    def __str__(self) -> str:
        change = f"- {self.before}\n+ {self.after}".replace("\n", "\n      ")
        return f"  {self.path}:{self.line} {self.function}\n      {change}"


def function_of(name: str) -> str:
    """Return the function that a mutant changes, as mutmut names it."""
    return re.sub(r"__mutmut_\d+$", "", name)


def mutmut(*arguments: str) -> None:
    """Run mutmut, which shows its own progress."""
    done = subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"mutmut {arguments[0]} failed; its words stand above")


def names(pattern: str) -> dict[str, str]:
    """Return the paths of all mutants, by name, whose name fits the pattern."""
    found = {}
    for meta in sorted(FOLDER.rglob("*.meta")):
        path = meta.relative_to(FOLDER).with_suffix("").as_posix()
        for name in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]:
            if fnmatch.fnmatch(name, pattern):
                found[name] = path
    return found


def mutant(name: str, path: str) -> Mutant:
    """Return what mutmut changed in one mutant."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    before = "\n".join(line[1:].strip() for line in lines if line.startswith("-"))
    after = "\n".join(line[1:].strip() for line in lines if line.startswith("+"))
    function = function_of(name).rpartition(".")[2]
    function = function.replace("ǁ", ".").removeprefix("x.").removeprefix("x_")
    return Mutant(name, path, function, before, after)


def sample(pattern: str, size: int, seed: int) -> list[Mutant]:
    """Return a random sample of the mutants that change mathematics."""
    everything = names(pattern)
    order = sorted(everything)
    random.Random(seed).shuffle(order)
    chosen = []
    for name in order:
        one = mutant(name, everything[name])
        if one.kind == "mathematics":
            chosen.append(one)
        if len(chosen) == size:
            break
    return chosen


def outcome(one: Mutant) -> int:
    """Return the code that mutmut noted for a mutant."""
    meta = FOLDER / f"{one.path}.meta"
    return json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"][one.name]


def run_inside(code: list[str], mutant_under_test: str) -> subprocess.CompletedProcess:
    """Run Python among the mutants, with one of them in place from the first import on."""
    paths = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    there = os.environ | {"MUTANT_UNDER_TEST": mutant_under_test, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, *code], cwd=FOLDER, env=there, capture_output=True, text=True
    )


def run_on_import() -> set[str]:
    """Return the functions, as mutmut names them, that run while the package is imported."""
    done = run_inside(["-c", IMPORTS], "stats")
    if done.returncode:
        raise SystemExit(f"the package of mutants cannot be imported:\n{done.stderr}")
    return set(json.loads(done.stdout))


def survives_from_import_on(one: Mutant) -> bool:
    """Say whether the tests that reach its package pass with the mutant in place at import.

    What was made at import, a function for one, is called under no name that mutmut knows.
    """
    stats = json.loads((FOLDER / "mutmut-stats.json").read_text(encoding="utf-8"))
    package = ".".join(one.name.split(".")[:-2])
    reach = stats["tests_by_mangled_function_name"]
    tests = {
        test for name, found in reach.items() if name.startswith(f"{package}.") for test in found
    }
    options = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = run_inside([*options, *sorted(tests)], one.name)
    if done.returncode == USAGE:
        raise SystemExit(f"pytest could not run the tests of {package}:\n{done.stderr}")
    return done.returncode == 0


def compared(one: Mutant) -> str:
    """Return the two sides of the comparison whose edge a mutant changes, < to <= say, or ''."""
    for sign in re.finditer("[<>]=?", one.before):
        left, right = one.before[: sign.start()], one.before[sign.end() :]
        other = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[sign.group()]
        if left + other + right == one.after:
            return SIDE.split(left)[-1] + SIDE.split(right)[0]
    return ""


def measured(one: Mutant) -> bool:
    """Say whether a mutant changes the edge of a bound on a measured number.

    One of its sides holds an error, a gap, a tolerance, a number like 1e-9, or the name of one
    that is no integer, of this module or of those that it imports from. Whether the sides are
    equal to the last bit, no test says.
    """
    sides = compared(one)
    if re.search(r"(?<![a-z])(error|gap|tolerance)(?![a-z])|\de-\d", sides):
        return True
    names = set(re.findall(r"\b[A-Z_]{3,}\b", sides))
    return bool(names) and not names.isdisjoint(floats(one.path))


@cache
def floats(path: str) -> set[str]:
    """Return the numbers that are no integers of a module and of those that it imports from."""
    source = (ROOT / path).read_text(encoding="utf-8")
    from_others = re.findall(r"^from (ibias[.\w]+) import", source, re.MULTILINE)
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in from_others]
    texts = [source, *(file.read_text(encoding="utf-8") for file in files if file.exists())]
    number = r"^([A-Z_]+) = [^#\n\"]*(?:\d\.|\de-?\d|float)"  # a comment may hold anything
    return set(re.findall(number, "\n".join(texts), re.MULTILINE))


@cache
def accepted() -> list[dict[str, str]]:
    """Return the mutants that change nothing, each with its reason, and the kinds of them."""
    return yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))


def reason(one: Mutant, entries: list[dict[str, str]]) -> str | None:
    """Return why a mutant changes nothing, if one of the entries says so."""
    for entry in entries:
        if "kind" not in entry:
            if all(getattr(one, what) == entry[what] for what in ("function", "before", "after")):
                return entry["reason"]
        elif entry["kind"] == "measured":
            if measured(one):
                return entry["reason"]
        elif re.sub(entry["before"], entry["after"], one.before, count=1) == one.after:
            return entry["reason"]
    return None


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--seed", type=int, default=0, help="which sample (0)")
    parser.add_argument("--only", default="ibias.*", help="mutants whose name fits: ibias.flow.*")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    start = time.perf_counter()
    print("mutants are made, and the tests run once to see which reach which function", flush=True)
    mutmut("run", ANY)
    chosen = sample(arguments.only, arguments.sample, arguments.seed)
    if not chosen:
        print(f"no mutant fits {arguments.only!r}; give a pattern such as 'ibias.flow.*'")
        return 1
    mutmut("run", "--max-children", str(arguments.jobs), *(one.name for one in chosen))
    entries = accepted()
    early = run_on_import()
    alive = [
        one
        for one in chosen
        if outcome(one) in (SURVIVED, NO_TESTS)
        and (function_of(one.name) not in early or survives_from_import_on(one))
    ]
    equivalent = [one for one in alive if reason(one, entries)]
    survivors = [one for one in alive if one not in equivalent]
    counted = len(chosen) - len(equivalent)
    killed = counted - len(survivors)
    print(f"\n{len(chosen)} mutants, seed {arguments.seed}, {time.perf_counter() - start:.0f} s")
    print(f"equivalent, as tests/mutants.yml says why: {len(equivalent)}")
    print(f"killed: {killed} of {counted} ({killed / max(counted, 1):.1%})")
    for one in survivors:
        untested = " (no test reaches it)" if outcome(one) == NO_TESTS else ""
        print(f"survived{untested}:\n{one}")
    return int(killed < ENOUGH * counted)


if __name__ == "__main__":
    sys.exit(main())
