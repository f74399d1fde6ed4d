"""Stored tables: a few random cells are computed again."""

import datetime
import json

import numpy as np
import pytest

from ibias import sweeps
from ibias.sweeps import recovery

TODAY = datetime.date.today().toordinal()


def recomputed(cells):
    """A few cells, other ones every day; more of them if the code is not the table's."""
    rng = np.random.default_rng(TODAY)
    same = sweeps.load(recovery.NAME).code == sweeps.code_hash(recovery.SOURCES)
    return [cells[i] for i in rng.permutation(len(cells))[: 3 if same else 9]]


@pytest.mark.parametrize(
    "row",
    recomputed(sweeps.load(recovery.NAME).rows),
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
    monkeypatch.setattr("ibias.sweeps.table.__file__", str(tmp_path / "table.py"))
    table = sweeps.Table("trial", "0", {"a": 1}, [{"x": [1.0, 2.0]}, {"x": []}])
    path = sweeps.store(table)
    assert sweeps.Table(**json.loads(path.read_text())) == table
    monkeypatch.setenv("IBIAS_SEED", "3")
    with pytest.raises(ValueError, match="unset IBIAS_SEED"):
        sweeps.store(table)


def test_bad_input_names_the_remedy():
    with pytest.raises(ValueError, match=r"python tools/sweeps.py nothing"):
        sweeps.load("nothing")
    with pytest.raises(ValueError, match="unknown method 'depth 9'"):
        recovery.errors("depth 9", 50)
