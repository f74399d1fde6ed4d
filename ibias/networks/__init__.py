"""Small nonlinear networks and what is measured on them."""

from ibias.networks.attacks import attack
from ibias.networks.batch_norm import BatchNormLinear, BatchNormNetwork
from ibias.networks.random_features import ReluFeatures, ridge
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
    "pattern_search",
    "ridge",
]
