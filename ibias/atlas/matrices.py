"""Matrices, seen through a few linear observations."""

from __future__ import annotations

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.layers import SMALL_STEPS
from ibias.atlas.setting import Setting
from ibias.datasets import Completion, Sensing
from ibias.methods import Gradient, HeavyBall, Multiplicative


def factors(s: Setting) -> int:
    """Return the number of factors; 0 for what is no matrix problem, or disturbed."""
    if s.data != "matrix" or not s.sure:
        return 0
    return getattr(s.objective.model, "depth", 1)


def observed(s: Setting, kind: type) -> bool:
    """Say whether entries are seen, or inner products."""
    return isinstance(s.objective.data, kind)


def two(s: Setting) -> bool:
    """Say whether the gradient flow of two factors is followed."""
    return factors(s) == 2 and s.by(Gradient, Multiplicative)


SMALL = If("a small start", checks.small_start)
BALANCE = If("balance", checks.balanced)

ENTRIES = (
    Entry(
        key="a matrix itself",
        model="a matrix itself, squared loss",
        method="gradient flow from zero",
        selected="least Frobenius norm: unseen entries stay [S001-26 B-unseen-stay]",
        conditions=(
            "one factor",
            "start at zero [S001-26]",
        ),
        rate="the nearest matrix, as for vectors [B-nearest-matrix]",
        theorem="gunasekar2017matrix",
        cases=(
            Case(
                lambda s: factors(s) == 1 and s.by(Gradient, HeavyBall) and checks.zero_start(s),
                "least Frobenius norm",
                references.nearest,
            ),
            Case(
                lambda s: factors(s) == 1 and s.by(Gradient, HeavyBall),
                "the nearest matrix to the start",
                references.nearest,
                depends=True,
            ),
        ),
    ),
    Entry(
        key="commuting sensors",
        model=r"$W = UV^\top$, commuting sensors",
        method=r"gradient flow from $\epsilon I$",
        selected=r"a spectral entropy at every $\epsilon$; for $\epsilon\to0$ least nuclear norm"
        " [B-commuting-law S001-17]",
        conditions=(
            If("sensors that commute", checks.commuting),
            "a small start",
            If("balance [S001-17 B-conserved]", checks.balanced),
        ),
        rate=r"superfluous eigenvalues like $\epsilon^{1-b}$ [B-dual-exponent]",
        theorem="gunasekar2017matrix",
        cases=(
            Case(
                lambda s: two(s) and s.start is not None and checks.commuting(s),
                r"least spectral entropy of scale $\epsilon$",
                references.commuting,
                hypotheses=(SMALL_STEPS,),
            ),
        ),
    ),
    Entry(
        key="two factors, completion",
        model=r"$W = UV^\top$, completion",
        method="gradient flow, small balanced start",
        selected="low rank: not the least nuclear norm, nor any norm [S001-18 B-greedy-exponent]",
        conditions=(
            "few entries",
            "with most of them seen the two agree [B-few-observations B-completion-certified]",
        ),
        rate="an unseen entry can grow like $(6t)^{1/3}$ [B-unseen-law]",
        theorem="li2021towards",
        cases=(
            Case(
                lambda s: two(s) and observed(s, Completion) and not checks.commuting(s),
                "low rank, and no norm",
                hypotheses=(SMALL, BALANCE, SMALL_STEPS),
                depends=True,
            ),
        ),
    ),
    Entry(
        key="two factors, sensing",
        model=r"$W = UU^\top$, random sensors",
        method="gradient flow, small start",
        selected="the matrix of low rank that was measured [B-sensing-rank]",
        conditions=(
            If("enough random sensors (restricted isometry) for the rank"),
            If("a small start [B-sensing-rank]", checks.small_start),
        ),
        rate="within a power of the scale of the start, for a long time [B-sensing-rank]",
        theorem="li2018algorithmic",
        cases=(
            Case(
                lambda s: two(s) and observed(s, Sensing) and not checks.commuting(s),
                "the matrix of low rank that was measured",
                references.truth,
                hypotheses=(If("$U = V$ at the start, symmetric sensors", checks.symmetric),),
            ),
        ),
    ),
    Entry(
        key="many factors",
        model=r"product of $N\ge3$ factors, completion",
        method="gradient flow, small balanced start",
        selected="lower rank, larger nuclear norm [B-depth-rank S001-27]",
        conditions=(
            If("balance", checks.balanced),
            If(
                "sensors that do not commute [B-singular-value-law B-depth-commuting]",
                lambda s: not checks.commuting(s),
            ),
        ),
        rate=r"singular values one by one; a wait of $\epsilon^{-(1-2/N)}$"
        " [B-timetable B-escape-power]",
        theorem="arora2019implicit",
        cases=(
            Case(
                lambda s: factors(s) >= 3 and s.by(Gradient) and observed(s, Completion),
                hypotheses=(SMALL, SMALL_STEPS),
                depends=True,
            ),
        ),
    ),
)
