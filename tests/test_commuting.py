"""Sensors that commute: the law of the eigenvalues by hand, its guard, and each step alone."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq

from ibias.datasets import Sensing, commuting_sensing, generator
from ibias.optima import commuting, commuting_limit
from ibias.optima.commuting import (
    COMMUTE,
    _common_eigenvectors,
    _continued,
    _eigenvalues,
    _newton,
    _offset,
    _solve,
)

DEPTHS = [1, 2, 3, 4, 7]


def slope(depth: int, scale: float, x: np.ndarray) -> np.ndarray:
    """Return q'(x), the integral of x^(2/N - 2) from the scale on."""
    if depth == 1:
        return x - scale
    if depth == 2:
        return np.log(x / scale)
    c = 1 - 2 / depth
    return (scale**-c - x**-c) / c


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
def test_phi_inverts_the_slope_of_the_potential(depth: int, scale: float) -> None:
    x = scale * np.array([0.1, 1.0, 3.0])
    at = _offset(depth, scale) + slope(depth, scale, x)
    found, derivative = _eigenvalues(at, depth)
    assert found == pytest.approx(x, rel=1e-9)
    h = 1e-6 * np.abs(at).max()
    rise = _eigenvalues(at + h, depth)[0] - _eigenvalues(at - h, depth)[0]
    assert derivative == pytest.approx(rise / (2 * h), rel=1e-4)
    assert derivative == pytest.approx(x ** (2 - 2 / depth), rel=1e-9)


def test_beyond_its_domain_phi_is_not_a_number() -> None:
    for depth in (3, 4):
        values, derivatives = _eigenvalues(np.array([-1.0, 0.0, 0.5]), depth)
        assert np.isnan(values).tolist() == np.isnan(derivatives).tolist() == [False, True, True]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 20.0])
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_every_field_is_what_its_definition_says(depth: int, scale: float, size: float) -> None:
    problem = commuting_sensing(4, 2, seed=depth)
    problem = Sensing(problem.sensors, size * problem.observations)
    law = commuting_limit(problem, depth=depth, scale=scale)
    Q, x = law.eigenvectors, law.eigenvalues
    assert pytest.approx(np.eye(4), abs=1e-12) == Q @ Q.T
    assert pytest.approx(Q @ np.diag(x) @ Q.T, abs=1e-12 * size) == law.W
    spectra = np.array([np.diag(Q.T @ A @ Q) for A in problem.sensors])
    images = slope(depth, scale, x)
    assert law.dual_variables @ spectra == pytest.approx(
        images, rel=1e-6, abs=1e-6 * np.abs(images).max()
    )
    missed = np.tensordot(problem.sensors, law.W, axes=2) - problem.observations
    assert law.residual == pytest.approx(np.abs(missed).max(), abs=1e-12 * size)
    assert law.residual <= 1e-9 * np.abs(problem.observations).max()


@pytest.mark.parametrize("depth", DEPTHS)
def test_one_sensor_by_bisection(depth: int) -> None:
    """tr diag(1, 2) W = 3: x_1 + 2 x_2 = 3 and q'(x_2) = 2 q'(x_1)."""
    x = brentq(lambda x: slope(depth, 0.1, (3 - x) / 2) - 2 * slope(depth, 0.1, x), 1e-6, 3 - 1e-6)
    problem = Sensing([np.diag([1.0, 2.0])], [3.0])
    law = commuting_limit(problem, depth=depth, scale=0.1)
    assert np.sort(law.eigenvalues) == pytest.approx(np.sort([x, (3 - x) / 2]), rel=1e-8)
    assert pytest.approx(np.diag([x, (3 - x) / 2]), rel=1e-8) == law.W
    assert law.dual_variables == pytest.approx([slope(depth, 0.1, np.array([x]))[0]], rel=1e-7)


