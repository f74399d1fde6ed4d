"""SGD for networks: gradient descent with the full batch, a loop over runs, weight decay."""

import numpy as np
import pytest

from ibias import datasets
from ibias.descent import Diverged, descent
from ibias.methods import Gradient, WeightDecay
from ibias.models import linear, two_layer_relu
from ibias.noise import Reshuffled
from ibias.objectives import Objective

NET = two_layer_relu(3, 4, bias="first")
SETS = [datasets.separable(seed, 12, 3) for seed in range(3)]
START = NET.random(np.random.default_rng(0), 1.0, (3,))


def run(data=SETS, weight_decay=0.0, batch_size=4, net=NET, loss="logistic", **changes):
    arguments = {"steps": 0.1, "n_steps": 20, "start": START} | changes
    method, sampling = WeightDecay(Gradient(), weight_decay), Reshuffled(batch_size)
    return descent(Objective(data, loss, net), method, sampling=sampling, **arguments)


def test_with_the_full_batch_it_is_gradient_descent():
    together = run(batch_size=12, record=[0, 7, 20])
    for i, one in enumerate(SETS):
        how = {"steps": 0.1, "n_steps": 20, "start": START[i], "record": [0, 7, 20]}
        alone = descent(Objective(one, model=NET), **how)
        np.testing.assert_allclose(together.iterates[:, i], alone.iterates, atol=1e-13)
        np.testing.assert_allclose(together.log_risk[:, i], alone.log_risk, atol=1e-13)
        np.testing.assert_allclose(together.log_t, alone.log_t)


def test_every_epoch_sees_every_sample_once():
    net = linear(3)  # with margins that hardly move, an epoch is one long step, in any order
    start = np.full((3, 3), 1e-9)
    options = {"start": start, "n_steps": 3, "steps": 1e-7, "net": net}
    epoch = run(batch_size=4, **options)
    step = run(batch_size=12, **options)
    moved = step.final - start
    np.testing.assert_allclose(epoch.final - start, moved, rtol=1e-6, atol=1e-13)


def test_weight_decay_shrinks():
    decayed = run(n_steps=1, batch_size=12, weight_decay=0.5).final
    np.testing.assert_allclose(run(n_steps=1, batch_size=12).final - decayed, 0.05 * START)


def test_one_data_set_is_a_list_of_one_and_seeds_differ():
    one = run(SETS[0], start=START[0], record=[20])
    np.testing.assert_array_equal(
        one.iterates[:, None], run(SETS[:1], start=START[:1], record=[20]).iterates
    )
    assert (run(seed=1).final != run(seed=2).final).any()
    assert one.iterates.shape == (1, NET.n_parameters)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": []}, "data must be"),
        ({"data": [SETS[0], datasets.separable(0, 10, 3)]}, "the same shape"),
        ({"data": datasets.separable(0, 12, 4)}, "4 features"),
        ({"batch_size": 5}, "batch_size must divide the 12 samples"),
        ({"weight_decay": 20.0}, "weight must be"),
        ({"steps": -1.0}, "step_size"),
        ({"start": np.ones(3)}, "start has shape"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        run(**changes)


def test_overflow_is_named():
    options = {"loss": "exponential", "steps": 1e6, "n_steps": 50, "batch_size": 12}
    with pytest.raises(Diverged):
        run(SETS[0], net=linear(3), start=np.ones(3), **options)
