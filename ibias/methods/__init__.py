"""Methods: small frozen objects, each with its step and, where it has one, its limit flow."""

from ibias.methods.adaptive import AdaGrad, Adam, RMSProp
from ibias.methods.gradient import Gradient, LossScaled, NormalizedGradient, Rescaled
from ibias.methods.kaczmarz import Kaczmarz
from ibias.methods.method import Limit, Method
from ibias.methods.mirror import Mirror, MirrorMomentum, Multiplicative, NaturalGradient
from ibias.methods.momentum import DualMomentum, HeavyBall, Nesterov
from ibias.methods.perceptron import Perceptron
from ibias.methods.sign import Lion, SignMomentum
from ibias.methods.spectral import Muon, Spectral, schatten_direction
from ibias.methods.steepest import Boosting, NormalizedSteepest, Steepest, steepest_direction
from ibias.methods.wrapped import SharpnessAware, WeightDecay

__all__ = [
    "AdaGrad",
    "Adam",
    "Boosting",
    "DualMomentum",
    "Gradient",
    "HeavyBall",
    "Kaczmarz",
    "Limit",
    "Lion",
    "LossScaled",
    "Method",
    "Mirror",
    "MirrorMomentum",
    "Multiplicative",
    "Muon",
    "NaturalGradient",
    "Nesterov",
    "NormalizedGradient",
    "NormalizedSteepest",
    "Perceptron",
    "RMSProp",
    "Rescaled",
    "SharpnessAware",
    "SignMomentum",
    "Spectral",
    "Steepest",
    "WeightDecay",
    "schatten_direction",
    "steepest_direction",
]
