"""The frozen result of every optimiser."""

import dataclasses

import numpy as np
import pytest

from ibias.trajectory import Trajectory, margin, unit


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
