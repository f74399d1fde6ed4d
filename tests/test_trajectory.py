"""The frozen result of every optimiser."""

import dataclasses
import sys

import numpy as np
import pytest

from ibias import datasets, flow
from ibias.flow.adaptive import AdaGradTrajectory
from ibias.trajectory import (
    MatrixTrajectory,
    Trajectory,
    length,
    margin,
    unit,
    unit_or_zero,
)


def straight_line():
    log_t = np.linspace(1.0, 10.0, 10)
    iterates = log_t[:, None] * np.array([3.0, 4.0]) + np.array([1.0, 0.0])
    return Trajectory(log_t, iterates, -log_t, "made by hand")


def test_slope_of_a_straight_line_and_its_window():
    path = straight_line()
    assert path.slope(path.iterates) == pytest.approx([3.0, 4.0])
    assert path.slope(path.log_t**2, between=(1.0, 2.0)) == pytest.approx(3.0)
    with pytest.raises(ValueError, match=r"between=\(20, 30\) holds 0 of the trajectory's times"):
        path.slope(path.norms, between=(20.0, 30.0))
    with pytest.raises(ValueError, match="its first axis must be the 10 times"):
        path.slope([1.0, 2.0])


def test_direction_gap_and_margin():
    path = straight_line()
    w = path.iterates
    expected = np.linalg.norm(w / np.linalg.norm(w, axis=1)[:, None] - [0.6, 0.8], axis=1)
    assert path.direction_gap([30.0, 40.0]) == pytest.approx(expected)
    Z = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert path.normalized_margin(Z, p=1) == pytest.approx(
        np.minimum(w[:, 0], 2 * w[:, 1]) / np.abs(w).sum(axis=1)
    )
    assert margin(Z, [3.0, 4.0], p=np.inf) == pytest.approx(0.75)


def test_a_batch_in_the_middle():
    log_t = np.array([1.0, 2.0])
    iterates = np.ones((2, 3, 4)) * log_t[:, None, None]
    path = Trajectory(log_t, iterates, np.zeros((2, 3)), "")
    assert path.norms.shape == (2, 3)
    assert path.slope(path.norms) == pytest.approx(np.full(3, 2.0))
    assert path.direction_gap(np.ones(4)) == pytest.approx(np.zeros((2, 3)))
    assert path.final.shape == (3, 4)


def test_frozen_and_no_direction_of_zero():
    path = straight_line()
    with pytest.raises(dataclasses.FrozenInstanceError):
        path.status = "changed"
    with pytest.raises(ValueError, match=r"zero vector.*no direction"):
        unit(np.zeros(3))


# ---- in one line, as a file, as a table


def batch():
    """Two times, three members, two weights; their times differ."""
    log_t = np.array([[0.0, 0.1, 0.2], [1.0, 1.1, 1.2]])
    iterates = np.arange(12.0).reshape(2, 3, 2) / 7
    return Trajectory(
        log_t,
        iterates,
        -iterates.sum(axis=-1),
        "ran all 20 steps",
        np.array([np.nan, 1e-300]),
        n_evaluations=20,
        steps=np.array([10, 20]),
        step_sizes=np.array([0.1, 0.05]),
        separable=np.array([True, False, True]),
    )


def matrices():
    W = np.arange(12.0).reshape(2, 2, 3)
    factors = (np.ones((2, 2)), np.ones((2, 3)))
    return MatrixTrajectory(np.array([-np.inf, 1.0]), W, np.zeros(2), factors, "ran: 2 steps", 2)


def adagrad():
    log_t, w = np.array([1.0, 2.0]), np.ones((2, 3)) / 3
    return AdaGradTrajectory(log_t, w, -log_t, "done", separable=True, accumulators=7 * w)


def same(one, other):
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("make", [straight_line, batch, matrices, adagrad])
def test_a_file_holds_everything_bit_by_bit(make, tmp_path):
    run = make()
    path = run.save(tmp_path / "run")
    assert path == tmp_path / "run.npz"
    for again in (type(run).load(path), type(run).load(str(tmp_path / "run"))):
        assert type(again) is type(run)
        for one in dataclasses.fields(run):
            assert same(getattr(run, one.name), getattr(again, one.name)), one.name
        with pytest.raises(ValueError, match="read-only"):
            again.iterates[0] = 0
    assert type(run).load(run.save(str(path))).status == run.status  # and over it


