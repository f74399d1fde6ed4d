"""What an error of `optima` advises has been tried: done, it works."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pytest

from ibias import datasets, optima
from ibias.datasets import Dataset, MulticlassDataset, Regression
from ibias.optima import NotSeparable, _advice
from tests.advice import first_to_drop, scaled

signed = Dataset.from_signed
ASKED = {
    "max_margin, p=1": lambda data: optima.max_margin(data, p=1),
    "max_margin": optima.max_margin,
    "max_margin, p=3": lambda data: optima.max_margin(data, p=3),
    "max_margin, p=inf": lambda data: optima.max_margin(data, p=np.inf),
    "bounded_part_and_ray": optima.bounded_part_and_ray,
    "separation": optima.separation,
    "tail_direction": lambda data: optima.tail_direction(data, power=1.0),
    "expansion": optima.expansion,
    "margin_climb": lambda data: optima.margin_climb(data, np.ones(data.n_features)),
    "nearest_separator": lambda data: optima.nearest_separator(data, np.ones(data.n_features)),
}


def hostile(seed: int) -> Dataset:
    """Samples that nearly repeat or oppose others, of columns and lengths far apart."""
    rng = datasets.generator(seed)
    n, d = rng.integers(3, 8), rng.integers(1, 5)
    Z = rng.standard_normal((n, d))
    for _ in range(rng.integers(0, 3)):
        i, j = rng.integers(n, size=2)
        Z[i] = rng.choice([-1, 1]) * Z[j] + 10.0 ** -rng.uniform(1, 12) * rng.standard_normal(d)
    if rng.random() < 0.7:
        Z = Z * 10.0 ** rng.uniform(-4, 4, d)
    if rng.random() < 0.3:
        Z = Z * 10.0 ** rng.uniform(-4, 4, n)[:, None]
    if rng.random() < 0.3:
        rough = 10.0 ** -rng.uniform(3, 12) * rng.standard_normal(n)
        far = 10.0 ** rng.uniform(-3, 6) * (1 + rough)
        Z = np.column_stack([Z, np.sign(rng.standard_normal(n)) * far])
    return signed(Z)


def refused(ask, data):
    """Return what an error says; None where there is an answer."""
    try:
        ask(data)
    except NotSeparable:
        return None
    except RuntimeError as error:
        said = str(error)
        assert len(said) <= 500 and not re.search(r"\bnan\b|\binf of\b", said)
        return said
    return None


@pytest.mark.parametrize("name", ASKED)
def test_of_hostile_data_the_advice_works(name: str) -> None:
    """Scaled as it says there is an answer at once; without the samples it names, in the end."""
    ask, found = ASKED[name], 0
    for seed in range(120):
        data = hostile(seed)
        said = refused(ask, data)
        if said is None:
            continue
        found += 1
        if "alike: " in said and "so on for" not in said:
            assert refused(ask, scaled(data, said)) is None, seed
            continue
        while said is not None and "alike: " not in said:
            data = signed(np.delete(data.Z, first_to_drop(said), axis=0))
            assert data.n_samples >= 2, seed
            said = refused(ask, data)
    assert found


def test_advice_to_scale_needs_a_success() -> None:
    """The first scaling that works is told; where none does, the other remedy."""
    data = Dataset([[1e8, 1.0], [1e8, 2.0], [-1e16, -3e8]], [1, 1, -1])

    def asked(works):
        met = []

        @_advice.scaling_tried
        def ask(data):
            met.append(data.X)
            if not works(data.X):
                raise _advice.Unsolved("data: no.", "drop all")
            return 1

        with pytest.raises(RuntimeError) as told:
            ask(data)
        return str(told.value), met

    said, met = asked(lambda X: False)
    assert said == "data: no. To go on, drop all." and len(met) == 3
    said, met = asked(lambda X: np.abs(X[2, 0]) < 1e10)
    assert "samples alike" in said and "drop" not in said
    said, met = asked(lambda X: np.abs(X[0, 0]) < 1e3)
    assert "columns of X alike" in said
    assert met[-1] == pytest.approx(scaled(data, said).X, rel=1e-12)


def test_the_ray_names_the_samples_of_the_data() -> None:
    """Two samples in front hold each other along a feature that is zero for all others."""
    found = 0
    for seed in range(120):
        Z = hostile(seed).Z
        plain = refused(optima.max_margin, signed(Z))
        if plain is None or "about" not in plain or "alike" in plain:
            continue
        held = np.zeros((len(Z) + 2, Z.shape[1] + 1))
        held[:2, -1], held[2:, :-1] = (1, -1), Z
        said = refused(optima.bounded_part_and_ray, signed(held))
        if said is None or "about" not in said or "alike" in said:
            continue
        found += 1
        meet = [
            np.array(re.search(r"all \[([\d, ]+)\]", s)[1].split(", "), int) for s in (plain, said)
        ]
        assert set(meet[0][:2] + 2) == set(meet[1][:2]) and "hinge_machine" not in said
    assert found


def test_between_classes_the_samples_are_named_and_not_the_pairs() -> None:
    data = MulticlassDataset(
        [[1.0, 0, 5], [0, 1, 1], [0, -1, 2], [1, 1e-12, 1], [1, -1e-12, 1]], [0, 1, 2, 1, 2]
    )
    with pytest.raises(RuntimeError) as told:
        optima.multiclass_margin(data)
    drop = first_to_drop(str(told.value))
    assert drop in (3, 4) and "hinge_machine" not in str(told.value)
    rest = MulticlassDataset(np.delete(data.X, drop, 0), np.delete(data.y, drop))
    assert optima.multiclass_margin(rest).margin > 0


# ---- the limit of a power law


def shortened(x: Fraction) -> Fraction:
    """Return the fraction to 130 places."""
    return Fraction(round(x * 2**432), 2**432)


def limit_in_fractions(Z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the minimiser of sum 1 / (Zw) + ||w||^2 / 2 by Newton's method."""
    Z = [[Fraction(float(z)) for z in row] for row in Z]
    w, d = [Fraction(float(x)) for x in w], len(w)
    for _ in range(8):
        h = [shortened(sum(z * x for z, x in zip(row, w, strict=True))) for row in Z]
        A = [
            [sum(2 * r[i] * r[j] / u**3 for r, u in zip(Z, h, strict=True)) for j in range(d)]
            + [sum(r[i] / u**2 for r, u in zip(Z, h, strict=True)) - w[i]]
            for i in range(d)
        ]
        for i in range(d):
            A[i][i] += 1
        for i in range(d):
            A[i] = [shortened(x / A[i][i]) for x in A[i]]
            for j in range(d):
                if j != i:
                    A[j] = [shortened(x - A[j][i] * y) for x, y in zip(A[j], A[i], strict=True)]
        w = [shortened(x + A[i][d]) for i, x in enumerate(w)]
    return np.array([float(x) for x in w])


