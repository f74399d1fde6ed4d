"""The limit of next tokens: every field from its definition, and the edges of its guards."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import softmax

from ibias import datasets
from ibias.datasets import NextTokens
from ibias.optima import next_token, next_token_limit
from ibias.optima.next_token import COMPATIBLE


def by_rows(data: NextTokens) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    """Return the rows of the supports, their log-odds, the rows to the outside, and the pairs."""
    k = data.n_classes
    inside, odds, outside, pairs = [], [], [], []
    for j, (h, p) in enumerate(zip(data.X, data.P, strict=True)):
        first = int(np.argmax(p > 0))
        for v in range(k):
            row = np.zeros((k, h.size))
            row[first], row[v] = h, row[v] - h
            if p[v] == 0:
                outside.append(row.ravel())
                pairs.append((j, v))
            elif v != first:
                inside.append(-row.ravel())
                odds.append(np.log(p[v] / p[first]))
    width = k * data.n_features
    return np.reshape(inside, (-1, width)), np.array(odds), np.array(outside), pairs


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e-2, 1.0, 1e2])
def test_every_field_is_what_its_definition_says(seed: int, size: float) -> None:
    plain = datasets.next_tokens(seed)
    data = NextTokens(size * plain.X, plain.P)
    limit = next_token_limit(data)
    inside, odds, outside, pairs = by_rows(data)
    shape = (data.n_classes, data.n_features)
    assert limit.finite.shape == limit.ray.shape == limit.correction.shape == shape
    P = limit.projection
    assert pytest.approx(np.linalg.pinv(inside) @ inside, abs=1e-9) == P
    W, ray = limit.finite.ravel(), limit.ray.ravel()
    assert inside @ W == pytest.approx(odds) and pytest.approx(W, rel=1e-7) == P @ W
    assert limit.error == pytest.approx(np.abs(inside @ W - odds).max(), abs=1e-12)
    assert P @ ray == pytest.approx(np.zeros(ray.size), abs=1e-9 / size)
    assert (outside @ ray).min() == pytest.approx(1, rel=1e-9)
    # The ray is what the dual variables pull, less its part in F.
    weights = limit.dual_variables
    assert weights.min() >= 0 and not weights[data.P > 0].any()
    values = np.array([weights[j, v] for j, v in pairs])
    pulled = values @ outside
    assert pulled - P @ pulled == pytest.approx(ray, rel=1e-6, abs=1e-7 / size)
    assert values @ (outside @ ray - 1) == pytest.approx(0, abs=1e-6 / size**2)
    margin = 1 / np.linalg.norm(ray)
    hull = np.linalg.norm(pulled - P @ pulled) / values.sum()
    assert limit.duality_gap == pytest.approx(hull - margin, abs=1e-9 * margin)


@pytest.mark.parametrize("seed", range(3))
def test_the_correction_balances_what_the_outside_pulls(seed: int) -> None:
    """H D = P_F sum lambda_jv (p_j - e_v) h_j^T, with H the second derivative of the risk."""
    data = datasets.next_tokens(seed)
    limit = next_token_limit(data)
    n, F = data.n_samples, limit.projection
    h = 1e-5

    def gradient(W: np.ndarray) -> np.ndarray:
        total = np.zeros_like(W)
        for x, p in zip(data.X, data.P, strict=True):
            on = p > 0
            q = np.zeros_like(p)
            q[on] = softmax(W[on] @ x)
            total += np.outer(q - p, x) / n
        return total

    D = limit.correction
    assert (F @ D.ravel()) == pytest.approx(D.ravel(), abs=1e-9 * np.abs(D).max())
    unit = np.abs(D).max()
    moved = gradient(limit.finite + h * D / unit) - gradient(limit.finite - h * D / unit)
    H_D = moved.ravel() / (2 * h) * unit
    pull = np.zeros_like(D)
    for j, v in np.argwhere(limit.dual_variables > 0):
        e = np.eye(data.n_classes)[v]
        pull += limit.dual_variables[j, v] * np.outer(data.P[j] - e, data.X[j])
    assert pytest.approx(F @ pull.ravel(), rel=1e-4, abs=1e-5 * np.abs(pull).max()) == F @ H_D


def test_one_context_by_hand() -> None:
    """Weights w of three tokens: w_1 - w_2 = log 3, and the third goes off."""
    limit = next_token_limit(NextTokens([[2.0]], [[0.75, 0.25, 0.0]]))
    half = np.log(3) / 4
    assert limit.finite.ravel() == pytest.approx([half, -half, 0])
    assert limit.ray.ravel() == pytest.approx([1 / 6, 1 / 6, -1 / 3])
    assert limit.projection == pytest.approx(np.array([[0.5, -0.5, 0], [-0.5, 0.5, 0], [0, 0, 0]]))
    # lambda (p - e_3) h across F: 2 lambda (1/2, 1/2, -1) is the ray.
    assert limit.dual_variables == pytest.approx(np.array([[0, 0, 1 / 6]]))
    # H along (1, -1, 0): 4 * 3/16 (D_1 - D_2) = 1/4 of what pulls, 2/6 (3/4 - 1/4) / 2.
    D = (2 / 6) * 0.25 / (4 * 2 * 3 / 16)
    assert limit.correction.ravel() == pytest.approx([D, -D, 0])


@pytest.mark.parametrize("odds", [1.0, 1e3])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_log_odds_that_are_off_are_refused(
    monkeypatch: pytest.MonkeyPatch, odds: float, part: float, fine: bool
) -> None:
    """By a billionth of the largest, or of one."""
    ratio = np.exp(min(odds, 30.0))
    data = NextTokens([[1.0]], [[ratio / (1 + ratio), 1 / (1 + ratio), 0.0]])
    settled = data.settled
    off = part * COMPATIBLE * max(1.0, min(odds, 30.0))
    # A cached property: what stands there is used.
    data.__dict__["settled"] = settled + np.array([off, 0.0, 0.0])
    if fine:
        assert next_token_limit(data).error == pytest.approx(off, rel=1e-5)
    else:
        with pytest.raises(ValueError, match="no W has the log-odds"):
            next_token_limit(data)


def test_odds_below_one_are_compared_with_one() -> None:
    for part, fine in [(0.5, True), (2.0, False)]:
        data = NextTokens([[1.0]], [[0.5, 0.5, 0.0]])
        data.__dict__["settled"] = data.settled + np.array([part * COMPATIBLE, 0.0, 0.0])
        if fine:
            assert next_token_limit(data).error == pytest.approx(part * COMPATIBLE)
        else:
            with pytest.raises(ValueError, match="no W has the log-odds"):
                next_token_limit(data)


@pytest.mark.parametrize("size", [2.0**-200, 0.25, 1.0, 2.0**200])
@pytest.mark.parametrize(("part", "fine"), [(0.5, True), (2.0, False)])
def test_a_ray_that_is_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: float, part: float, fine: bool
) -> None:
    """By a part of its length; no context sees the second column."""
    longer = np.array([0.5, np.sqrt(part * 1e-9), -0.5, 0.0])
    monkeypatch.setattr(next_token, "to_margin_one", lambda *_, along: longer)
    data = NextTokens([[size, 0.0]], [[1.0, 0.0]])
    if fine:
        right = part * 1e-9 * size * np.sqrt(2)  # the margin is sqrt(2)
        assert next_token_limit(data).duality_gap == pytest.approx(right, rel=1e-5)
    else:
        with pytest.raises(RuntimeError, match="rounding decides about the ray"):
            next_token_limit(data)


@pytest.mark.parametrize("k", [3, 9, 25, 27, 31, 32, 36, 40, 44])
def test_two_contexts_that_nearly_agree_have_their_ray_or_are_refused(k: int) -> None:
    """By hand, the logits of two tokens differ along the ray by (2 + e, 1 - 3 e) / 7 e."""
    e = 2.0**-k
    X, P = np.array([[1, -2], [1 - 3 * e, -2 - e]]), np.array([[1, 0], [0.25, 0.75]])
    try:
        ray = next_token_limit(NextTokens(X, P)).ray
    except RuntimeError as refused:
        assert k > 25 and "nearly depend on each other" in str(refused)
        drop = int(str(refused).split("Drop context ")[1][:-1])
        rest = NextTokens(np.delete(X, drop, axis=0), np.delete(P, drop, axis=0))
        assert next_token_limit(rest).duality_gap < 1e-15
        return
    right = np.array([2 + e, 1 - 3 * e]) / (7 * e)
    assert ray[0] - ray[1] == pytest.approx(right, rel=1e-9)


def test_logits_inside_a_support_agree_along_a_long_ray() -> None:
    """The context that has a token outside is short: the ray is long, and rounds on the others."""
    X = 2.0**-26 * np.array([[2.0, 3, 2], [2.0**53, 0, 0], [-(2.0**45), 0, 3 * 2.0**45]])
    P = np.array([[0, 0, 1], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    data = NextTokens(X, P)
    ray = next_token_limit(data).ray.ravel()
    for row in data.inside[0]:
        differ = sum(Fraction(a) * Fraction(b) for a, b in zip(row, ray, strict=True))
        assert abs(differ) < 1e-6


@pytest.mark.parametrize(
    ("X", "P", "words"),
    [
        (
            [
                [-3.0, 1.0, -3.0],
                [-2.9999999999990905, 1.000000000001819, -2.999999999998181],
                [1.0, -1.0, -2.0],
            ],
            [[0.0, 1.0], [0.25, 0.75], [1.0, 0.0]],
            "the embeddings nearly depend on each other linearly",
        ),
        (
            [[2.0, -1.0], [2 + 1e-8, -1.0]],
            [[0.75, 0.25, 0.0], [0.25, 0.75, 0.0]],
            "in float64, because their embeddings depend on each other linearly, or nearly so",
        ),
        (
            [[-2.0, 0.0, -1.0], [-1.999999999985448, -7e-12, -1.0000000000218], [2.0, -3.0, 0.0]],
            [[1.0, 0.0], [0.25, 0.75], [0.25, 0.75]],
            "the embeddings nearly depend on each other linearly",
        ),
    ],
)
def test_contexts_that_nearly_agree_are_refused_and_the_remedy_works(X, P, words) -> None:
    with pytest.raises((ValueError, RuntimeError), match=words) as refused:
        next_token_limit(NextTokens(X, P))
    drop = int(str(refused.value).split("Drop context ")[1][:-1])
    rest = NextTokens(np.delete(X, drop, axis=0), np.delete(P, drop, axis=0))
    assert np.isfinite(next_token_limit(rest).ray).all()


def test_one_token_each_leaves_nothing_to_settle() -> None:
    limit = next_token_limit(NextTokens(np.eye(2), [[1.0, 0.0], [0.0, 1.0]]))
    assert not limit.finite.any() and not limit.correction.any() and limit.error == 0
    assert not limit.projection.any()
    assert limit.ray == pytest.approx(np.array([[0.5, -0.5], [-0.5, 0.5]]))
    assert limit.dual_variables == pytest.approx(np.array([[0, 0.5], [0.5, 0]]))


def by_hand(h: float, p: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return finite, ray and correction of one context of two tokens and a third that goes off."""
    W = (np.log(1 - p) - np.log(p)) / h
    rate = (1 - 2 * p) / (3 * h**2) / (2 * h * p * (1 - p))  # as below, with 3/4 and 1/4
    return (
        np.array([W / 2, -W / 2, 0]),
        np.array([1 / 3, 1 / 3, -2 / 3]) / h,
        np.array([rate, -rate, 0]),
    )