def test_a_trajectory_s_file_may_hold_one_of_a_special_kind(tmp_path):
    assert type(Trajectory.load(adagrad().save(tmp_path / "run"))) is AdaGradTrajectory


def test_files_that_cannot_be_written_or_read_are_named(tmp_path):
    run = straight_line()
    with pytest.raises(ValueError, match=r"the folder .*nowhere' is not there. Make it"):
        run.save(tmp_path / "nowhere" / "run.npz")
    for name in (3, "", None):
        with pytest.raises(ValueError, match="path must be a name"):
            run.save(name)
    with pytest.raises(ValueError, match="there is no file"):
        Trajectory.load(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="there is no file"):
        Trajectory.load(tmp_path)
    path = run.save(tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"holds a Trajectory; load it with Trajectory.load"):
        MatrixTrajectory.load(path)
    whole = path.read_bytes()
    foreign = tmp_path / "foreign.npz"
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:200] + b"x" + whole[201:]):
        foreign.write_bytes(content)
        with pytest.raises(ValueError, match="damaged, or no file of save"):
            Trajectory.load(foreign)
    np.savez(foreign, log_t=run.log_t)
    with pytest.raises(ValueError, match="damaged, or no file of save"):
        Trajectory.load(foreign)
    np.savez(foreign, **{**np.load(path), "version": 99})
    with pytest.raises(ValueError, match="has version 99 of the format"):
        Trajectory.load(foreign)


def test_a_trajectory_is_printed_in_one_line():
    for run in (straight_line(), batch(), matrices(), adagrad()):
        assert len(repr(run)) < 120 and "\n" not in repr(run)
        assert type(run).__name__ in repr(run) and run.status in repr(run)
        assert str(run.iterates.shape) in repr(run)


def test_a_table_has_a_row_for_each_time_and_member():
    run = batch()
    table = run.to_dataframe()
    assert list(table) == ["log_t", "step", "step_size", "batch_0", "log_risk", "w_0", "w_1"]
    assert len(table) == 6
    row = table.iloc[4]  # the second time, the second member
    expected = [1.1, 20, 0.05, 1, run.log_risk[1, 1], *run.iterates[1, 1]]
    assert row.tolist() == pytest.approx(expected, rel=1e-15)
    table = matrices().to_dataframe()
    assert list(table) == ["log_t", "log_risk", *(f"W_{i}_{j}" for i in range(2) for j in range(3))]
    assert table["W_1_0"].tolist() == [3, 9]
    assert straight_line().to_dataframe()["w_0"].tolist() == straight_line().iterates[:, 0].tolist()


def test_a_table_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_dataframe needs pandas; `pip install pandas`"):
        straight_line().to_dataframe()


def test_a_flow_goes_through_a_file(tmp_path):
    run = flow.gradient_flow(datasets.separable(0, 10, 2), log_t=[1.0, 1e5])
    again = Trajectory.load(run.save(tmp_path / "flow"))
    assert again.slope(again.norms) == run.slope(run.norms) and repr(again) == repr(run)


# ---- norms, directions, slopes by their formulas


W = np.random.default_rng(3).standard_normal((2, 3, 4))


