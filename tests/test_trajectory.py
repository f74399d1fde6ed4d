"""The frozen result of every optimiser."""

import dataclasses
import sys

import numpy as np
import pytest

from ibias import datasets, flow
from ibias.flow.adaptive import AdaGradTrajectory
from ibias.trajectory import MatrixTrajectory, Trajectory, margin, unit


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
