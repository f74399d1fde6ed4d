"""The path of penalties: each step of Newton's method by itself, its guard, and every field."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import PolynomialTail, named
from ibias.optima import ridge, ridge_path
from ibias.optima.ridge import ERROR, From, _alpha, _follow, _jacobian, _newton, _step

Z = datasets.separable(0, 8, 3).Z
CENTRE = np.array([0.5, -1.0, 0.3])
LOSSES = ["logistic", "exponential", PolynomialTail(2)]


def shifted(loss: object) -> From:
    return From(named(loss), Z @ CENTRE)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("s", [-3.0, 0.0, 2.0])
def test_the_step_is_newtons_on_the_stationarity_condition(loss: object, s: float) -> None:
    near, plain = shifted(loss), named(loss)
    w = np.array([0.2, 0.1, -0.4])
    margins = Z @ (CENTRE + w)
    alpha = -plain.slope(margins) / 8 / np.exp(s)
    assert _alpha(Z, near, w, s) == pytest.approx(alpha)
    h = 1e-6 * np.eye(3)

    def condition(w: np.ndarray) -> np.ndarray:
        return w - _alpha(Z, near, w, s) @ Z

    J = np.transpose([(condition(w + e) - condition(w - e)) / 2e-6 for e in h])
    assert _jacobian(Z, near, w, s) == pytest.approx(J, rel=1e-5, abs=1e-6)
    assert J @ _step(Z, near, w, s) == pytest.approx(-condition(w), rel=1e-5, abs=1e-6)
    assert near.log_slope(Z @ w) == pytest.approx(plain.log_slope(margins))
    assert near.log_slope_derivative(Z @ w) == pytest.approx(plain.log_slope_derivative(margins))
    assert near.dual_variables(Z @ w) == pytest.approx(plain.dual_variables(margins))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_newtons_method_and_the_path_end_at_the_minimiser(loss: object) -> None:
    near = shifted(loss)

    def stationary(w: np.ndarray, s: float) -> float:
        return np.linalg.norm(_alpha(Z, near, w, s) @ Z - w) / np.linalg.norm(w)

    w = _newton(Z, near, np.zeros(3), 4.0)
    assert stationary(w, 4.0) < 1e-13
    for target in (3.0, -2.0, -50.0):
        assert stationary(_follow(Z, near, w, 4.0, target), target) < 1e-8


@pytest.mark.parametrize("centre", [None, CENTRE, 1e3 * CENTRE])
@pytest.mark.parametrize("shape", [(8, 3), (4, 9)])
def test_every_field_is_what_its_definition_says(centre: object, shape: tuple[int, int]) -> None:
    data, loss = datasets.separable(1, *shape), named("logistic")
    centre = None if centre is None else np.resize(centre, shape[1])
    s = np.array([-1.0, 2.0, -4.0])
    path = ridge_path(data, log_penalty=s, centre=centre)
    assert path.log_penalty.tolist() == s.tolist()
    assert path.w.shape == (3, shape[1]) and path.error_estimate.shape == (3,)
    size = max(1.0, np.abs(path.w).max())
    assert (path.error_estimate <= 1e-12 * size).all()
    for w, p, one in zip(path.w, path.dual_variables, s, strict=True):
        slopes = -loss.slope(data.Z @ w)
        assert p == pytest.approx(slopes / slopes.sum(), rel=1e-6)
        pulled = slopes @ data.Z / shape[0] / np.exp(one)
        assert w - (0 if centre is None else centre) == pytest.approx(pulled, abs=1e-9 * size)


def test_a_single_penalty_and_the_default_loss() -> None:
    data = datasets.separable(1, 8, 3)
    path = ridge_path(data, log_penalty=-1.0)
    assert path.log_penalty.tolist() == [-1.0]
    assert (path.w == ridge_path(data, log_penalty=[-1.0], loss="logistic").w).all()
    with pytest.raises(ValueError, match="log_penalty must be a list"):
        ridge_path(data, log_penalty=[[0.0]])
    for centre in ([0.0, 0.0], [0.0] * 4, [[0.0] * 3]):
        with pytest.raises(ValueError, match=r"centre (has shape|must have 1 axes)") as refused:
            ridge_path(data, log_penalty=0.0, centre=centre)
        assert ("axes" in str(refused.value)) is isinstance(centre[0], list)


@pytest.mark.parametrize("far", [0.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_point_that_is_off_is_refused(
    monkeypatch: pytest.MonkeyPatch, far: float, part: float, fine: bool
) -> None:
    """Off by so much that the next step is this part of what is allowed."""
    data, centre = datasets.separable(1, 8, 3), far * np.array([0.0, 0.6, 0.8])
    right = ridge_path(data, log_penalty=[-1.0], centre=centre)
    allowed = ERROR * max(np.linalg.norm(right.w[0] - centre), far)
    true = ridge._follow

    def off(*arguments: object) -> np.ndarray:
        w = true(*arguments)
        e = np.eye(w.size)[0]
        return w + part * allowed * e

    monkeypatch.setattr(ridge, "_follow", off)
    if fine:
        path = ridge_path(data, log_penalty=[-1.0], centre=centre)
        # Newton's step leads back.
        assert path.error_estimate == pytest.approx([part * allowed], rel=1e-3)
    else:
        with pytest.raises(RuntimeError, match="To go on, ask for larger penalties"):
            ridge_path(data, log_penalty=[-1.0], centre=centre)
        uneven = Dataset(data.X * [1.0, 1e6, 1.0], data.y)
        monkeypatch.setattr(ridge, "_follow", lambda *a: 2 * true(*a))
        with pytest.raises(RuntimeError, match="To go on, make the columns of X alike"):
            ridge_path(uneven, log_penalty=[20.0])


def stepping(monkeypatch: pytest.MonkeyPatch, sizes: list[float]) -> list[float]:
    """Let Newton's steps have these sizes; return what is left of them."""
    left = list(sizes)
    monkeypatch.setattr(ridge, "_step", lambda *_: np.array([left.pop(0)]))
    return left