@pytest.mark.parametrize("h", [1e-90, 1e-60, 1e-3, 1.0, 7.0, 1e60, 1e100])
@pytest.mark.parametrize("p", [0.25, 1e-6, 1e-9, 1e-30])
def test_contexts_of_any_size_and_frequencies_of_any_size(h: float, p: float) -> None:
    limit = next_token_limit(NextTokens([[h, 0.0]], [[1 - p, p, 0.0]]))
    finite, ray, correction = by_hand(h, p)
    assert limit.finite[:, 0] == pytest.approx(finite, rel=1e-9, abs=0)
    assert limit.ray[:, 0] == pytest.approx(ray, rel=1e-9, abs=0)
    assert limit.correction[:, 0] == pytest.approx(correction, rel=1e-6, abs=0)
    assert not np.c_[limit.finite, limit.ray, limit.correction][:, 1::2].any()


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("p", [0.25, 1e-9, 1e-30])
def test_a_short_context_beside_a_long_one(size: float, p: float) -> None:
    """Two contexts that are orthogonal, each by itself; the mean is over both."""
    P = [[1 - p, p, 0.0], [0.75, 0.25, 0.0]]
    limit = next_token_limit(NextTokens([[size, 0.0], [0.0, 1.0]], P))
    for j, (h, q) in enumerate([(size, p), (1.0, 0.25)]):
        finite, ray, correction = by_hand(h, q)
        assert limit.finite[:, j] == pytest.approx(finite, rel=1e-7)
        assert limit.ray[:, j] == pytest.approx(ray, rel=1e-7)
        assert limit.correction[:, j] == pytest.approx(2 * correction, rel=1e-6)


