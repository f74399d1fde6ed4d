"""The 2x2 completion: its velocity, its variables, and what its two runs are asked for."""

import re
import warnings

import numpy as np
import pytest

from ibias import flow
from ibias.flow import two_by_two
from ibias.flow.estimate import ACCURATE, CAUTION, DIFFERENCE, TWICE, visited
from ibias.flow.two_by_two import COARSE, FINE, LARGEST, ROUGHEST, SEEN, SMALLEST, TARGET
from ibias.models.matrix_product import balanced_velocity
from tests.spy import apart_once, calls

RNG = np.random.default_rng(0)
UP, DOWN = np.array([[0.5, 0.2], [-0.3, 0.7]]), np.array([[0.5, 0.9], [0.8, 0.2]])
STARTS = [UP, -UP, DOWN, np.array([[2.0, -1.0], [0.1, 0.03]])]
TIMES = np.array([-1.0, 0.5, 2.0])


def sign_of(W):
    return np.sign(np.linalg.det(W))


def log_det_of(W):
    return np.log(np.abs(np.linalg.det(W)))


def test_a_matrix_is_turned_on_both_sides():
    def R(x):
        return np.array([[np.cos(x), -np.sin(x)], [np.sin(x), np.cos(x)]])

    for _ in range(3):
        a, b, M = *RNG.uniform(-3, 3, 2), RNG.standard_normal((2, 2))
        assert np.array(two_by_two._turned(a, M.tolist(), b)) == pytest.approx(R(-a) @ M @ R(-b))


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
@pytest.mark.parametrize("W", STARTS)
def test_the_velocity_is_that_of_balanced_factors(W, depth):
    """And d log|det W| / dt = tr(W^-1 dW/dt)."""
    for G in RNG.standard_normal((3, 2, 2)):
        velocity, rate = two_by_two._velocity(W, log_det_of(W), sign_of(W), G, depth)
        right = balanced_velocity(W, G, depth)
        assert velocity == pytest.approx(right, rel=1e-9, abs=1e-11)
        assert rate == pytest.approx(np.trace(np.linalg.solve(W, right)), rel=1e-8, abs=1e-10)


def test_the_smaller_singular_value_is_that_of_the_determinant():
    """The entries say 1e-30 no longer: at depth two, u_2^T dW/dt v_2 = -2 sigma_2 u_2^T G v_2."""
    W, G = np.diag([3.0, 0.0]), np.array([[0.0, 0.0], [0.0, 5.0]])
    for sign in (1, -1):
        velocity, rate = two_by_two._velocity(W, np.log(3e-30), sign, G, 2)
        assert velocity[1, 1] == pytest.approx(-2 * 1e-30 * 5, rel=1e-9)
        assert rate == pytest.approx(-2 * 5 * sign)
    far, _ = two_by_two._velocity(W, 1e6, 1, G, 2)
    most, _ = two_by_two._velocity(W, LARGEST, 1, G, 2)
    assert np.isfinite(far).all() and (far == most).all()


@pytest.mark.parametrize("s", [-3.0, 0.0, 4.0])
def test_what_is_seen_is_scaled_by_one_plus_t(s):
    W = np.array([[2.0, 3.0], [-1.0, 5.0]])
    t = np.exp(s)
    state = two_by_two._state(s, W)
    assert state == pytest.approx([2.0, (1 + t) * 2, (1 + t) * -2, (1 + t) * 5])
    assert two_by_two._matrix(s, np.append(state, 7.0)) == pytest.approx(W)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("W", STARTS[::2])
