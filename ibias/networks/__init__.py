"""Small nonlinear networks and what is measured on them."""

from ibias.networks.attacks import attack
from ibias.networks.batch_norm import BatchNormLinear, BatchNormNetwork
from ibias.networks.outputs import outputs_of_margin, with_outputs
from ibias.networks.random_features import ReluFeatures, ridge
from ibias.networks.rotations import networks_of_margin, rise_to_margin
from ibias.networks.search import Guesses, greedy_search, guess_and_check, pattern_search
from ibias.networks.volume import draws_of_margin

__all__ = [
    "BatchNormLinear",
    "BatchNormNetwork",
    "Guesses",
    "ReluFeatures",
    "attack",
    "draws_of_margin",
    "greedy_search",
    "guess_and_check",
    "networks_of_margin",
    "outputs_of_margin",
    "pattern_search",
    "ridge",
    "rise_to_margin",
    "with_outputs",
]
