"""Small nonlinear networks and what is measured on them."""

from ibias.networks.attacks import attack
from ibias.networks.batch_norm import BatchNormNetwork
from ibias.networks.random_features import ReluFeatures, ridge
from ibias.networks.search import Guesses, greedy_search, guess_and_check, pattern_search

__all__ = [
    "BatchNormNetwork",
    "Guesses",
    "ReluFeatures",
    "attack",
    "greedy_search",
    "guess_and_check",
    "pattern_search",
    "ridge",
]