def test_the_field_is_the_velocity_of_its_variables(W, depth, monkeypatch):
    """Of (1 + t)(W - M) where it is seen, else W, and of log|det W|, in s = log t."""
    real, check = (
        calls(monkeypatch, two_by_two, "integrate"),
        calls(monkeypatch, two_by_two, "collocate"),
    )
    flow.two_by_two_flow(W, depth=depth, log_t=TIMES, tolerance=1e-5)
    field, slope, several = (
        real[0][0]["field"],
        check[0][0]["jacobian"],
        check[0][0]["field"],
    )
    states, right = [], []
    for s in (-2.0, 0.0, 3.0):
        t = np.exp(s)
        here = W + 0.02 * RNG.uniform(-1, 1, (2, 2))  # of a determinant of the same sign
        moved = balanced_velocity(here, SEEN * (here - TARGET), depth)
        of_state = np.where(SEEN, t * (here - TARGET) + (1 + t) * t * moved, t * moved)
        states.append(np.append(two_by_two._state(s, here), log_det_of(here)))
        right.append([*of_state.ravel(), t * np.trace(np.linalg.solve(here, moved))])
        assert field(s, states[-1]) == pytest.approx(right[-1], rel=1e-8, abs=1e-9)
        # The Jacobian by differences of another length.
        columns = []
        for j in range(5):
            shift = 1e-4 * np.eye(5)[j] * max(1.0, abs(states[-1][j]))
            around = [field(s, states[-1] + k * shift) for k in (2, 1, -1, -2)]
            columns.append(np.dot([-1, 8, -8, 1], around) / (12 * shift[j]))
        scale = np.abs(columns).max()
        assert slope(s, states[-1]) == pytest.approx(np.transpose(columns), abs=1e-6 * scale)
    found = several(np.array([-2.0, 0.0, 3.0]), np.array(states))
    assert found == pytest.approx(np.array(right), rel=1e-8, abs=1e-9)


def test_each_variable_is_moved_by_a_part_of_itself(monkeypatch):
    check = calls(monkeypatch, two_by_two, "collocate")
    flow.two_by_two_flow(UP, log_t=[0.0], tolerance=1e-5)
    slope, seen = check[0][0]["jacobian"], []
    true = two_by_two._velocity
    monkeypatch.setattr(
        two_by_two,
        "_velocity",
        lambda W, log_det, *how: seen.append(log_det) or true(W, log_det, *how),
    )
    state = np.array([0.5, 0.2, -0.3, 0.7, -400.0])
    slope(0.0, state)
    steps = np.array(seen)[[4, 9]] + 400.0  # the fifth variable, ahead and behind
    assert steps == pytest.approx(400 * DIFFERENCE * np.array([1, -1]), rel=1e-6)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