def test_the_limit_of_hostile_data_is_that_in_fractions() -> None:
    found = 0
    for seed in range(40):
        data = hostile(seed)
        try:
            best = optima.tail_direction(data, power=1.0)
        except (NotSeparable, RuntimeError):
            continue
        found += 1
        right, size = limit_in_fractions(data.Z, best.w), np.linalg.norm(best.w)
        error = np.linalg.norm(best.w - right)
        assert error <= 2 * np.sqrt(2 * best.duality_gap) + 1e-12 * size, seed
        assert error <= 2e-6 * size
    assert found > 15


# ---- the Lasso


@pytest.mark.parametrize("seed", range(40))
def test_the_value_of_a_lasso_is_that_at_its_w(seed: int) -> None:
    rng = datasets.generator(seed)
    n, d = int(rng.integers(2, 6)), int(rng.integers(1, 6))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-3, 3, d)
    y = (X @ rng.standard_normal(d) + 1e-6 * rng.standard_normal(n)) * 10.0 ** rng.uniform(-6, 6)
    penalty = float(np.abs(X.T @ y).max() / n * 10.0 ** rng.uniform(-14, -1))
    try:
        best = optima.lasso(Regression(X, y), penalty=penalty)
    except RuntimeError as error:
        enough = float(re.search(r"at least ([\d.e+-]+\d)", str(error)).group(1))
        best, penalty = optima.lasso(Regression(X, y), penalty=enough), enough
    w = [Fraction(float(x)) for x in best.w]
    left = [
        sum(Fraction(float(x)) * u for x, u in zip(row, w, strict=True)) - Fraction(float(t))
        for row, t in zip(X, y, strict=True)
    ]
    value = sum(r * r for r in left) / (2 * n) + Fraction(penalty) * sum(map(abs, w))
    assert best.value == pytest.approx(float(value), rel=1e-13)


def test_a_penalty_that_is_advised_is_enough() -> None:
    """At twice the digits that were tried it was refused again."""
    data = Regression(
        [[-1.0, 1.0], [3.0, -1.0], [-1.0, 0.0]],
        [94061.19943003803, 30497.521632209107, -183229.56631775058],
    )
    for penalty in 10.0 ** np.arange(-12, -6.0, 0.25):
        said = refused(lambda data, of=penalty: optima.lasso(data, penalty=of), data)
        if said is not None:
            enough = float(re.search(r"at least ([\d.e+-]+\d)", said).group(1))
            assert optima.lasso(data, penalty=enough).duality_gap >= 0


# ---- kernels, and samples on one ray


def test_a_kernel_of_which_rounding_leaves_nothing_is_refused_in_words() -> None:
    K = np.array(
        [
            [38721.36899029229, 1462.1333472876072, 0.2670131352033659],
            [1462.1333472876072, 429.416566047657, 0.010082515690790937],
            [0.2670131352033659, 0.010082515690790937, 1.8412575854176368e-06],
        ]
    )
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match=r"^kernel: ") as told:
        warnings.simplefilter("error")
        optima.kernel_margin(K, [1, -1, -1])
    assert "nan" not in str(told.value)
    added = float(re.search(r"add (\S+) to its diagonal", str(told.value)).group(1))
    assert optima.kernel_margin(K + added * np.eye(3), [1, -1, -1]).margin > 0


@pytest.mark.parametrize("seed", range(60))
def test_samples_that_almost_share_a_ray_have_next_to_no_margin(seed: int) -> None:
    """With weights that pull them to zero along the ray, no neuron sees more than their angle."""
    rng = datasets.generator(seed)
    x, far = rng.standard_normal(2), rng.uniform(0.1, 10)
    X = np.array([x, far * x + 10.0 ** rng.uniform(-16, -8) * rng.standard_normal(2)])
    (a, b), longest = np.linalg.norm(X, axis=1), np.linalg.norm(X, axis=1).max()
    true = np.linalg.norm(b * X[0] - a * X[1]) / (a + b) / longest
    try:
        assert optima.variation_margin(Dataset(X, [1, -1])).margin <= 1.01 * true * longest
    except ValueError as error:
        assert "by more than rounding" in str(error) and true < 1e-8
    except RuntimeError as error:
        said = float(re.search("at most (\\S+) of", str(error)).group(1))
        assert said <= 2 * true + 1e-9
