"""`make seeds` finds what fails under another seed, names it once, and says by how much."""

import ast
import multiprocessing
import re

import nbformat
import noting  # tools/noting.py
import pytest
import seeds
from nbformat.v4 import new_code_cell, new_notebook
from notebooks import notebooks
from running import ROOT

HEAD = """
import os
from ibias.claims import Check
seed = int(os.environ["IBIAS_SEED"])
check = Check("S000-6", "limit", "value", lambda x: x, equals=0, tolerance=1)
"""


def findings(tmp_path, *sources, seed=7):
    path = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(s) for s in (HEAD, *sources)]), path)
    with multiprocessing.Pool(1) as pool:  # the run of a page changes its process
        return pool.apply(noting.run, (path, noting.sources(path), seed)).findings


def failures(tmp_path, *sources):
    return [one for one in findings(tmp_path, *sources) if one.failed]


def test_a_page_without_faults(tmp_path):
    sources = ("check(0.5)", "check.control(20, broken='it')", "check.rejects('five', predicts=5)")
    assert failures(tmp_path, *sources) == []


def test_every_fault_is_found_though_another_came_before_it(tmp_path):
    found = failures(
        tmp_path,
        "check(seed)\ncheck.control(seed, broken='it')",
        "check.rejects('near', predicts=seed + 2)",
        "check(float('nan'))",
        "raise OSError('first line\\nsecond')",
        "check(2.5)",
    )
    assert [(one.role, one.misses) for one in found[:2]] == [("check", 7.0), ("control", 7.0)]
    assert [one.role for one in found[2:]] == ["wrong", "check", "cell", "check"]
    assert found[2].misses == 2.0 and "NaN" in found[3].said
    assert found[4].said.startswith("OSError: first line (") and found[5].misses == 2.5
    assert {one.seed for one in found} == {7}


# Points where a derivative is compared with a difference: the same in every run, on purpose.
FIXED = {f"ibias/checking/{name}.py" for name in ("model", "method", "potential")}


def test_every_random_number_comes_from_the_one_source_that_the_seed_shifts():
    """Else a check would see the same data at every seed, and nobody would know."""
    package = {path: path.read_text(encoding="utf-8") for path in (ROOT / "ibias").rglob("*.py")}
    pages = {path: "\n".join(noting.sources(path)) for path in notebooks()}
    assert len(package) > 100 and len(pages) > 40
    for path, source in (package | pages).items():
        name = path.relative_to(ROOT).as_posix()
        nodes = list(ast.walk(ast.parse(re.sub(r"(?m)^[%!].*$", "", source))))
        dotted = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
        imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        dotted |= {f"{getattr(node, 'module', '')}." for node in imports}
        dotted |= {f"{alias.name}." for node in imports for alias in node.names}
        allowed = r"(np|numpy)\.random(\.Generator)?"
        if name in FIXED | {"ibias/datasets/random.py"}:
            allowed += r"|np\.random\.default_rng.*"
        other = r"(.*\.)?(rvs|random_state|urandom)|((np|numpy)\.)?random\..*|secrets\..*"
        if path in pages:
            other += r"|os\.(environ|getenv).*"
        found = [one for one in dotted if re.fullmatch(other, one)]
        assert [one for one in found if not re.fullmatch(allowed, one)] == [], name


def test_the_table_has_one_line_for_each_check_with_its_worst_miss():
    def one(role, seed, misses):
        return seeds.Finding("a/b", role, "S000-6: value", seed, misses)

    lines = seeds.table([one("check", 3, 1.5), one("check", 5, 4.0), one("control", 3, 8.0)])
    check, control = lines.splitlines()[1:]
    assert check.split()[:4] == ["a/b", "check", "2", "4"] and check.endswith("| 3 5")
    assert control.split()[:4] == ["a/b", "control", "1", "8"]