@pytest.mark.parametrize("p", [1, 1.5, 2, 7, 1001.0, np.inf])
def test_lengths_and_units_in_every_norm(p):
    for scale in (1.0, 1e-200, 1e200):
        found = length(scale * W, p)
        assert found.shape == (2, 3)
        largest = np.abs(W).max(axis=-1)
        whole = np.inf if np.isinf(p) else p
        expected = largest * np.linalg.norm(W / largest[..., None], ord=whole, axis=-1)
        np.testing.assert_allclose(found / scale, expected, rtol=1e-12)
        if abs(np.log10(scale)) < 100 or p != 2:
            u = unit(scale * W, p)
            np.testing.assert_allclose(length(u, p), 1, rtol=1e-12)
            np.testing.assert_allclose(u * expected[..., None], W, rtol=1e-12)
    assert length(np.zeros((2, 3)), p).tolist() == [0.0, 0.0]
    assert length(np.zeros((2, 0)), p).tolist() == [0.0, 0.0]  # the norm of nothing
    mixed = length(np.array([[0.0, 0.0], [3.0, 0.0]]), p)
    np.testing.assert_allclose(mixed, [0.0, 3.0])
    for zero in (np.zeros(3), np.array([[1.0, 2.0], [0.0, 0.0]])):
        with pytest.raises(ValueError, match="w is the zero vector somewhere"):
            unit(zero, p)
    single = W.astype(np.float32)
    assert unit(single, p).dtype == float and length(single, p).dtype == np.float32
    np.testing.assert_allclose(unit([3, 4], p), unit([3.0, 4.0], p), rtol=1e-13)


def test_the_unit_of_zero_is_zero():
    found = unit_or_zero(np.stack([W[0, 0], np.zeros(4), 1e-3 * W[0, 0]]))
    expected = W[0, 0] / np.linalg.norm(W[0, 0])
    np.testing.assert_allclose(found, [expected, np.zeros(4), expected], rtol=1e-12)
    np.testing.assert_allclose(unit_or_zero(W[0, 0]), expected, rtol=1e-12)


def test_margins_of_a_stack():
    Z = np.random.default_rng(4).standard_normal((5, 4))
    for p in (1, 2, 3, np.inf):
        norms = np.linalg.norm(W, ord=p, axis=-1) if p in (1, 2) else length(W, p)
        expected = np.einsum("nd,abd->abn", Z, W).min(axis=-1) / norms
        np.testing.assert_allclose(margin(Z, W, p), expected, rtol=1e-11)
    np.testing.assert_allclose(margin(Z.tolist(), W[0, 0]), margin(Z, W[0, 0], 2))
    path = Trajectory(np.array([1.0, 2.0]), W, np.zeros((2, 3)), "")
    np.testing.assert_allclose(path.normalized_margin(Z), margin(Z, W, 2))
    np.testing.assert_allclose(path.normalized_margin(Z, 3), margin(Z, W, 3))
    np.testing.assert_allclose(path.norms, np.sqrt((W**2).sum(axis=-1)), rtol=1e-13)
    np.testing.assert_array_equal(path.final, W[1])
    v = np.array([1.0, 2.0, 3.0, -1.0])
    cosines = W @ v / np.linalg.norm(v) / path.norms
    np.testing.assert_allclose(path.direction_gap(v), np.sqrt(2 - 2 * cosines), rtol=1e-9)


def test_slopes_are_least_squares_in_their_window():
    log_t = np.array([0.0, 1.0, 1.5, 4.0, 5.0])
    values = np.random.default_rng(5).standard_normal((5, 2, 3))
    path = Trajectory(log_t, values, np.zeros((5, 2)), "")
    for between, rows in (
        (None, slice(None)),
        ((1.0, 4.0), slice(1, 4)),
        ((0.9, 1.6), slice(1, 3)),
    ):
        found = path.slope(values, between)
        expected = np.polyfit(log_t[rows], values[rows].reshape(len(log_t[rows]), -1), 1)[0]
        np.testing.assert_allclose(found, expected.reshape(2, 3), rtol=1e-9)
    for between, count in (((4.0, 4.9), 1), ((2.0, 3.0), 0)):
        with pytest.raises(ValueError, match=rf"holds {count} of the trajectory's times; a slope"):
            path.slope(values, between)
    begun = Trajectory(np.array([-np.inf, 1.0, 2.0]), values[:3], np.zeros((3, 2)), "")
    with pytest.raises(ValueError, match="holds time 0"):
        begun.slope(values[:3])
    np.testing.assert_allclose(begun.slope(values[:3], (0.0, 9.0)), values[2] - values[1])
    for wrong in (values[:4], 1.0, np.full(5, np.nan)):
        with pytest.raises(ValueError, match=r"quantity"):
            path.slope(wrong)


# ---- the record, field by field