@pytest.mark.parametrize(
    ("sizes", "end", "left"),
    [
        ([0.5e-14, 9.0], 1.0, 1),  # nothing more to do
        ([2e-14, 0.0, 9.0], 1 + 2e-14, 1),
        ([1.0, 0.5, 0.0, 9.0], 2.5, 1),
        ([1e-3, 1e-9, 0.6e-9, 9.0], 1 + 1e-3 + 1e-9, 1),  # close, and no longer nearer
        ([1e-3, 1e-9, 0.4e-9, 1e-16, 9.0], 1 + 1e-3 + 1.4e-9, 1),
        ([1e-3, 1.5e-8, 1.4e-8, 0.0, 9.0], 1 + 1e-3 + 2.9e-8, 1),  # not yet close
        ([1.0, 1.9, 0.0, 9.0], 3.9, 1),
        ([1.0, 2.1, 9.0], None, 1),
        ([1.0] * 60, None, 10),
    ],
)
def test_newtons_method_stops_where_steps_are_nothing_or_do_not_shrink(
    monkeypatch: pytest.MonkeyPatch, sizes: list[float], end: float | None, left: int
) -> None:
    rest = stepping(monkeypatch, sizes)
    found = _newton(Z, shifted("logistic"), np.array([1.0]), 0.0)
    assert (found is None) == (end is None)
    if end is not None:
        assert found[0] - 1 == pytest.approx(end - 1, rel=1e-6, abs=1e-15)
    assert len(rest) == left


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_a_guess_is_tried_only_near_the_path_and_is_its_tangent(
    monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    tried, near = [], From(named(loss), np.zeros(8))
    true = _newton

    def watched(Z: np.ndarray, loss: From, guess: np.ndarray, s: float) -> np.ndarray | None:
        found = true(Z, loss, guess, s)
        tried.append((guess, found, s))
        return found

    w = true(Z, near, np.zeros(3), 4.0)
    monkeypatch.setattr(ridge, "_newton", watched)
    end = _follow(Z, near, w, 4.0, -1e4)
    assert (end == tried[-1][1]).all() and len(tried) > 3
    at, s = w, 4.0
    for guess, found, target in tried:
        growth = (near.log_slope(Z @ guess) - target).max() - (near.log_slope(Z @ at) - s).max()
        assert growth < 20 and target < s
        if found is not None:
            at, s = found, target
    assert s == -1e4
    # From here the path is almost straight: a tangent is much better than staying.
    tried.clear()
    after = _follow(Z, near, end, -1e4, -1.1e4)
    ((guess, _, _),) = tried
    assert np.linalg.norm(guess - after) < 1e-2 * np.linalg.norm(after - end)


def test_a_path_that_newtons_method_loses_is_halved_forty_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = []
    w = _newton(Z, shifted("logistic"), np.zeros(3), 4.0)
    monkeypatch.setattr(ridge, "_newton", lambda Z, loss, w, s: targets.append(s))
    with pytest.raises(RuntimeError, match="lost the path between 4 and 4;"):
        _follow(Z, shifted("logistic"), w, 4.0, 3.0)
    assert 4 - np.array(targets) == pytest.approx(2.0 ** -np.arange(41))
    # The second half of an interval is halved as often as the first.
    failed = []

    def until(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray | None:
        return w if s >= 3.5 else failed.append(s)

    monkeypatch.setattr(ridge, "_newton", until)
    with pytest.raises(RuntimeError, match=r"lost the path between 3\.5 and 3.5;"):
        _follow(Z, shifted("logistic"), w, 4.0, 3.0)
    assert len(failed) == 41
    monkeypatch.setattr(ridge, "_newton", lambda *_: None)
    with pytest.raises(RuntimeError, match="found no start of the path at log_penalty"):
        ridge_path(datasets.separable(0), log_penalty=0.0)


def test_the_path_begins_where_the_penalty_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curvature of the penalty is above that of the risk there, whatever is asked for."""
    starts = []

    def watched(Z: np.ndarray, loss: From, w: np.ndarray, s: float) -> np.ndarray | None:
        starts.append((w.copy(), s))
        return _newton(Z, loss, w, s)

    monkeypatch.setattr(ridge, "_newton", watched)
    largest = np.log(np.linalg.svd(Z)[1][0] ** 2 + 1)
    for centre, steepest in [(np.zeros(3), 0.0), (-5 * CENTRE, None)]:
        loss = named("exponential")
        if steepest is None:
            steepest = np.log(-loss.slope(Z @ centre)).max()
            assert steepest > 1
        starts.clear()
        ridge_path(Dataset.from_signed(Z), log_penalty=[-1.0], loss=loss, centre=centre)
        assert not starts[0][0].any()
        assert starts[0][1] == pytest.approx(largest + steepest)
    starts.clear()
    ridge_path(Dataset.from_signed(Z), log_penalty=[-1.0, 50.0, 3.0])
    assert starts[0][1] == 50.0
    asked = [s for _, s in starts[1:] if s in (50.0, 3.0, -1.0)]
    assert asked == [50.0, 3.0, -1.0]  # from large to small


def test_where_the_minimiser_is_beyond_float64_it_is_said() -> None:
    overlap = Dataset.from_signed([[1.0], [1.0], [-1.0]])
    path = ridge_path(overlap, log_penalty=[-250.0])
    found = minimize(lambda w: np.logaddexp(0, -overlap.Z @ w).mean(), [0.0]).x
    assert path.w[0] == pytest.approx(found, abs=1e-5)
    with pytest.raises(RuntimeError, match=r"below -[0-9]* the minimiser leaves the range"):
        ridge_path(overlap, log_penalty=[-1e4])
