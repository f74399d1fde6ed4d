"""Linear models, steps of any size: divided by the risk, without bound, on overlapping classes."""

from __future__ import annotations

from ibias.atlas import checks
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.separable import large_step, linear_tail
from ibias.losses import Exponential
from ibias.methods import (
    Gradient,
    LossScaled,
    Perceptron,
)

ENTRIES = (
    Entry(
        key="any step over the risk",
        model="linear, exponential loss, separable",
        method=r"steps divided by the risk, of any size $\eta$",
        selected=r"the mean of $T$ iterates: log risk at most $-\frac12\eta(\gamma^2T - 1)$"
        " [B-any-step]",
        conditions=(
            If(
                r"$\|z_i\|\le1$",
                lambda s: bool((s.objective.Z**2).sum(axis=-1).max() <= 1 + checks.ROUNDING),
            ),
            If("start at zero", checks.zero_start),
            "the mean, not the last iterate [B-any-step-tight]",
        ),
        rate="the constant is the right one [B-any-step-tight]",
        theorem="zhang2025minimax",
        cases=(
            Case(
                lambda s: (
                    linear_tail(s)
                    and s.full
                    and s.by(LossScaled)
                    and isinstance(s.objective.loss, Exponential)
                ),
                aside=True,
            ),
        ),
    ),
    Entry(
        key="perceptron",
        model="linear, two classes, separable",
        method="the perceptron with all samples; gradient descent on the logistic loss, step"
        r" $\eta\to\infty$",
        selected=r"$w_k/\eta$ tends to the iterates of the perceptron [B-step-perceptron]",
        conditions=(
            If("start at zero", checks.zero_start),
            "no sample exactly on the boundary after the first step [B-step-perceptron]",
        ),
        rate="then nothing moves, until the step is a clock again [B-one-residual]",
        theorem="wu2024large",
        cases=(
            Case(
                lambda s: (
                    s.data == "two classes"
                    and s.model == "linear"
                    and s.by(Perceptron)
                    and s.clean
                    and s.separable
                ),
                "the first separator on its way",
                depends=True,
            ),
            Case(
                lambda s: linear_tail(s) and s.by(Gradient) and s.full and large_step(s),
                aside=True,
            ),
        ),
    ),
    Entry(
        key="cycles",
        model="linear, logistic loss, not separable",
        method="gradient descent with a large step",
        selected="beyond two over the curvature at the minimum a cycle, or no limit [B-step-cycle]",
        conditions=(
            If("overlapping classes", lambda s: not checks.partly_separable(s)),
            "from one over it on the start may decide [B-step-two-ends]",
        ),
        rate=r"one input with both labels: $4x = \eta\tanh(x/2)$ for $\eta > 8$ [B-step-cycle]",
        theorem="meng2024cyclic",
        cases=(
            Case(
                lambda s: checks.overlapping(s) and checks.past_curvature(s, 2.0),
                "a cycle, or no limit",
                depends=True,
            ),
            Case(
                checks.may_cycle,
                "the minimiser from some starts, a cycle from others",
                depends=True,
            ),
        ),
    ),
)
