"""The path of penalties: Newton's equations by themselves, their guards, and every field."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibias import datasets
from ibias.datasets import Dataset
from ibias.losses import PolynomialTail, named
from ibias.optima import ridge, ridge_path
from ibias.optima._graded import graded, plain
from ibias.optima.ridge import Chart, Equations, Risk, _follow, _newton
from tests.reference import exact

Z = datasets.separable(0, 8, 3).Z
CENTRE = np.array([0.5, -1.0, 0.3])
LOSSES = ["logistic", "exponential", PolynomialTail(2)]


def chart(loss: object, rows: np.ndarray = Z, centre: np.ndarray = CENTRE) -> Chart:
    return Chart(Risk(rows, named(loss), centre, rows @ centre, 1.0), plain(rows))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("s", [-30.0, -3.0, 0.0, 2.0])
@pytest.mark.parametrize("size", [1e-2, 1.0])
@pytest.mark.parametrize("weights", [None, np.zeros(8), np.arange(8) * 3.0])
def test_the_equations_are_newtons(loss: object, s: float, size: float, weights: object) -> None:
    plainly, u, h = named(loss), size * np.array([0.2, 0.1, -0.4]), 1e-6 * np.eye(3)
    at = chart(loss)
    if weights is not None:
        at = Chart(at.risk, graded(Z, weights))
    turn = at.at.basis.high
    equations = at.equations(turn @ u, s)

    def condition(u: np.ndarray) -> np.ndarray:
        return u + plainly.slope(Z @ (CENTRE + u)) @ Z / 8 / np.exp(s)

    J = np.transpose([(condition(u + e) - condition(u - e)) / 2e-6 for e in h])
    curvature = np.exp(equations.log_curvature)
    large = np.abs(J).max()
    assert curvature[:, None] * equations.A @ turn == pytest.approx(turn @ J, abs=1e-5 * large)
    assert curvature * equations.pull == pytest.approx(-turn @ condition(u), rel=1e-9)
    assert curvature * equations.own == pytest.approx(turn @ u)
    assert J @ turn.T @ equations.step == pytest.approx(-condition(u), rel=1e-5, abs=1e-5)
    assert (equations.hidden < 1e-10).all()


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_newtons_method_and_the_path_end_at_the_minimiser(loss: object) -> None:
    def stationary(at: Chart, y: np.ndarray, s: float) -> float:
        u = at.at.point(y).high
        pull = -named(loss).slope(Z @ (CENTRE + u)) @ Z / 8 / np.exp(s)
        return np.linalg.norm(pull - u) / np.linalg.norm(u)

    at, w = _newton(chart(loss), np.zeros(3), 4.0)
    assert stationary(at, w, 4.0) < 1e-13
    for target in (3.0, -2.0, -50.0):
        assert stationary(*_follow(at, w, 4.0, target), target) < 1e-8


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


def truth(rows: np.ndarray, s: float, digits: int = 80) -> np.ndarray:
    """The minimiser of the logistic risk and the penalty, by damped steps of Newton's method."""
    Z = exact.fractions(rows)
    with localcontext(prec=digits, Emax=10**9, Emin=-(10**9)):
        Z = [[Decimal(z.numerator) / Decimal(z.denominator) for z in row] for row in Z]
        n, d, w = len(Z), len(Z[0]), [Decimal()] * len(Z[0])
        # From large penalties down: each start is near.
        for now in [*np.arange(6.0, s, -2.0), s]:
            share = Decimal(now).exp() * n
            for _ in range(60):
                pulls = [1 / (1 + sum(a * b for a, b in zip(z, w, strict=True)).exp()) for z in Z]
                left = [
                    share * w[j] - sum(p * z[j] for p, z in zip(pulls, Z, strict=True))
                    for j in range(d)
                ]
                curved = [
                    [
                        sum(
                            (p * (1 - p) * z[i] * z[j] for p, z in zip(pulls, Z, strict=True)),
                            share * (i == j),
                        )
                        for j in range(d)
                    ]
                    for i in range(d)
                ]
                step = exact.solve(curved, left)
                # No margin moves by more than one at a time.
                most = max(abs(sum(a * b for a, b in zip(z, step, strict=True))) for z in Z)
                w = [a - b / max(most, Decimal(1)) for a, b in zip(w, step, strict=True)]
                if max(map(abs, step)) <= Decimal(10) ** -30 * max(map(abs, w)):
                    break
        return np.array([float(x) for x in w])