@pytest.mark.parametrize("log_t", [TIMES, np.array([-40.0, 0.0])])
def test_what_both_runs_are_asked_for(tolerance, log_t, monkeypatch):
    real, check = (
        calls(monkeypatch, two_by_two, "integrate"),
        calls(monkeypatch, two_by_two, "collocate"),
    )
    compares = calls(monkeypatch, two_by_two, "compared")
    run = flow.two_by_two_flow(UP, log_t=log_t, tolerance=tolerance)
    (first, passage), (second, other) = real[0], check[0]
    assert (
        first["tolerance"] == pytest.approx(FINE * tolerance, rel=1e-9, abs=0)
        and first["relative"] is None
    )
    G = SEEN * (UP - TARGET)
    moved = balanced_velocity(UP, G, 2)
    # At log time 0, of the start: the largest change of a variable, or one.
    scaled = np.where(SEEN, 2 * (UP - TARGET), UP)
    W = np.where(SEEN, scaled / 2 + TARGET, scaled)
    of_state = np.where(SEEN, W - TARGET + 2 * moved, moved)
    speed = max(1.0, np.abs([*of_state.ravel(), np.trace(np.linalg.solve(UP, moved))]).max())
    assert speed > 1
    for asked, error, caution in [(first, FINE, 0.0), (second, COARSE, CAUTION)]:
        begun = min(log_t[0], np.log(0.01 * error * tolerance / speed)) - caution
        assert asked["start_time"] == pytest.approx(begun)
        start = np.append(two_by_two._state(begun, UP), log_det_of(UP))
        assert asked["start"] == pytest.approx(start)
    assert first["times"].tolist() == second["times"].tolist() == log_t.tolist()
    local, allowed = COARSE * tolerance, second["allowed"]
    for state, late in [
        ([0.5, 0.1, 0.2, 0.3, -0.9], 1.0),
        ([0.5, 0.1, 0.2, 0.3, -50.0], 1.0),
        ([-6.0, 0.1, 0.2, 0.3, -5.0], 36.0),
        ([1e4, 0.1, 0.2, 0.3, -5.0], ROUGHEST),
    ]:
        size = max(1.0, np.abs(state).max())
        right = local * size * np.array([1, late, late, late, 1])
        assert allowed(np.array(state)) == pytest.approx(right, rel=1e-9, abs=0)
    # The result, field by field.
    W = [two_by_two._matrix(*one) for one in zip(log_t, passage.states, strict=True)]
    assert run.iterates == pytest.approx(np.array(W))
    assert run.log_determinant.tolist() == passage.states[:, 4].tolist()
    risk = (SEEN * (run.iterates - TARGET) ** 2).sum(axis=(1, 2)) / 2
    assert run.log_risk == pytest.approx(np.log(risk))
    assert run.n_evaluations == passage.n_evaluations + other.n_evaluations
    values = np.linalg.svd(run.iterates, compute_uv=False)
    assert run.singular_values == pytest.approx(values, rel=1e-4)
    for array in (run.log_t, run.iterates, run.log_determinant, run.log_risk):
        assert not array.flags.writeable
    assert run.log_t.tolist() == log_t.tolist()
    # Both the entries and the log determinant are compared.
    asked, estimate = compares[0]
    assert run.error_estimate is estimate and asked["tolerance"] == tolerance
    assert asked["accurate"] == pytest.approx(
        np.column_stack([run.iterates.reshape(-1, 4), run.log_determinant])
    )
    others = [two_by_two._matrix(*one) for one in zip(log_t, other.states, strict=True)]
    assert asked["check"] == pytest.approx(
        np.column_stack([np.reshape(others, (-1, 4)), other.states[:, 4]])
    )
    difference = np.abs(asked["accurate"] - asked["check"]).max(axis=1)
    size = np.maximum(1.0, np.abs(asked["accurate"]).max(axis=1))
    right = TWICE * difference + ACCURATE * tolerance * size
    assert estimate == pytest.approx(right, rel=1e-9)


def test_the_check_run_is_asked_for_the_visited_times(monkeypatch):
    check = calls(monkeypatch, two_by_two, "collocate")
    log_t = np.linspace(-2.0, 3.0, 60)
    run = flow.two_by_two_flow(UP, log_t=log_t, tolerance=1e-4)
    states = np.column_stack(
        [
            [two_by_two._state(s, W) for s, W in zip(log_t, run.iterates, strict=True)],
            run.log_determinant,
        ]
    )
    at = visited(log_t, states)
    assert len(at) < 60 and check[0][0]["times"] == pytest.approx(log_t[at])


@pytest.mark.parametrize(
    ("tolerance", "errors"),
    [(1e-4, [(1e-10, 1e-9), (1e-12, 1e-11)]), (1e-7, [(1e-13, 1e-12), (SMALLEST, SMALLEST)])],
)
def test_where_the_runs_are_apart_closer_ones_are_tried(tolerance, errors, monkeypatch):
    real, check = (
        calls(monkeypatch, two_by_two, "integrate"),
        calls(monkeypatch, two_by_two, "collocate"),
    )
    apart_once(monkeypatch, two_by_two)
    flow.two_by_two_flow(UP, log_t=[0.5], tolerance=tolerance)
    state = np.array([0.1, 0.1, 0.1, 0.1, 0.1])
    found = [
        (a["tolerance"], b["allowed"](state)[0]) for (a, _), (b, _) in zip(real, check, strict=True)
    ]
    assert found == [pytest.approx(pair, rel=1e-9, abs=0) for pair in errors]


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("W", [UP, DOWN])
def test_a_flow_and_that_of_the_transpose(W, depth):
    """M is symmetric: W^T follows the flow of the start W^T."""
    one, other = (
        flow.two_by_two_flow(start, depth=depth, log_t=TIMES, tolerance=1e-6) for start in (W, W.T)
    )
    assert one.iterates == pytest.approx(other.iterates.transpose(0, 2, 1), abs=2e-6)
    assert one.log_determinant == pytest.approx(other.log_determinant, abs=1e-5)


