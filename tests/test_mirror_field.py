"""The vector field of mirror flow: its coordinates, its pull, its derivative, its first step."""

import numpy as np
import pytest

from ibias import losses
from ibias.datasets import Dataset, Regression
from ibias.flow.mirror import AT_REST, LARGEST, MirrorField
from ibias.potentials import HyperbolicEntropy, NegativeEntropy, PowerNorm, SquaredNorm

RNG = np.random.default_rng(0)
TALL, WIDE = RNG.standard_normal((6, 3)), RNG.standard_normal((3, 6))
POTENTIALS = [HyperbolicEntropy(0.3), SquaredNorm(2.5), PowerNorm(1.7)]
LOSS = losses.Logistic()


def data_of(X, kind):
    y = np.where(np.arange(len(X)) % 2, 1.0, -1.0)
    return Dataset(X, y) if kind == "classes" else Regression(X, 0.7 * y)


def field_of(X, kind, potential=POTENTIALS[0], start=None, loss=LOSS):
    return MirrorField.of(data_of(X, kind), potential, loss, start)


def minus_gradient(data, w):
    """Minus the gradient of the mean loss."""
    if isinstance(data, Dataset):
        return -LOSS.slope(data.Z @ w) @ data.Z / len(data.Z)
    return (data.y - data.X @ w) @ data.X / len(data.X)


@pytest.mark.parametrize("potential", POTENTIALS)
@pytest.mark.parametrize("kind", ["classes", "regression"])
@pytest.mark.parametrize("X", [TALL, WIDE], ids=["tall", "wide"])
def test_the_mirror_image_moves_by_the_pull(X, kind, potential):
    """In as many coordinates as there are rows or columns, whichever are fewer."""
    data, start = data_of(X, kind), RNG.uniform(0.2, 1, X.shape[1])
    field = field_of(X, kind, potential, start)
    assert field.basis.shape == (X.shape[1], 3)
    assert field.basis.T @ field.basis == pytest.approx(np.eye(3), abs=1e-12)
    assert field.start == pytest.approx(potential.gradient(start))
    s, C = np.array([0.3, -1.0]), RNG.standard_normal((2, 3)) / 2
    images = field.mirror_image(C)
    assert images == pytest.approx(potential.gradient(start) + C @ field.basis.T)
    W = field.weights(C)
    assert potential.gradient(W[0]) == pytest.approx(images[0])
    assert field.weights(np.zeros(3)) == pytest.approx(start)
    right = [np.exp(t) * minus_gradient(data, w) for t, w in zip(s, W, strict=True)]
    # Of the rows: they span the whole pull.
    assert field.pull(s, W) @ field.rows == pytest.approx(np.array(right))
    found = field(s, C)
    assert found @ field.basis.T == pytest.approx(np.array(right))
    for k in range(2):
        assert field(s[k], C[k]) == pytest.approx(found[k])
        assert field(float(s[k]), C[k]) == pytest.approx(found[k])
        columns = [(field(s[k], C[k] + e) - field(s[k], C[k] - e)) / 2e-6 for e in 1e-6 * np.eye(3)]
        jacobian = field.jacobian(s[k], C[k])
        assert jacobian == pytest.approx(np.transpose(columns), abs=1e-6 * np.abs(jacobian).max())


