"""The path of a diagonal network's mirror image as its start shrinks to zero."""

import numpy as np
import pytest

from ibias import datasets, flow, optima
from ibias.datasets import Dataset
from ibias.potentials import HyperbolicEntropy


def distance_to_the_path(data, scale, log_t):
    path, potential = optima.small_scale_path(data, until=1.0), HyperbolicEntropy(scale)
    log_scale = np.log(1 / scale**2)
    run = flow.mirror_flow(data, potential, loss="exponential", log_t=log_t, tolerance=1e-3)
    images = 4 * potential.gradient(run.iterates) / log_scale
    clock = np.log(-run.log_risk) / log_scale
    return max(np.abs(M - path.mirror_image(x)).max() for M, x in zip(images, clock, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_flow_from_tiny_scales_follows_it_and_the_closer_the_tinier(seed):
    data = datasets.wide(seed, 8, 20)
    far, near = (distance_to_the_path(data, scale, [100.0, 690.0]) for scale in (1e-20, 1e-120))
    assert near < 0.08
    assert near < 0.8 * far


def test_two_weights_by_hand():
    # Both grow along the mean (1.5, 0.75) until M_1 = 1. The first feature alone has the margin
    # 1, at the second sample, and M_2 grows half as fast: it never joins.
    path = optima.small_scale_path(Dataset.from_signed([[2.0, 1.0], [1.0, 0.5]]), until=3.0)
    assert path.mirror_images[0] == pytest.approx([1.0, 0.5])
    assert path.margins == pytest.approx([1.0])
    assert path.slopes[0] == pytest.approx([1.0, 0.5])
    assert path.n_active.tolist() == [1]


def test_it_ends_at_the_largest_margin():
    data = datasets.wide(0, 6, 12)
    path = optima.small_scale_path(data, until=200.0)
    assert path.margins[-1] == pytest.approx(optima.max_margin(data, p=1).margin, rel=1e-6)
    assert (np.diff(path.margins) > -1e-9).all()
    assert (np.diff(path.x) >= 0).all()


def test_awake_weights_are_at_the_top_and_the_others_below():
    path = optima.small_scale_path(datasets.wide(4, 8, 20), until=0.5)
    for x in np.linspace(0, 0.5, 30):
        top = np.sort(np.abs(path.mirror_image(x)))[::-1]
        assert top[0] == pytest.approx(1 + x)
        assert top[: path.n_active[path._last_event(x)]] == pytest.approx(1 + x)


def test_bad_input():
    with pytest.raises(optima.NotSeparable):
        optima.small_scale_path(Dataset.from_signed([[1.0, 0.0], [-1.0, 0.0]]))
    with pytest.raises(ValueError, match="until must be"):
        optima.small_scale_path(datasets.wide(0), until=0)
    with pytest.raises(ValueError, match="data must be a Dataset"):
        optima.small_scale_path(np.eye(2))
