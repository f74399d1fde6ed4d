"""The grid: every combination on few steps, the stored table, and sweeps in parallel."""

import json
from itertools import product

import numpy as np
import pytest

from ibias import atlas, sweeps
from ibias.sweeps import combinations as axes
from ibias.sweeps import grid, parallel

BLOCKS = sorted({(c["family"], c["loss"], c["model"]) for c in axes.cells()})
REFUSALS = (
    "the iterates grew out of bounds",
    "loss: only margin losses have dual variables",
    "noise: LabelNoise is made for regression and for two classes",
    "sampling: a matrix problem has no samples",
    "keeps its own image of theta",
    "start: the gradient vanishes",
)


@pytest.fixture(autouse=True)
def stored_seed(monkeypatch):
    monkeypatch.delenv("IBIAS_SEED", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "loss", "model"), BLOCKS)
def test_every_combination_runs_or_says_why_not(family, loss, model):
    for method, noise in product(axes.tried(family, model), axes.NOISES):
        row = grid.cell(family, loss, model, method, noise, n_steps=3)
        assert json.loads(json.dumps(row)) == row
        if "refused" in row:
            assert any(reason in row["refused"] for reason in REFUSALS), row
            continue
        for name, table in row["reached"].items():
            values = np.array(table, dtype=float)
            assert values.shape == (2, 3), (name, row)
            known = values[np.isfinite(values)]
            if name not in ("log_risk", "predicted"):
                # What counts as a fit misses the targets by up to a fiftieth, and may be shorter.
                most = 1 / (1 - atlas.FITS) if loss == "squared" else 1 + 1e-3
                assert (known <= most).all(), row
        risks = np.array(row["reached"]["log_risk"], dtype=float)
        # A start from which a run grew out of bounds has no number; every other one has.
        assert np.isfinite(risks).all(axis=1).any()


def test_the_axes_are_those_of_the_atlas():
    """Every entry of the atlas that a linear predictor or a matrix can reach is in the grid."""
    reached = set()
    for row in sweeps.load("grid").rows:
        entries = row.get("entry", "")
        reached |= {entries} if isinstance(entries, str) else {e for one in entries for e in one}
    expected = {
        "least squares", "mirror regression", "steepest regression", "weight normalisation",
        "gradient descent", "power-law tail", "SGD and heavy ball", "growing steps",
        "bias and classes", "steepest descent", "mirror flow", "frozen metrics", "Adam",
        "signs of one sample", "connected layers", "diagonal layers", "convolutions",
        "diagonal regression", "sampling noise", "label noise", "sharpness", "a matrix itself",
        "commuting sensors", "two factors, completion", "two factors, sensing", "many factors",
        "homogeneous networks",
    }  # fmt: skip
    assert expected <= reached
    assert reached - {""} <= {entry.key for entry in atlas.ENTRIES}


def test_the_stored_table_has_every_cell():
    table = sweeps.load("grid")
    names = ("family", "loss", "model", "method", "noise")
    assert [tuple(row[k] for k in names) for row in table.rows] == [
        tuple(cell[k] for k in names) for cell in axes.cells()
    ]
    assert table.settings["data"] == {f: list(make()) for f, make in axes.DATA.items()}


@pytest.mark.parametrize("seed", range(3))
def test_random_cells_of_the_table(seed):
    table = sweeps.load("grid")
    rows = [row for row in table.rows if row["noise"] == "none" and "reached" in row]
    row = rows[np.random.default_rng(seed).integers(len(rows))]
    again = grid.cell(*(row[k] for k in ("family", "loss", "model", "method", "noise")))
    for name, values in row["reached"].items():
        np.testing.assert_allclose(
            np.array(again["reached"][name], dtype=float),
            np.array(values, dtype=float),
            rtol=0.02,
            atol=0.02,
            err_msg=f"{row}: the table is stale: run python tools/sweeps.py grid",
        )


def test_a_margin_is_reached_by_its_own_optimum():
    from ibias import optima

    problem = axes.objectives("two classes", "exponential", "w itself")[0]
    best = grid.best("two classes", False)[0]
    for name, p in (("l1", 1), ("l2", 2), ("linf", np.inf)):
        w = optima.max_margin(problem.data, p=p).w
        assert grid.measures(problem, best)[name].share(w) == pytest.approx(1, abs=1e-6)
    problem = axes.objectives("matrix", "squared", "W itself")[0]
    best = grid.best("matrix", True)[0]
    W = optima.min_spectral_norm(problem.data).W
    measured = grid.measures(problem, best)
    assert measured["spectral"].share(W) == pytest.approx(1, abs=1e-6)
    assert all(np.isnan(one.share(2 * W)) for one in measured.values())


def test_a_sweep_goes_on_where_it_was_stopped(tmp_path):
    cells = [{"x": k} for k in range(4)]
    assert parallel.run(divided, cells[:2], code="a", folder=tmp_path, n_jobs=1) == [1.0, 0.5]
    (tmp_path / parallel.key("a", {"x": 0})).write_text("99")
    found = parallel.run(divided, cells, code="a", folder=tmp_path, n_jobs=1)
    assert found == [99, 0.5, 1 / 3, 0.25]
    assert parallel.run(divided, cells, code="b", folder=tmp_path, n_jobs=1)[0] == 1.0
    assert parallel.run(divided, cells[:1], code="a", folder=None, n_jobs=1) == [1.0]
    with pytest.raises(ZeroDivisionError):
        parallel.run(divided, [{"x": 2}, {"x": -1}], code="c", folder=tmp_path, n_jobs=1)
    assert parallel.run(divided, [{"x": 2}], code="c", folder=tmp_path, n_jobs=1) == [1 / 3]


def divided(x):
    return 1 / (1 + x)


@pytest.mark.slow
def test_a_sweep_scales_out_by_dask_with_no_change_of_code(tmp_path):
    import joblib
    from distributed import Client, LocalCluster

    cells = axes.cells()[:: len(axes.cells()) // 3][:3]
    small = [cell | {"n_steps": 3} for cell in cells]
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    with (
        LocalCluster(dashboard_address=None, **options) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = parallel.run(grid.cell, small, code="a", folder=tmp_path)
    assert found == [grid.cell(**cell) for cell in small]
    assert len(list(tmp_path.iterdir())) == 3