def test_depth_two_is_the_default() -> None:
    problem = commuting_sensing(4, 2, seed=0)
    law, same = commuting_limit(problem, scale=0.1), commuting_limit(problem, depth=2, scale=0.1)
    assert (law.W == same.W).all()


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("asked", [0.0, 1e-3, 5.0])
@pytest.mark.parametrize(("part", "fine"), [(0.4, True), (2.5, False)])
def test_observations_that_are_missed_are_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, asked: float, part: float, fine: bool
) -> None:
    """Depth one: x = scale + nu a, and an error e of nu misses the observation by e ||a||^2."""
    a, scale = np.array([1.0, 3.0]), 0.1 * size
    y = asked * size
    nu = (y - scale * a.sum()) / (a @ a)
    spectrum = scale + nu * a
    allowed = 1e-9 * max(abs(y), 3 * np.abs(spectrum).max())
    off = nu + part * allowed / (a @ a)
    monkeypatch.setattr(commuting, "_continued", lambda *_: np.array([off]))
    problem = Sensing([np.diag(a)], [y])
    if fine:
        law = commuting_limit(problem, depth=1, scale=scale)
        assert law.residual == pytest.approx(part * allowed, rel=1e-3)
    else:
        with pytest.raises(RuntimeError, match="check their signs"):
            commuting_limit(problem, depth=1, scale=scale)


def case(seed: int, n: int = 3, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(seed)
    A = rng.standard_normal((n, d))
    return A, A @ rng.uniform(0.1, 2, d)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("seed", range(3))
def test_newtons_method_arrives_from_the_start(depth: int, seed: int) -> None:
    """Without the path: at a scale of order one it needs none."""
    A, y = case(seed)
    offset = _offset(depth, 1.0)
    nu = _newton(A, y, np.zeros(3), depth, offset)
    assert A @ _eigenvalues(offset + nu @ A, depth)[0] == pytest.approx(y, abs=1e-10)


def test_newtons_method_halves_a_step_that_is_too_long() -> None:
    """exp(nu) = 20: the first whole step, to 19, would end at e^19."""
    nu = _newton(np.ones((1, 1)), np.array([20.0]), np.zeros(1), 2, 0.0)
    assert nu == pytest.approx([np.log(20)], rel=1e-12)
    # Where nothing has these observations it stays where it is no longer nearer.
    nu = _newton(np.ones((1, 1)), np.array([-1.0]), np.zeros(1), 2, 0.0)
    assert np.isfinite(nu).all() and nu[0] < -5


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_tangent_leads_to_the_next_scale(monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    A, y = case(1)
    starts, ends = [], []
    true = _newton

    def watched(A: np.ndarray, y: np.ndarray, nu: np.ndarray, *where: object) -> np.ndarray:
        starts.append((nu, where[1]))
        ends.append(true(A, y, nu, *where))
        return ends[-1]

    monkeypatch.setattr(commuting, "_newton", watched)
    nu = _continued(A, y, depth, 1e-4)
    assert (nu == ends[-1]).all()
    assert not starts[0][0].any()
    assert len(ends) == 14  # three to a power of ten, and both ends
    offsets = np.array([offset for _, offset in starts])
    expected = [_offset(depth, scale) for scale in np.geomspace(1.0, 1e-4, 14)]
    assert offsets == pytest.approx(expected, rel=1e-12)
    moved = np.linalg.norm(np.diff(ends, axis=0), axis=1)
    corrected = [
        np.linalg.norm(end - start) for (start, _), end in zip(starts[1:], ends[1:], strict=True)
    ]
    # The error of a tangent is quadratic in the step.
    assert (np.array(corrected) < 0.3 * moved).all()


def test_a_scale_above_one_is_where_the_path_begins() -> None:
    A, y = case(2)
    nu = _continued(A, y, 2, 50.0)
    assert A @ (50.0 * np.exp(nu @ A)) == pytest.approx(y, rel=1e-9)


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("size", [1e-16, 1.0, 1e4])
def test_newtons_equations_by_the_pseudo_inverse(repeated: bool, size: float) -> None:
    rng = generator(0)
    A, r = size * rng.standard_normal((3, 6)), rng.standard_normal(3)
    if repeated:
        A[2] = A[0] + A[1]
    weights = rng.uniform(0.1, 2, 6)
    right = np.linalg.pinv((A * weights) @ A.T, rcond=1e-10) @ r
    assert _solve(A, weights, r) == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_an_asymmetry_beyond_rounding_is_refused(size: float, part: float, fine: bool) -> None:
    A = size * np.diag([1.0, 2.0])
    A[0, 1] = part * COMMUTE * np.sqrt(5) * size
    if fine:
        assert np.abs(_common_eigenvectors(A[None])) == pytest.approx(np.eye(2), abs=1e-8)
    else:
        with pytest.raises(ValueError, match="sensors must be symmetric"):
            _common_eigenvectors(A[None])


def test_sensors_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="sensors must be symmetric"):
        commuting_limit(Sensing([np.ones((2, 3))], [1.0]), scale=1.0)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("angle", "fine"), [(1e-10, True), (1e-8, False)])
