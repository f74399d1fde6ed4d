"""Softmax attention: which token of a sequence it picks."""

from __future__ import annotations

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.layers import SMALL_STEPS
from ibias.atlas.setting import Setting
from ibias.methods import (
    Gradient,
)


def attends(s: Setting) -> bool:
    """Say whether the gradient flow of attention is followed."""
    return s.model == "attention" and s.loss == "exponential tail" and s.by(Gradient) and s.sure


ENTRIES = (
    Entry(
        key="attention, orthogonal tokens",
        model="softmax attention with fixed values, exponential tail",
        method="gradient flow on the query; any start",
        selected="the best token of every sequence: each is a bandit, trained by its policy"
        " gradient [B-attention-orthogonal]",
        conditions=(
            If(
                "orthogonal tokens of one length [B-attention-orthogonal]", checks.orthogonal_tokens
            ),
            "different scores",
        ),
        rate=r"regret $n(T - 1)/(T\rho^2t)$ over the slope of the loss, whatever the scores"
        " [B-attention-orthogonal]",
        theorem="mei2020global",
        cases=(
            Case(
                lambda s: attends(s) and checks.orthogonal_tokens(s),
                "the maximum margin of the best token of every sequence",
                references.best_tokens,
                hypotheses=(SMALL_STEPS,),
            ),
        ),
    ),
    Entry(
        key="attention",
        model="softmax attention with fixed values, exponential tail",
        method="gradient flow on the query",
        selected="the maximum margin of the tokens that it has chosen over those of lower score;"
        " the choice is locally optimal, not always the best"
        " [B-attention-own B-attention-missed B-attention-optimal]",
        conditions=("almost all starts [B-attention-missed]",),
        rate=r"on the margin weights like $1/t$; the loss exceeds its limit by"
        r" $\|q^{mm}\|^2/t$ [B-attention-leak]",
        theorem="tarzanagh2023margin",
        cases=(Case(attends, depends=True, hypotheses=(SMALL_STEPS,)),),
    ),
)
