"""Several classes and next tokens: matrices of weights, and norms of their singular values."""

from __future__ import annotations

import numpy as np

from ibias import optima
from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.geometries import steepest_order
from ibias.atlas.layers import SMALL_STEPS
from ibias.atlas.setting import Setting
from ibias.methods import (
    Gradient,
    Muon,
    NormalizedGradient,
    NormalizedSteepest,
    SignMomentum,
    Spectral,
)

DECAYING = If("steps that decay", checks.decaying)


def linear_classes(s: Setting) -> bool:
    """Say whether a linear model of several classes is trained, and nothing is random."""
    return s.data == "several classes" and s.model == "linear" and s.sure


def schatten_order(s: Setting) -> float | None:
    """Return the p of the norm of singular values in which the method is steepest, or None."""
    if s.by(Muon) and s.method.coefficients is None and not s.method.nesterov:
        return np.inf
    if s.by(Spectral) and s.method.p in (1, 2, np.inf):
        return float(s.method.p)
    return None


def entry_order(s: Setting) -> float | None:
    """Return the p of the entrywise norm in which steps of given length are steepest, or None."""
    if s.by(SignMomentum):
        return np.inf
    if s.by(NormalizedSteepest):
        return steepest_order(s)
    return 2.0 if s.by(NormalizedGradient) else None


def below_speed_limit(s: Setting) -> bool | None:
    """Say whether the gradients fall more slowly than the memory forgets."""
    if not s.by(Muon) or s.method.momentum == 0 or checks.decaying(s):
        return True
    if s.constant_step is None:
        return None
    margin = optima.schatten_margin(s.objective.data, norm="spectral").margin
    return bool(s.constant_step * margin < np.log(1 / s.method.momentum))


def too_fast(s: Setting) -> bool:
    """Say whether it is Muon beyond its speed limit."""
    muon = linear_classes(s) and s.by(Muon) and schatten_order(s) is not None
    return muon and checks.separable_classes(s) and below_speed_limit(s) is False


def free_features(s: Setting) -> bool:
    """Say whether inputs are orthonormal, so that the first of two layers can be anything."""
    if s.data != "several classes" or s.model != "connected" or s.objective.model.depth != 2:
        return False
    X = s.objective.data.X
    return bool(np.allclose(X @ X.T, np.eye(len(X)), rtol=0, atol=1e-9))


ENTRIES = (
    Entry(
        key="spectral descent",
        model="linear, several classes, cross-entropy",
        method="steps of given length, steepest in a norm of matrices; Muon with the exact polar"
        " factor",
        selected="the maximum margin in that norm; along the polar factor it is the spectral one"
        " [B-spectral-margin]",
        conditions=(
            If("separable", checks.separable_classes),
            "Muon's Newton-Schulz steps lead elsewhere, measured [B-newton-schulz-limit]",
            "for two classes it is the normalised gradient [B-muon-two-classes]",
        ),
        rate=r"margin at least $\gamma - (\log N + B^2Q/2)/A$ after steps of total length $A$"
        " from zero, as soon as that is positive, for the exponential loss of all pairs"
        " [B-spectral-bound]",
        theorem="fan2025implicit",
        cases=(
            Case(
                lambda s: linear_classes(s) and schatten_order(s) is not None and not too_fast(s),
                lambda s: (
                    f"the maximum margin in the {references.SCHATTEN[schatten_order(s)]} norm"
                ),
                references.schatten_margin(schatten_order),
                hypotheses=(
                    If("steps that decay, or are short", lambda s: checks.decaying(s) or None),
                ),
            ),
            Case(
                lambda s: linear_classes(s) and entry_order(s) is not None,
                lambda s: f"the maximum margin in the entrywise norm of order {entry_order(s):g}",
                references.entrywise_margin(entry_order),
                hypotheses=(DECAYING,),
            ),
            Case(
                lambda s: linear_classes(s) and s.by(Muon) and s.method.coefficients is not None,
                "another limit, of a smaller margin in the spectral norm",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="speed limit",
        model="linear, several classes, cross-entropy",
        method=r"Muon with momentum $\beta$; constant step $\eta$",
        selected="beyond the limit the first gradients rule, and the margin falls short"
        " [B-momentum-speed-limit]",
        conditions=(
            If("separable", checks.separable_classes),
            If(r"$\eta\gamma > \log(1/\beta)$ [B-momentum-speed-limit]", too_fast),
            "a heuristic, measured",
        ),
        rate=r"gradients fall like $\exp(-\eta\gamma k)$, the memory like $\beta^k$"
        " [B-momentum-speed-limit]",
        theorem="fan2025implicit",
        cases=(Case(too_fast, depends=True),),
    ),
    Entry(
        key="neural collapse",
        model="free features under a linear layer, several classes, cross-entropy",
        method="gradient flow",
        selected="logits in the direction of the centred labels; equal classes end as a simplex"
        " [B-collapse-logits B-collapse-simplex]",
        conditions=(
            If(
                "features of dimension at least the number of classes less one",
                lambda s: s.objective.model.shapes[0][1] >= s.objective.data.n_classes - 1,
            ),
            "unequal classes: no simplex, another known Gram matrix [B-collapse-seli]",
            "decay can merge small classes [B-collapse-minority]",
            If("the minimum is found (for equal classes all else is a saddle; measured)"),
        ),
        rate=r"Gram matrix of the centred rows like $\|\theta\|^{-2}$, features of a class like"
        r" $\|\theta\|^{-1}$ if there is room"
        " [B-collapse-rate B-collapse-spread]",
        theorem="thrampoulidis2022imbalance",
        cases=(
            Case(
                lambda s: free_features(s) and s.by(Gradient) and s.sure,
                "logits in the direction of the centred labels",
                references.centred_labels,
                hypotheses=(SMALL_STEPS,),
            ),
        ),
    ),
    Entry(
        key="next tokens",
        model="linear last layer, next tokens, cross-entropy",
        method="gradient descent; any start",
        selected="the odds of the data within every support, at a finite place; beside it the"
        " shortest matrix with equal logits there, above all others"
        " [B-next-token-odds B-next-token-ray]",
        conditions=(
            If("compatible and separable contexts [B-next-token-odds]", checks.compatible),
            If("step below twice the inverse smoothness", checks.below_twice),
        ),
        rate=r"odds like $1/t$, direction like $1/\log t$; excess $\|W\|^2/t$, of the shortest"
        r" matrix $W$ [B-next-token-lag B-next-token-direction B-next-token-excess]",
        theorem="thrampoulidis2024implicit",
        cases=(
            Case(
                lambda s: (
                    s.data == "next tokens" and s.model == "linear" and s.by(Gradient) and s.sure
                ),
                "in direction the shortest matrix with equal logits in every support, above all"
                " others",
                references.token_ray,
            ),
        ),
    ),
)
