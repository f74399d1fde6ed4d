"""Flows in log time: trajectories to times that no loop reaches."""

from ibias.flow.accelerated import accelerated_flow
from ibias.flow.adaptive import AdaGradTrajectory, adam_flow, continued_adagrad
from ibias.flow.attention import attention_flow
from ibias.flow.continuation import continued_gradient_descent
from ibias.flow.cross_entropy import cross_entropy_flow
from ibias.flow.gradient import gradient_flow
from ibias.flow.homogeneous import network_flow
from ibias.flow.log_time import IntegrationFailed, integrate
from ibias.flow.matrix import matrix_flow
from ibias.flow.mirror import mirror_flow
from ibias.flow.next_token import next_token_flow
from ibias.flow.of_method import flow
from ibias.flow.orthogonal import NeuronTrajectory, orthogonal_relu_flow
from ibias.flow.parametrized import parametrized_flow
from ibias.flow.singular_values import escape_time, singular_value_flow
from ibias.flow.two_by_two import TwoByTwoTrajectory, two_by_two_flow

__all__ = [
    "AdaGradTrajectory",
    "IntegrationFailed",
    "NeuronTrajectory",
    "TwoByTwoTrajectory",
    "accelerated_flow",
    "adam_flow",
    "attention_flow",
    "continued_adagrad",
    "continued_gradient_descent",
    "cross_entropy_flow",
    "escape_time",
    "flow",
    "gradient_flow",
    "integrate",
    "matrix_flow",
    "mirror_flow",
    "network_flow",
    "next_token_flow",
    "orthogonal_relu_flow",
    "parametrized_flow",
    "singular_value_flow",
    "two_by_two_flow",
]