def test_sensors_that_are_turned_against_each_other_do_not_commute(
    size: float, angle: float, fine: bool
) -> None:
    turn = np.array([[1.0, -angle], [angle, 1.0]])
    sensors = size * np.array([np.diag([1.0, 2.0]), turn @ np.diag([3.0, 1.0]) @ turn.T])
    if fine:
        assert np.abs(_common_eigenvectors(sensors)) == pytest.approx(np.eye(2), abs=1e-8)
    else:
        with pytest.raises(ValueError, match="do not commute"):
            _common_eigenvectors(sensors)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_common_eigenvectors_diagonalise_every_sensor(n: int) -> None:
    sensors = commuting_sensing(5, n, seed=n).sensors
    Q = _common_eigenvectors(sensors)
    for A in sensors:
        turned = Q.T @ A @ Q
        assert turned == pytest.approx(np.diag(np.diag(turned)), abs=1e-12)


def tied(values: list[float], n: int, off: float = 0.0) -> np.ndarray:
    """Spectra of length one of n sensors, in which the fixed mixture has these values, but off."""
    parts, values = np.cos(1.0 + np.arange(n)), np.array(values)
    spectra = generator(0).standard_normal((n, len(values)))
    for _ in range(200):  # onto the mixture and the length, in turn
        for group in [values == value for value in set(values)]:
            mixed = parts @ spectra[:, group]
            spectra[:, group] -= np.outer(parts, mixed - mixed.mean()) / (parts @ parts)
        spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    spectra[:, 0] += off * parts
    return spectra