@pytest.mark.parametrize("kind", ["classes", "regression"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_as_many_coordinates_as_features_unless_there_are_fewer_samples(kind, n):
    field = field_of(RNG.standard_normal((n, 3)), kind)
    assert field.basis.shape == (3, min(n, 3))
    if n >= 3:
        assert (field.basis == np.eye(3)).all()


def test_the_start_where_the_gradient_of_the_potential_vanishes():
    for potential, w in [(HyperbolicEntropy(0.3), 0.0), (NegativeEntropy(), 1.0)]:
        field = field_of(TALL, "classes", potential)
        assert not field.start.any() and field.start.shape == (3,)
        assert field.weights(np.zeros(3)) == pytest.approx([w] * 3)


@pytest.mark.parametrize("bad", [[1.0], np.ones(4), np.ones((3, 1)), 1.0])
def test_a_start_is_one_weight_vector(bad):
    with pytest.raises(
        ValueError, match=r"^start has shape .* one weight vector of the 3 features"
    ):
        field_of(TALL, "classes", start=bad)
    with pytest.raises(ValueError, match="start"):
        field_of(TALL, "classes", start=[np.nan, 1.0, 1.0])


def test_weights_and_metrics_are_numbers_on_a_trial_step():
    """The image 800 of the entropy is e^800."""
    field = field_of(np.eye(2), "regression", NegativeEntropy())
    with np.errstate(over="ignore"):
        w = field.weights(np.array([800.0, -800.0]))
        jacobian = field.jacobian(0.0, np.array([800.0, 0.0]))
    assert w.tolist() == [LARGEST, 0.0]
    assert jacobian == pytest.approx(np.diag([-LARGEST / 2, -0.5]))
    both = field_of(np.eye(2), "regression", HyperbolicEntropy(1.0))
    with np.errstate(over="ignore"):
        assert both.weights(np.array([800.0, -800.0])).tolist() == [LARGEST, -LARGEST]


def test_how_much_an_error_of_the_image_is_stretched():
    """dw/dm at the start: of the entropy it is w; infinite ones do not count, nor small ones."""
    for start, stretch in [([0.5, 7.0, 2.0], 7.0), ([0.5, 0.1, 0.2], 1.0), ([1e-3, 1.5, 1], 1.5)]:
        assert field_of(TALL, "classes", NegativeEntropy(), start).stretch() == pytest.approx(
            stretch
        )
    cubic = PowerNorm(3)  # dw/dm = |m|^(-1/2) / 2, m = w^2: infinite at zero
    with np.errstate(divide="ignore"):
        assert field_of(TALL, "classes", cubic, [0.0, 0.1, 1.0]).stretch() == pytest.approx(5.0)
        assert field_of(TALL, "classes", cubic, [0.0, 0.0, 0.0]).stretch() == 1.0


@pytest.mark.parametrize("kind", ["classes", "regression"])
@pytest.mark.parametrize("error", [1e-3, 1e-8])
def test_up_to_the_first_time_the_field_changes_by_less(kind, error):
    """Along one Euler step; e times later it would change by more, or move by more than one."""
    field = field_of(TALL, kind, start=[0.3, -0.5, 0.2])
    zero = np.zeros(3)
    s = field.first_time(error)
    for at in (s, s - 2.0):
        step = field.first_step(at)
        assert step == pytest.approx(field(at, zero))
        assert step @ field.basis.T == pytest.approx(
            np.exp(at) * minus_gradient(data_of(TALL, kind), field.weights(zero))
        )
    change = lambda s: np.abs(field(s, field.first_step(s)) - field(s, zero)).max()  # noqa: E731
    assert change(s) <= error < change(s + 1.0)
    # It is sought downwards from where the step has length one, in units of log time.
    fall = -np.log(np.abs(field(0.0, zero)).max()) - s
    assert fall == pytest.approx(round(fall), abs=1e-9) and fall >= 1


def test_where_nothing_pulls_any_time_is_early_enough():
    data = Regression(np.eye(2), [0.0, 0.0])
    field = MirrorField.of(data, SquaredNorm(2), LOSS, None)
    assert field.first_time(1e-9) == 0.0
    loose = field_of(TALL, "classes")
    first = -np.log(np.abs(loose(0.0, np.zeros(3))).max())
    assert loose.first_time(1e9) == pytest.approx(first)


def test_a_regression_rests_where_it_interpolates_to_rounding():
    X, y = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 5.0]]), np.array([3.0, 4.0])
    field = MirrorField.of(Regression(X, y), SquaredNorm(2), LOSS, None)
    w = np.linalg.pinv(X) @ y
    scale = np.abs(X) @ np.abs(w) + y
    for j in (0, 1):
        for by, rests in [(0.9, True), (1.1, False), (-0.9, True), (-1.1, False)]:
            # The residual of one row only.
            there = w + np.linalg.pinv(X) @ (np.eye(2)[j] * by * AT_REST * scale[j])
            found = field.at_rest(field.basis.T @ there, allowed=np.inf)
            assert found is rests
    # And nothing is left of its way but the part that is allowed, of max(1, max |w|).
    one = w + np.linalg.pinv(X) @ (np.eye(2)[0] * 0.9 * AT_REST * scale[0])
    left, c = np.abs(one - w).max() / np.abs(one).max(), field.basis.T @ one
    assert field.at_rest(c, 1.01 * left) is True and field.at_rest(c, 0.99 * left) is False
    assert not field_of(X, "classes").at_rest(np.full(2, 1e3), np.inf)


def test_a_row_of_zeros_whose_target_is_zero_is_interpolated():
    data = Regression([[1.0, 2.0], [0.0, 0.0]], [3.0, 0.0])
    field = MirrorField.of(data, SquaredNorm(2), LOSS, None)
    assert field.at_rest(np.array([1.0, 1.0]), 1e-9) is True
    assert field.at_rest(np.array([1.0, 2.0]), 1e-9) is False