@pytest.mark.parametrize("bad", [np.eye(3), np.ones((1, 4)), np.zeros((2, 2))])
def test_a_start_of_another_shape_or_rank_is_refused(bad):
    with pytest.raises(ValueError, match=r"^start must be a 2x2 matrix with determinant other"):
        flow.two_by_two_flow(bad, log_t=[0.0])


def test_the_names_of_bad_arguments():
    for bad, match in [
        ({"depth": 0}, "depth"),
        ({"depth": 1}, "depth must be at least 2"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"log_t": [1.0, 0.0]}, "log_t"),
    ]:
        with pytest.raises(ValueError, match=match):
            flow.two_by_two_flow(UP, **({"log_t": [0.0]} | bad))
    with pytest.raises(ValueError, match="start"):
        flow.two_by_two_flow([1.0, 2.0], log_t=[0.0])


@pytest.mark.parametrize("size", [1e40, 1e80, 1e100])
def test_a_start_whose_determinant_is_cut_off_is_refused_with_one_that_works(size):
    with pytest.raises(ValueError, match=r"^start has a determinant of e\^") as refused:
        flow.two_by_two_flow(size * np.eye(2), log_t=[1.0])
    divisor = float(re.search(r"Take start / (\S+),", str(refused.value))[1])
    run = flow.two_by_two_flow(size / (2 * divisor) * np.eye(2), log_t=[-60.0])
    assert np.isfinite(run.log_determinant).all()


@pytest.mark.parametrize("corner", [0.0, 1e-100, 1e-200])
def test_the_log_risk_of_a_start_next_to_a_fit_is_no_warning(corner):
    """What is left is known to the tolerance only, but it is no fit by underflow of a square."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = flow.two_by_two_flow([[0.0, 1.0], [1.0, corner]], log_t=[-3.0])
    if corner == 0:
        assert run.log_risk.tolist() == [-np.inf] and run.iterates[0].tolist() == [[0, 1], [1, 0]]
    else:
        assert -np.inf < run.log_risk[0] < np.log(corner)


def test_the_log_risk_is_that_of_the_scaled_entries():
    off = np.array([[[7.0, 3.0], [4.0, 12.0]], [[1.0, 3e-200], [4e-200, 12e-200]]])
    right = np.log(169 / 2) + 2 * np.log([1.0, 1e-200]) - 2 * np.log1p(np.exp([0.0, 1.0]))
    assert two_by_two.log_risk(np.array([0.0, 1.0]), off) == pytest.approx(right)


@pytest.mark.parametrize("n", [30, 31, 40, 41, 46, 47])
def test_the_side_of_the_determinant_is_exact(n):
    """Fibonacci numbers F have det [[F_n+1, F_n], [F_n, F_n-1]] = (-1)^n, for every n.

    Elimination errs by more than that, and takes the other end.
    """
    F = [0, 1]
    while len(F) < n + 2:
        F.append(F[-1] + F[-2])
    k = F[n].bit_length()
    run = flow.two_by_two_flow(
        np.array([[F[n + 1], F[n]], [F[n], F[n - 1]]]) / 2.0**k, log_t=[-30.0, 6.0]
    )
    assert run.log_determinant[0] == pytest.approx(-2 * k * np.log(2), rel=1e-9)
    # The determinant keeps its sign. Above zero w22 = (1 + det) / w11 stays; below, det = -1 is
    # met, at w22 = 0.
    w22 = run.iterates[-1, 1, 1]
    assert w22 > 0.01 if n % 2 == 0 else abs(w22) < 1e-9
    assert run.log_determinant[-1] < -1 if n % 2 == 0 else abs(run.log_determinant[-1]) < 1e-6