def turned_at_random(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = spectra.shape[1]
    Q = np.linalg.qr(generator(1).standard_normal((n, n)))[0]
    sensors = Q * spectra[:, None] @ Q.T
    return Q, (sensors + sensors.transpose(0, 2, 1)) / 2


@pytest.mark.parametrize("off", [0.0, 1e-14, 1e-11, 1e-8])
@pytest.mark.parametrize(
    ("values", "n"), [([0, 0, 1], 2), ([0, 0, 1, 1, 2], 3), ([0] * 12 + [1] * 12, 4)]
)
def test_a_tie_of_the_mixture_is_none_of_the_sensors(values, n, off) -> None:
    spectra = tied(values, n, off)
    mixed = np.cos(1.0 + np.arange(n)) @ spectra
    assert np.abs(np.subtract.outer(mixed, mixed))[0, 1] < 1e-14 + 2 * n * off  # a tie it is
    _, sensors = turned_at_random(spectra)
    Q = _common_eigenvectors(sensors)
    assert pytest.approx(np.eye(len(values)), abs=1e-13) == Q.T @ Q
    off_diagonal = Q.T @ sensors @ Q * (1 - np.eye(len(values)))
    assert np.abs(off_diagonal).max() < (1e-12 if off < 1e-10 else 1e-9)


def test_of_sensors_whose_mixture_has_a_tie_the_limit_is_that_of_their_spectra() -> None:
    spectra = tied([0, 0, 1], 2)
    Q, sensors = turned_at_random(spectra)
    y = spectra @ [0.5, 1.0, 2.0]
    plain = commuting_limit(of_diagonals(spectra, [0.5, 1.0, 2.0]), scale=0.1)
    assert (
        pytest.approx(Q @ plain.W @ Q.T, abs=1e-9)
        == commuting_limit(Sensing(sensors, y), scale=0.1).W
    )


def test_sensors_that_do_not_commute_are_refused_where_their_mixture_has_ties() -> None:
    """A multiple of the identity is the mixture of two that do not commute with a third."""
    sensors = generator(2).standard_normal((3, 4, 4))
    sensors = sensors + sensors.transpose(0, 2, 1)
    sensors /= np.linalg.norm(sensors, axis=(1, 2), keepdims=True)
    parts = np.cos([1.0, 2.0, 3.0])
    rest = parts[0] * sensors[0] + parts[1] * sensors[1]
    # c I - rest is of the length that the third one has in the mixture.
    trace, square = np.trace(rest), (rest**2).sum()
    c = (trace + np.sqrt(trace**2 - 4 * (square - parts[2] ** 2))) / 4
    sensors[2] = (c * np.eye(4) - rest) / parts[2]
    assert np.linalg.norm(sensors[2]) == pytest.approx(1)
    with pytest.raises(ValueError, match="do not commute"):
        _common_eigenvectors(sensors)


def test_a_short_sensor_has_its_say_beside_a_long_one() -> None:
    """Alone the long one has a tie."""
    spectra = np.array([[1e6, 1e6, 2e6], [1e-6, 2e-6, 3e-6]])
    _, sensors = turned_at_random(spectra)
    Q = _common_eigenvectors(sensors)
    for A, size in zip(sensors, (1e6, 1e-6), strict=True):
        turned = Q.T @ A @ Q
        assert turned == pytest.approx(np.diag(np.diag(turned)), abs=1e-9 * size)


def test_a_trial_that_overflows_warns_of_nothing() -> None:
    """The first whole steps end at e^1999 in one unknown, which the other row does not see."""
    nu = _newton(np.eye(2), np.array([2000.0, 0.5]), np.zeros(2), 2, 0.0)
    assert nu == pytest.approx(np.log([2000.0, 0.5]), rel=1e-9)


@pytest.mark.parametrize("y", [2.3, 20.0, 0.1])
def test_every_step_of_newtons_method_comes_nearer(
    monkeypatch: pytest.MonkeyPatch, y: float
) -> None:
    """And there are few of them: near the end the digits double."""
    missed = []

    def watched(A: np.ndarray, slope: np.ndarray, r: np.ndarray) -> np.ndarray:
        missed.append(float(np.abs(r).max()))
        return _solve(A, slope, r)

    monkeypatch.setattr(commuting, "_solve", watched)
    nu = _newton(np.ones((1, 1)), np.array([y]), np.zeros(1), 2, 0.0)
    assert nu == pytest.approx([np.log(y)], rel=1e-12)
    assert missed[0] == pytest.approx(abs(1 - y))
    assert all(b < a for a, b in pairwise(missed) if a > 1e-12)
    assert sum(one > 1e-12 for one in missed) < 14


def test_more_sensors_than_eigenvalues() -> None:
    """Every diagonal entry is seen, one of them twice."""
    sensors = np.array([np.diag(row) for row in np.vstack([np.eye(3), [[1.0, 0, 0]]])])
    for depth in DEPTHS:
        law = commuting_limit(Sensing(sensors, [1.0, 2.0, 0.5, 1.0]), depth=depth, scale=0.1)
        assert pytest.approx(np.diag([1.0, 2.0, 0.5]), rel=1e-9) == law.W


@pytest.mark.parametrize("depth", [3, 4, 7])
@pytest.mark.parametrize("scale", [1e-100, 1e-140])
def test_a_scale_beyond_double_precision_is_refused_in_words(depth, scale):
    problem = commuting_sensing(2, 1, 0)
    with pytest.raises(RuntimeError, match=r"scale: eigenvalues on the way|problem: the observ"):
        commuting_limit(problem, depth=depth, scale=scale)
    assert np.isfinite(commuting_limit(problem, depth=depth, scale=1e-3).W).all()


def of_diagonals(diagonals, eigenvalues):
    return Sensing([np.diag(one) for one in diagonals], diagonals @ eigenvalues)


NEAR = {
    1: [[17.0, 40.0], [17.0 + 1e-9, 40.0 - 1e-8]],
    5: [[17.0, 40.0], [17.0 + 1e-7, 40.0 - 1e-6]],
}


@pytest.mark.parametrize("depth", [1, 5])
def test_sensors_that_nearly_repeat_each_other_are_refused_and_the_remedy_works(depth):
    eigenvalues, diagonals = np.array([0.036, 0.504]), np.array(NEAR[depth])
    with pytest.raises(RuntimeError, match="give their difference, over its size") as caught:
        commuting_limit(of_diagonals(diagonals, eigenvalues), depth=depth, scale=8e-8)
    assert ("take depth=1" in str(caught.value)) == (depth > 1)
    difference = diagonals[1] - diagonals[0]
    diagonals[1] = difference / np.abs(difference).max()
    found = commuting_limit(of_diagonals(diagonals, eigenvalues), depth=depth, scale=8e-8)
    assert np.sort(found.eigenvalues) == pytest.approx(eigenvalues, rel=1e-6)
