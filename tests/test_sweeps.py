"""Stored tables: a few random cells are computed again."""

import datetime
import json

import numpy as np
import pytest

from ibias import sweeps
from ibias.sweeps import dimension, initial_scale, recovery

TODAY = datetime.date.today().toordinal()


def recomputed(sweep):
    """A few cells, other ones every day; more of them if the code is not the table's."""
    rng = np.random.default_rng(TODAY)
    table = sweeps.load(sweep.NAME)
    same = table.code == sweeps.code_hash(sweep.SOURCES)
    return [table.rows[i] for i in rng.permutation(len(table.rows))[: 3 if same else 9]]


@pytest.mark.parametrize(
    "row",
    recomputed(recovery),
    ids=lambda row: f"{row['method']}, {row['n_observed']}",
)
def test_random_cells_of_the_recovery_table(row, monkeypatch):
    monkeypatch.delenv("IBIAS_SEED", raising=False)
    again = recovery.errors(row["method"], row["n_observed"], n_problems=3)
    np.testing.assert_allclose(
        again,
        row["errors"][:3],
        atol=3e-3,
        err_msg="the table is stale: run python tools/sweeps.py recovery",
    )


@pytest.mark.parametrize(
    "row", recomputed(dimension), ids=lambda row: f"{row['task']}, {row['dimension']}"
)
def test_random_cells_of_the_dimension_table(row, monkeypatch):
    monkeypatch.delenv("IBIAS_SEED", raising=False)
    seed = TODAY % dimension.SEEDS
    again = dimension.errors(row["task"], row["dimension"], seed)
    stored = {name: row[name][seed] for name in again}
    assert again == pytest.approx(stored, abs=2e-3), "stale: run python tools/sweeps.py dimension"


@pytest.mark.parametrize(
    "row", recomputed(initial_scale), ids=lambda row: f"{row['task']}, {row['scale']}"
)
def test_random_cells_of_the_initial_scale_table(row, monkeypatch):
    monkeypatch.delenv("IBIAS_SEED", raising=False)
    seed = TODAY % initial_scale.SEEDS
    again = initial_scale.errors(row["task"], row["scale"], seed)
    stored = {name: row[name][seed] for name in again}
    stale = "stale: run python tools/sweeps.py initial_scale"
    assert again == pytest.approx(stored, abs=2e-3, rel=1e-3), stale


def test_the_initial_scale_table_has_every_cell():
    table = sweeps.load(initial_scale.NAME)
    cells = [(row["task"], row["scale"]) for row in table.rows]
    assert cells == [
        (task, scale) for task in initial_scale.DIMENSIONS for scale in initial_scale.SCALES
    ]
    names = ("network", "tangent", "motion")
    assert {len(row[name]) for row in table.rows for name in names} == {initial_scale.SEEDS}


def test_the_tangent_kernel_does_not_depend_on_the_scale():
    by_task = {}
    for row in sweeps.load(initial_scale.NAME).rows:
        by_task.setdefault(row["task"], []).append(row["tangent"])
    for errors in by_task.values():
        np.testing.assert_allclose(errors, errors[:1] * len(errors), atol=1e-3)


def test_a_small_start_moves_by_a_fixed_distance_and_a_large_one_hardly():
    rows = [r for r in sweeps.load(initial_scale.NAME).rows if r["task"] == "two directions"]
    motion = {row["scale"]: np.mean(row["motion"]) for row in rows}
    assert motion[0.1] / motion[0.3] == pytest.approx(3, rel=0.1)
    assert motion[10] < 0.02


def test_the_dimension_table_has_every_cell():
    table = sweeps.load(dimension.NAME)
    cells = [(row["task"], row["dimension"]) for row in table.rows]
    assert cells == [(task, d) for task, sizes in dimension.CELLS.items() for d in sizes]
    sizes = {len(row[name]) for row in table.rows for name in ("network", "kernel")}
    assert sizes == {dimension.SEEDS}


def test_the_tasks_are_what_they_say():
    rng = np.random.default_rng(0)
    two = dimension.sample("two directions", 6, 500, rng)
    assert (two.y == np.sign(two.X[:, 0] * two.X[:, 1])).all()
    every = dimension.sample("all directions", 6, 500, rng)
    assert np.linalg.norm(every.X, axis=1) == pytest.approx(np.ones(500))
    halves = (every.X[:, :3] ** 2).sum(1) - (every.X[:, 3:] ** 2).sum(1)
    assert (every.y == np.sign(halves)).all()
    with pytest.raises(ValueError, match="unknown task"):
        dimension.sample("three directions", 6, 5, rng)


def test_the_table_has_every_cell():
    table = sweeps.load("recovery")
    cells = {(row["method"], row["n_observed"]) for row in table.rows}
    assert cells == {(m, k) for m in recovery.METHODS for k in recovery.OBSERVED}
    assert all(len(row["errors"]) == recovery.N_PROBLEMS for row in table.rows)


def test_what_the_table_says():
    table = sweeps.load("recovery")
    share = {method: recovery.shares(table, method) for method in recovery.METHODS}
    assert (share["depth 1"] == 0).all()
    assert (share["nuclear norm"] <= share["depth 2"]).all()
    assert (share["depth 2"] <= share["depth 3"]).all()
    at_half = recovery.OBSERVED.index(50)
    assert share["nuclear norm"][at_half] == 0 and share["depth 3"][at_half] > 0.5


def test_tables_survive_storing(tmp_path, monkeypatch):
    table = sweeps.Table("trial", "0", {"a": 1}, [{"x": [1.0, 2.0]}, {"x": []}])
    path = sweeps.store(table, tmp_path)
    assert sweeps.Table(**json.loads(path.read_text())) == table
    monkeypatch.setenv("IBIAS_SEED", "3")
    with pytest.raises(ValueError, match="unset IBIAS_SEED"):
        sweeps.store(table, tmp_path)


def test_bad_input_names_the_remedy():
    with pytest.raises(ValueError, match=r"python tools/sweeps.py nothing"):
        sweeps.load("nothing")
    with pytest.raises(ValueError, match="unknown method 'depth 9'"):
        recovery.errors("depth 9", 50)
