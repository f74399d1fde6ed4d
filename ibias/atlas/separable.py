"""Linear models under margin losses and the cross-entropy: gradients and their clocks."""

from __future__ import annotations

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.setting import Setting
from ibias.losses import Logistic
from ibias.methods import (
    DualMomentum,
    Gradient,
    HeavyBall,
    LossScaled,
    NormalizedGradient,
    Rescaled,
    Spectral,
    WeightDecay,
)
from ibias.noise import TaskByTask
from ibias.steps import DividedByRisk

SEPARABLE = If("separable", checks.separable)


def linear_tail(s: Setting) -> bool:
    """Say whether a linear model of two classes has a loss with an exponential tail, undisturbed.

    Data that cannot be separated have an entry of their own under the logistic loss.
    """
    exponential = s.loss == "exponential tail" and s.model == "linear" and s.clean
    return exponential and (s.separable or not isinstance(s.objective.loss, Logistic))


def large_step(s: Setting) -> bool:
    """Say whether the step is beyond 2/L of the logistic loss."""
    size = s.constant_step
    logistic = s.data == "two classes" and isinstance(s.objective.loss, Logistic)
    return bool(logistic and size is not None and size >= 2 * s.objective.default_step_size)


def risk_scaled(s: Setting) -> bool:
    """Say whether the steps grow as the gradient vanishes."""
    if s.by(LossScaled, NormalizedGradient, Rescaled, DualMomentum, Spectral):
        return True
    return s.by(Gradient) and isinstance(s.steps, DividedByRisk)