def test_fields_that_are_not_given():
    run = straight_line()
    assert (run.error_estimate, run.n_evaluations, run.steps) == (None, 0, None)
    assert run.step_sizes is None and run.separable is None
    bare = MatrixTrajectory(run.log_t, np.ones((10, 2, 2)), run.log_risk, None, "")
    assert (bare.factors, bare.n_evaluations, bare.steps) == (None, 0, None)
    assert bare.step_sizes is None and bare.error_estimate is None
    np.testing.assert_array_equal(matrices().final, matrices().iterates[1])


def test_the_line_names_times_shape_and_status():
    assert repr(straight_line()) == (
        "Trajectory(10 times, log t from 1 to 10, iterates (10, 2), 'made by hand')"
    )
    assert repr(matrices()).startswith("MatrixTrajectory(2 times, log t from -inf to 1, iterates")
    assert "log t from 0 to 1.2, iterates (2, 3, 2)" in repr(batch())


def test_names_of_files(tmp_path):
    run = straight_line()
    for given, name in (("run", "run.npz"), ("run.npz", "run.npz"), ("run.1", "run.1.npz")):
        assert run.save(tmp_path / given) == tmp_path / name
        assert run.save(str(tmp_path / given)).name == name
        assert Trajectory.load(tmp_path / given).status == "made by hand"
        (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=r"pathlib\.Path\(.*new'\)\.mkdir\(parents=True\)"):
        run.save(tmp_path / "new" / "run")


def test_every_kind_of_field_comes_back(tmp_path):
    run = batch()
    again = Trajectory.load(run.save(tmp_path / "run"))
    assert type(again.n_evaluations) is int and type(again.status) is str
    assert again.separable.tolist() == [True, False, True]
    pair = Trajectory.load(adagrad().save(tmp_path / "pair"))
    assert pair.separable is True and not pair.accumulators.flags.writeable
    product = matrices()
    found = MatrixTrajectory.load(product.save(tmp_path / "product")).factors
    assert type(found) is tuple and [f.shape for f in found] == [(2, 2), (2, 3)]
    assert not any(factor.flags.writeable for factor in found)
    many = dataclasses.replace(product, factors=tuple(np.full((1, 1), k) for k in range(12)))
    found = MatrixTrajectory.load(many.save(tmp_path / "many")).factors
    assert [int(f[0, 0]) for f in found] == list(range(12))
    with pytest.raises(ValueError, match=r"holds a AdaGradTrajectory; load it with AdaGrad"):
        MatrixTrajectory.load(tmp_path / "pair")


def test_a_table_of_a_batch_with_several_axes():
    log_t, shape = np.array([1.0, 2.0]), (2, 3, 2)
    iterates = np.random.default_rng(6).standard_normal((*shape, 4))
    risks = np.random.default_rng(7).standard_normal(shape)
    sizes = np.array([[[0.1], [0.2], [0.3]], [[0.4], [0.5], [0.6]]]) * np.ones(2)
    run = Trajectory(log_t, iterates, risks, "", steps=np.array([5, 9]), step_sizes=sizes)
    table = run.to_dataframe()
    places = [f"batch_{k}" for k in range(2)]
    entries = [f"w_{j}" for j in range(4)]
    assert list(table) == ["log_t", "step", "step_size", *places, "log_risk", *entries]
    for row, place in zip(table.itertuples(index=False), np.ndindex(*shape), strict=True):
        expected = [log_t[place[0]], (5, 9)[place[0]], sizes[place], *place[1:], risks[place]]
        np.testing.assert_allclose([*row], [*expected, *iterates[place]], rtol=1e-13)
    only_sizes = dataclasses.replace(run, steps=None)
    assert list(only_sizes.to_dataframe())[:3] == ["log_t", "step_size", "batch_0"]
    W = np.random.default_rng(8).standard_normal((2, 3, 2, 2))
    table = MatrixTrajectory(log_t, W, np.zeros((2, 3)), None, "").to_dataframe()
    assert list(table) == ["log_t", "batch_0", "log_risk", "W_0_0", "W_0_1", "W_1_0", "W_1_1"]
    np.testing.assert_array_equal(table["W_1_0"], W[..., 1, 0].ravel())
    np.testing.assert_array_equal(table["batch_0"], [0, 1, 2, 0, 1, 2])