HELD = [
    ([[1, 2], [-1, -2], [3, 1]], -60.0),
    ([[1, -2], [-1, -2], [-1, 2]], -45.0),
    ([[2, 2, -3], [-2, -3, 2], [-2, -3, 2], [3, 1, 1], [-2, -2, 3]], -45.0),
    ([[-1, -3], [1, 3], [1, 3]], -25.0),
    ([[-0.9999997, -1000], [0.9999999, 1000]], -20.0),
    ([[-0.01, 30000], [0.009999961853027343, -30000]], 60.0),
    ([[0.9999999, 1000], [-0.9999999, -1000], [-0.9999998, -1000], [0.9999999, 1000]], 5.0),
    ([[0, 3, 3.0000000596046448], [0, -3, -3]], 5.0),
    ([[2, 3, 0], [-4, -6, 0.00048828125]], -20.0),
]


@pytest.mark.parametrize(("rows", "s"), HELD)
def test_what_is_held_does_not_blur_what_escapes(rows: list, s: float) -> None:
    rows = np.array(rows, dtype=float)
    path, right = ridge_path(Dataset.from_signed(rows), log_penalty=[s]), truth(rows, s)
    off, size = np.linalg.norm(path.w[0] - right), np.linalg.norm(right)
    assert off <= 1e-8 * size
    assert off <= path.error_estimate[0] + 1e-15 * size


def test_overlapping_samples_have_one_minimiser_at_any_small_penalty() -> None:
    data = Dataset.from_signed([[0.0, 2.0], [-1.0, 1.0], [1.0, -2.0]])
    path = ridge_path(data, log_penalty=[-1e4, -1000.0, -100.0])
    assert path.w == pytest.approx(np.tile(truth(data.Z, -60.0), (3, 1)), rel=1e-9)


@pytest.mark.parametrize("s", [-1e4, -100.0, -5.0, -1.0, 30.0])
@pytest.mark.parametrize("rows", [[[1, 2], [-1, -2]], [[-2], [0], [-3], [3], [2]], [[0.1], [-0.1]]])
def test_the_minimiser_is_zero_where_the_samples_sum_to_zero(rows: list, s: float) -> None:
    path = ridge_path(Dataset.from_signed(rows), log_penalty=[s])
    assert not path.w.any() and not path.error_estimate.any()


def test_a_penalty_whose_minimiser_has_no_square() -> None:
    w = ridge_path(Dataset.from_signed([[1.0, -0.5], [0.5, 1.5]]), log_penalty=[400.0]).w[0]
    assert w == pytest.approx(np.exp(-400) * np.array([0.375, 0.25]), rel=1e-8, abs=0)


def test_held_and_escaping_samples_part_ways() -> None:
    """Along (1, 2) the pair decides; across only the third pulls, and log log is what is left."""
    data = Dataset.from_signed([[1.0, 2.0], [-1.0, -2.0], [3.0, 1.0]])
    w = ridge_path(data, log_penalty=[-1e4, -1.1e4]).w
    assert w @ [1.0, 2.0] == pytest.approx([0, 0], abs=1e-9)
    assert (w[1] - w[0]) / 1e3 == pytest.approx(np.array([2.0, -1.0]) / 5, rel=1e-3)