ENTRIES = (
    Entry(
        key="gradient descent",
        model="linear, exponential tail, separable",
        method="gradient descent; constant step; any start",
        selected=r"the $\ell_2$ maximum margin [S000-4 S000-6]",
        conditions=(
            "exponential tail",
            If(
                "step below twice the inverse smoothness, for the logistic loss any"
                " [S000-32 S001-5]",
                checks.below_twice,
            ),
        ),
        rate=r"norm $\log t/\gamma$; gap $\gamma(H - H_\infty)/\log t$; the start is forgotten"
        r" like $1/\log t$ [S003-5 B-margin-gap S000-35]",
        theorem="soudry2018",
        cases=(
            Case(
                lambda s: (
                    linear_tail(s)
                    and s.by(Gradient)
                    and s.full
                    and not risk_scaled(s)
                    and not large_step(s)
                ),
                r"the $\ell_2$ maximum margin",
                references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="large step",
        model="linear, logistic loss, separable",
        method="gradient descent with a large step",
        selected="the same limit: there the step is a clock, and nothing else [B-one-residual]",
        conditions=(
            "in the limit only",
            If("a step of any size is for the logistic loss [S001-5 S000-5]", large_step),
        ),
        rate=r"within reach of a loop, at the same $\eta k$: less risk than the flow, and less"
        " margin [B-we-said-step-is-a-clock]",
        theorem="wu2023large",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.by(Gradient) and s.full and large_step(s),
                r"the $\ell_2$ maximum margin, in the limit only",
                references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="power-law tail",
        model="linear, power-law tail, separable",
        method="gradient flow",
        selected=r"the minimiser of $\frac1k\sum_i u_i^{-k} + \frac12\|w\|^2$"
        " [B-power-law S000-2]",
        conditions=(r"tails $\exp(-u^\nu)$ still lead to the margin [S002-9]",),
        rate="norm $t^{1/(k+2)}$ [B-power-law]",
        theorem="ji2020gradient",
        cases=(
            Case(
                lambda s: (
                    s.loss == "power-law tail" and s.model == "linear" and s.by(Gradient) and s.sure
                ),
                r"the minimiser of $\frac1k\sum_i u_i^{-k} + \frac12\|w\|^2$",
                references.tail,
                hypotheses=(SEPARABLE,),
            ),
            Case(
                lambda s: (
                    s.loss == "stretched tail" and s.model == "linear" and s.by(Gradient) and s.sure
                ),
                r"the $\ell_2$ maximum margin",
                references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="one task after another",
        model="linear, exponential tail, separable",
        method="gradient descent, a fixed number of steps on each task in turn",
        selected=r"the $\ell_2$ maximum margin of all tasks together [B-task-budget]",
        conditions=(
            If("all tasks separable by one $w$", checks.separable),
            "few steps a visit: long visits climb the worst margin, in an order that counts"
            " [B-task-long B-task-not-joint]",
            "with a weak penalty for leaving the last weights: projections [B-task-projection]",
        ),
        rate="the flow on all tasks, at equal time [B-task-budget]",
        theorem="jung2025continual",
        cases=(
            Case(
                lambda s: (
                    linear_tail(s)
                    and s.by(Gradient)
                    and isinstance(s.sampling, TaskByTask)
                    and not risk_scaled(s)
                ),
                r"the $\ell_2$ maximum margin of all tasks together",
                references.max_margin(2),
                hypotheses=(If("a fixed step", lambda s: s.constant_step is not None),),
            ),
        ),
    ),
    Entry(
        key="SGD and heavy ball",
        model="linear, exponential tail, separable",
        method="SGD or heavy ball; fixed step",
        selected=r"the $\ell_2$ maximum margin [S002-12 S002-17]",
        conditions=(
            If(
                "separable: with wrong labels SGD leaves the flow [S000-26]",
                checks.separable,
            ),
        ),
        rate=r"the flow at time $\eta k$; with momentum $\beta$ at $\eta k/(1-\beta)$"
        " [B-heavy-ball-pace]",
        theorem="nacson2019stochastic",
        cases=(
            Case(
                lambda s: (
                    linear_tail(s)
                    and (
                        (s.by(HeavyBall) and s.full)
                        or (s.by(Gradient) and not s.full and not risk_scaled(s))
                    )
                ),
                r"the $\ell_2$ maximum margin",
                references.max_margin(2),
                hypotheses=(If("a fixed step", lambda s: s.constant_step is not None),),
            ),
        ),
    ),
    Entry(
        key="growing steps",
        model="linear, exponential tail, separable",
        method="steps divided by the risk, normalised, or momentum in the dual",
        selected=r"the $\ell_2$ maximum margin [B-norm-clock]",
        conditions=(If("steps that grow as the gradient vanishes [S000-15]", risk_scaled),),
        rate="gap $k^{-1}$, $k^{-1/2}$, $k^{-2}$ in this order [S000-13 B-norm-pace];"
        " exponential, if $w$ is doubled now and then [B-rescaled-norm]",
        theorem="ji2021momentum",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.full and risk_scaled(s),
                r"the $\ell_2$ maximum margin",
                references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="penalty",
        model="linear, exponential tail, separable",
        method=r"a vanishing $\ell_2$ penalty in place of time; or stopping early",
        selected=r"the $\ell_2$ maximum margin; a ridge on the way [S001-10 B-ridge-twin]",
        conditions=("stopping early is more regularisation, not less [S003-7]",),
        rate="the same constant, in another clock [B-path-gap]",
        theorem="rosset2004margin",
        cases=(
            Case(
                lambda s: (
                    s.loss == "exponential tail"
                    and s.model == "linear"
                    and s.sure
                    and s.by(WeightDecay)
                    and type(s.method.base) is Gradient
                ),
                r"the ridge of this weight; as it vanishes, the $\ell_2$ maximum margin",
                references.ridge,
            ),
        ),
    ),
    Entry(
        key="bias and classes",
        model="linear with a bias, or several classes",
        method="gradient descent, cross-entropy",
        selected="the margin with the bias in the norm; the multiclass margin [S002-16 S002-11]",
        conditions=("a free bias is another machine [B-centred-bias]",),
        rate="with the feature $c$ in place of 1 it is left like $1/c^2$ [B-lift-height]",
        theorem="soudry2018",
        cases=(
            Case(
                lambda s: (
                    s.data == "several classes"
                    and s.model == "linear"
                    and s.by(Gradient)
                    and s.sure
                ),
                "the multiclass maximum margin",
                references.classes_margin,
                hypotheses=(If("separable", checks.separable_classes),),
            ),
        ),
    ),
    Entry(
        key="not separable",
        model="linear, logistic loss, not separable",
        method="gradient descent",
        selected="a ray for the separable part, a finite minimiser for the rest"
        " [S003-8 B-bounded-part]",
        conditions=(
            "some part is separable; else no ray [S003-8]",
            If("step below twice the inverse smoothness", checks.below_smoothness),
        ),
        rate=r"$\log t$ over the margin of that part [S003-8]",
        theorem="ji2018risk",
        cases=(
            Case(
                lambda s: (
                    s.data == "two classes"
                    and isinstance(s.objective.loss, Logistic)
                    and s.model == "linear"
                    and s.by(Gradient)
                    and s.sure
                    and checks.partly_separable(s)
                    and not s.separable
                ),
                reference=references.ray,
            ),
            Case(
                lambda s: (
                    s.data == "two classes"
                    and isinstance(s.objective.loss, Logistic)
                    and s.model == "linear"
                    and s.by(Gradient)
                    and s.sure
                    and not s.separable
                    and not checks.may_cycle(s)
                ),
                "the finite minimiser of the risk",
                reference=references.ray,
            ),
        ),
    ),
)