def test_the_closest_calls_are_told_though_they_hold(tmp_path):
    sources = (
        "check(0.5)\ncheck(0.9)\ncheck.control(20, broken='it')",
        "check.rejects('five', predicts=5)\ncheck.rejects('six', 3.5)",
        "check.control(12, broken='more')",
    )
    found = findings(tmp_path, *sources)
    assert not any(one.failed for one in found)
    first, second, third = (line.split() for line in seeds.close_calls(found, 3).splitlines()[1:])
    assert first[1:4] == ["check", "0.90", "0.9"] and first[-2:] == ["|", "7"]
    assert second[1:4] == ["wrong", "0.86", "3.5"]  # the nearest of all its entries
    assert third[1:4] == ["control", "0.83", "12"]
    assert len(seeds.close_calls(found, 1).splitlines()) == 2  # so many a page, and a head


def test_what_failed_once_is_no_close_call():
    held, failed = (seeds.Finding("a", "check", "x", 1, 0.9, failed=no) for no in (False, True))
    assert len(seeds.close_calls([held, failed], 5).splitlines()) == 1


def test_seeds_are_named_one_by_one_or_as_a_range():
    assert seeds.seeds_in("3 1001-1003 7") == [3, 1001, 1002, 1003, 7]
    with pytest.raises(ValueError, match="'x' is no seed"):
        seeds.seeds_in("1 x")


# ---- many seeds -----------------------------------------------------------------------------

RANDOM = """
from ibias.claims import Check
from ibias.datasets import generator
check = Check("S000-6", "limit", "value", lambda x: x, equals=0, tolerance=1)
fixed = 0.5
"""


def searched(tmp_path, *sources, many="1-5"):
    """Return what a search over seeds found and said, and how many runs it took."""
    path = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(s) for s in (RANDOM, *sources)]), path)
    runs = seeds.Runs(tmp_path / "kept.jsonl", jobs=1)
    return *seeds.search([path], seeds.seeds_in(many), runs), runs.new


def test_what_draws_nothing_is_run_at_two_seeds_and_the_rest_at_every_seed(tmp_path):
    sources = ("check(fixed)", "check(generator(0).uniform())")
    found, said, new = searched(tmp_path, *sources)
    assert [one.seed for one in found if one.misses == 0.5] == [1, 2]
    drawn = [one for one in found if one.misses != 0.5]
    assert [one.seed for one in drawn] == [1, 2, 3, 4, 5]
    assert len({one.misses for one in drawn}) == 5
    assert said[0].startswith("1 of 2 calls draw nothing") and new == 1 + 2 + 3


def test_a_search_that_was_broken_off_goes_on_until_the_page_changes(tmp_path):
    draws = "check(generator(0).uniform())"
    before, *_ = searched(tmp_path, draws, many="1-4")
    again, _, new = searched(tmp_path, draws, many="1-4")
    assert again == before and new == 0
    more, _, new = searched(tmp_path, draws, many="1-6")
    assert new == 2 and [one.seed for one in more] == [1, 2, 3, 4, 5, 6]
    with (tmp_path / "kept.jsonl").open("a") as file:
        file.write('{"key": "cut o')
    changed = draws.replace("uniform", "normal")
    assert [searched(tmp_path, changed, many="1-4")[-1] for _ in range(2)] == [5, 0]


def test_a_page_whose_part_finds_other_things_is_run_whole(tmp_path):
    sources = ("globals()['hidden'] = generator(0).uniform()", "check(hidden)")
    found, said, new = searched(tmp_path, *sources)
    assert said[0].startswith("page is run whole at every seed") and new == 1 + 2 + 4
    assert [(one.role, one.seed) for one in found] == [("check", seed) for seed in range(1, 6)]


def test_a_check_that_moves_with_the_seed_is_not_taken_to_draw_nothing(tmp_path):
    moves = "import os\ncheck(int(os.environ['IBIAS_SEED']) / 10)"
    found, said, _ = searched(tmp_path, moves)
    assert said[0].startswith("page is run whole at every seed")
    assert [one.misses for one in found] == [0.1, 0.2, 0.3, 0.4, 0.5]