def test_the_two_ways_to_the_correction_agree() -> None:
    for seed in range(5):
        data = datasets.next_tokens(seed)
        basis = data.spans[0]
        pull = np.random.default_rng(seed).standard_normal(len(basis))
        found = next_token._by_odds(data, basis, pull)
        assert data.hessian(data.P) @ found == pytest.approx(pull, rel=1e-9, abs=1e-9)


def test_a_frequency_that_has_hardly_a_number() -> None:
    """Its log-odds are a number, its correction is none."""
    assert NextTokens([[1.0]], [[1e-320, 1.0, 0.0]]).inside[1] == pytest.approx(320 * np.log(10))
    for P in ([[1e-320, 1.0, 0.0]], [[1.0, 1e-320, 0.0]]):
        with pytest.raises(ValueError, match="P has a frequency of 1e-320, and the correction"):
            next_token_limit(NextTokens([[1.0, 0.0]], P))
    assert next_token_limit(NextTokens([[1.0, 0.0]], [[0.0, 1.0, 0.0]])).error == 0


@pytest.mark.parametrize("size", [1e-110, 1e-140, 2e-150])
def test_a_correction_beyond_double_precision_says_by_what_to_divide(size: float) -> None:
    X, P = np.array([[1.0, 0.0], [1.0, 2.0]]), [[0.5, 0.25, 0.25, 0.0], [0.0, 1.0, 0.0, 0.0]]
    with pytest.raises(ValueError, match=r"Divide X by \S+: finite and ray are") as refused:
        next_token_limit(NextTokens(size * X, P))
    unit = float(str(refused.value).split("Divide X by ")[1].split(":")[0])
    small, plain = (
        next_token_limit(NextTokens(size * X / unit, P)),
        next_token_limit(NextTokens(X, P)),
    )
    assert small.ray * size / unit == pytest.approx(plain.ray)


