"""Linear models, exponential tails: methods of another geometry."""

from __future__ import annotations

import numpy as np

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.separable import SEPARABLE, linear_tail
from ibias.atlas.setting import Setting
from ibias.methods import (
    AdaGrad,
    Adam,
    Boosting,
    Mirror,
    NaturalGradient,
    NormalizedSteepest,
    RMSProp,
    SignMomentum,
    Steepest,
)
from ibias.potentials import HyperbolicEntropy, PowerNorm, SquaredNorm


def steepest_order(s: Setting) -> float | None:
    """Return the norm in which the method is steepest, or None."""
    if s.by(Steepest, NormalizedSteepest) and not s.method.shape:
        return float(s.method.p)
    if s.by(SignMomentum) and s.method.momentum == 0:
        return np.inf
    return 1.0 if s.by(Boosting) else None


def horizon(s: Setting) -> float | None:
    """Return the p of the norm that the potential has at infinity, or None."""
    potential = s.method.potential
    if isinstance(potential, (SquaredNorm, PowerNorm)):
        return float(potential.p)
    return 1.0 if isinstance(potential, HyperbolicEntropy) else None


def in_norm(p: float) -> str:
    """Return the words for the maximum margin in l_p."""
    order = r"\infty" if p == np.inf else f"{{{p:g}}}" if len(f"{p:g}") > 1 else f"{p:g}"
    return rf"the $\ell_{order}$ maximum margin"


def adaptive(s: Setting, epsilon: bool) -> bool:
    """Say whether it is Adam or RMSProp on all samples, with epsilon above zero or at zero."""
    full = linear_tail(s) and s.full and s.by(Adam, RMSProp) and not s.method.shape
    return full and bool(s.method.epsilon > 0) == epsilon


ENTRIES = (
    Entry(
        key="steepest descent",
        model="linear, exponential tail, separable",
        method=r"steepest descent in $\ell_p$, given step lengths",
        selected=r"the $\ell_p$ maximum margin [S000-16 S003-12]",
        conditions=("the norm of the steps is that of the margin [S000-16]",),
        rate="risk falls by a known amount a step; fixed multiples of the gradient are slow"
        " [B-steepest-descent B-steepest-slow]",
        theorem="gunasekar2018characterizing",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.full and steepest_order(s) is not None,
                lambda s: in_norm(steepest_order(s)),
                references.max_margin(steepest_order),
                hypotheses=(
                    SEPARABLE,
                    If(
                        "small steps, in the method that takes the best one",
                        lambda s: not s.by(Boosting) or (s.constant_step or 1.0) <= 0.1,
                    ),
                ),
            ),
        ),
    ),
    Entry(
        key="mirror flow",
        model="linear, exponential tail, separable",
        method=r"mirror flow with potential $\Phi$",
        selected=r"the margin in the norm of $\Phi$ at infinity"
        " [B-mirror-margin B-mirror-horizon]",
        conditions=("for potentials that grow like a power [B-mirror-horizon]",),
        rate="only at late times [B-mirror-margin]",
        theorem="pesme2024mirror",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.full and s.by(Mirror) and horizon(s) is not None,
                lambda s: rf"{in_norm(horizon(s))}, the norm of $\Phi$ at infinity",
                references.max_margin(horizon),
                hypotheses=(SEPARABLE, If("small steps")),
            ),
        ),
    ),
    Entry(
        key="frozen metrics",
        model="linear, exponential tail, separable",
        method="AdaGrad; natural gradient",
        selected="the margin of a metric that freezes on the way; nothing fixed [S002-18 S000-18]",
        conditions=("both move with step and start [S002-19]",),
        rate="natural gradient drifts by a known amount a step [S000-18]",
        theorem="qian2019adagrad",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.full and s.by(AdaGrad),
                "the margin of a metric that freezes on the way",
                depends=True,
            ),
            Case(
                lambda s: linear_tail(s) and s.full and s.by(NaturalGradient),
                "nothing fixed",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="Adam",
        model="linear, exponential tail, separable",
        method="Adam, RMSProp; full batch, steps that decay",
        selected=r"$\epsilon = 0$: the $\ell_\infty$ maximum margin; $\epsilon > 0$: the $\ell_2$"
        " one in the end [S001-32 S000-34]",
        conditions=(
            If(r"full batch, $\epsilon$ negligible or fixed [S001-32 S002-18]", lambda s: s.full),
        ),
        rate="usual constants, usual times: neither [B-adam-defaults]",
        theorem="zhang2024adam",
        cases=(
            Case(
                lambda s: adaptive(s, epsilon=False),
                r"the $\ell_\infty$ maximum margin",
                references.max_margin(np.inf),
                hypotheses=(SEPARABLE, If("steps that decay", checks.decaying)),
            ),
            Case(
                lambda s: adaptive(s, epsilon=True),
                r"the $\ell_2$ maximum margin, in the end",
                references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="signs of one sample",
        model="linear, exponential tail, separable",
        method="one sample a step: signs of a long average (Signum); Adam",
        selected=r"Signum: the $\ell_\infty$ maximum margin [B-we-said-all-samples]; Adam: nearer"
        r" to the $\ell_2$ one [S001-32]",
        conditions=(
            "the average reaches back over many samples",
            "squares of single samples undo it [B-we-said-all-samples]",
        ),
        rate="steps of order $k^{-1/2}$ [B-we-said-all-samples]",
        theorem="baek2025",
        cases=(
            Case(
                lambda s: linear_tail(s) and not s.full and s.by(SignMomentum),
                r"the $\ell_\infty$ maximum margin",
                references.max_margin(np.inf),
                hypotheses=(
                    SEPARABLE,
                    If("the average reaches back over many samples", checks.long_memory),
                    If("steps that decay", checks.decaying),
                ),
            ),
            Case(
                lambda s: (
                    linear_tail(s)
                    and not s.full
                    and s.by(Adam)
                    and not (s.sampling.batch_size == 1 and checks.samples_of_signs(s))
                ),
                r"nearer to the $\ell_2$ maximum margin than with all samples; it depends on the"
                " data",
                depends=True,
            ),
        ),
    ),
)