def test_what_rounding_leaves_open_is_refused_and_the_penalty_advised_works() -> None:
    row = np.array([0.1, 0.3])
    data = Dataset.from_signed([row, -3 * row, [1.0, -1.0]])
    assert np.linalg.matrix_rank(data.Z[:2]) == 1 and (data.Z[1] != [-0.3, -0.9]).any()
    with pytest.raises(RuntimeError, match=r"^log_penalty=-60: rounding leaves open") as refused:
        ridge_path(data, log_penalty=[-60.0])
    enough = float(str(refused.value).split()[-1][:-1])
    assert ridge_path(data, log_penalty=[enough]).error_estimate < 1e-8


@pytest.mark.parametrize("far", [0.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_point_that_is_off_is_refused(
    monkeypatch: pytest.MonkeyPatch, far: float, part: float, fine: bool
) -> None:
    """Off by so much that the next step is this part of what is allowed."""
    data, centre = datasets.separable(1, 8, 3), far * np.array([0.0, 0.6, 0.8])
    right = ridge_path(data, log_penalty=[-1.0], centre=centre)
    unit = 2.0 ** np.round(np.log2(np.abs(data.Z).max()))
    allowed = ridge.ERROR * max(np.linalg.norm(right.w[0] - centre), far)
    true = ridge._newton

    def off(at: Chart, y: np.ndarray, s: float, *more: float) -> tuple[Chart, np.ndarray]:
        at, y = true(at, y, s, *more)
        return at, y + part * allowed * unit * np.eye(3)[0] * (s == -1.0)

    monkeypatch.setattr(ridge, "_newton", off)
    if fine:
        path = ridge_path(data, log_penalty=[-1.0], centre=centre)
        # Newton's step leads back.
        assert path.error_estimate == pytest.approx([part * allowed], rel=1e-3)
    else:
        with pytest.raises(RuntimeError, match=r"only to .* a log_penalty of at least 0"):
            ridge_path(data, log_penalty=[-1.0], centre=centre)


def test_a_path_that_newtons_method_loses_is_halved_forty_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets: list[float] = []
    at, w = _newton(chart("logistic"), np.zeros(3), 4.0)
    monkeypatch.setattr(ridge, "_newton", lambda at, w, s, _: targets.append(s))
    with pytest.raises(ridge.Lost, match="lost it at 4"):
        _follow(at, w, 4.0, 3.0)
    assert 4 - np.array(targets) == pytest.approx(2.0 ** -np.arange(41))
    # The second half of an interval is halved as often as the first.
    failed: list[float] = []
    monkeypatch.setattr(
        ridge, "_newton", lambda at, w, s, _: (at, w) if s >= 3.5 else failed.append(s)
    )
    with pytest.raises(ridge.Lost, match=r"lost it at 3\.5"):
        _follow(at, w, 4.0, 3.0)
    assert len(failed) == 41
    monkeypatch.setattr(ridge, "_newton", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"^log_penalty=.*found no start of the path"):
        ridge_path(datasets.separable(0), log_penalty=0.0)


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
    rest = list(sizes)
    monkeypatch.setattr(Equations, "step", property(lambda _: np.array([rest.pop(0)])))
    monkeypatch.setattr(ridge, "_far", lambda *_: False)
    found = _newton(chart("logistic", Z[:, :1], CENTRE[:1]), np.array([1.0]), 0.0)
    assert (found is None) == (end is None)
    if end is not None:
        assert found[1][0] - 1 == pytest.approx(end - 1, rel=1e-6, abs=1e-15)
    assert len(rest) == left


def test_the_path_begins_where_the_penalty_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curvature of the penalty is above that of the risk there, whatever is asked for."""
    starts: list[tuple[np.ndarray, float]] = []

    def watched(at: Chart, y: np.ndarray, s: float, *more: float) -> object:
        starts.append((y.copy(), s))
        return _newton(at, y, s, *more)

    monkeypatch.setattr(ridge, "_newton", watched)
    unit = 2.0 ** np.round(np.log2(np.abs(Z).max()))
    largest = np.log(np.linalg.svd(Z / unit)[1][0] ** 2 + 1) + 2 * np.log(unit)
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