def depending(odds: float) -> NextTokens:
    """Return three contexts in two dimensions; the log-odds of the second are twice the first's."""
    P = [[1 / (1 + np.exp(k)), 1 / (1 + np.exp(-k)), 0.0] for k in (odds, 2 * odds, 0.1)]
    return NextTokens([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], P)


@pytest.mark.parametrize("odds", [-1.0, -12.0, -14.0])
def test_contexts_that_depend_on_each_other(odds: float) -> None:
    """Along the first feature the second derivative is the mean of h^2 p (1 - p)."""
    data = depending(odds)
    limit, p = next_token_limit(data), data.P[:, 1]
    pull = limit.dual_variables[:, 2] @ ((1 - 2 * p) * data.X[:, 0]) / 2
    H = ((data.X[:, 0] ** 2) * p * (1 - p)).sum() / 3
    D = pull / (2 * H)
    assert limit.correction[:, 0] == pytest.approx([D, -D, 0], rel=1e-6)


def test_contexts_that_depend_on_each_other_at_frequencies_too_different_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Drop contexts that depend on the others linearly"):
        next_token_limit(depending(-20.0))
    whole = depending(-20.0)
    assert np.isfinite(next_token_limit(NextTokens(whole.X[1:], whole.P[1:])).correction).all()
