"""Adam's pace, one sample a step, and decay inside or beside the step."""

from __future__ import annotations

import numpy as np

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.layers import SMALL_STEPS
from ibias.atlas.separable import SEPARABLE, linear_tail
from ibias.atlas.setting import Setting
from ibias.losses import MarginLoss, is_convex
from ibias.methods import (
    Adam,
    Gradient,
    Lion,
    SignMomentum,
    WeightDecay,
)

DECAYING = If("steps that decay", checks.decaying)
SIGNS = Adam, Lion, SignMomentum


def boxed(s: Setting, coupled: bool) -> bool:
    """Say whether signs, more or less, are taken with decay, on a convex loss of two classes."""
    loss = s.objective.loss
    convex = isinstance(loss, MarginLoss) and is_convex(loss) and s.data == "two classes"
    decay = s.by(WeightDecay) and type(s.method.base) in SIGNS and s.method.weight > 0
    return convex and s.model == "linear" and s.sure and decay and s.method.coupled == coupled


def in_order(s: Setting) -> bool:
    """Say whether the memory of the squares is the longer one, where there are two."""
    return not isinstance(s.inner, Adam) or s.inner.betas[0] <= s.inner.betas[1]


def shrinking(s: Setting) -> bool:
    """Say whether layers side by side follow the gradient and decay."""
    decay = s.by(WeightDecay) and type(s.method.base) is Gradient and s.method.weight > 0
    return s.model == "diagonal" and decay and s.sure


ENTRIES = (
    Entry(
        key="pace of Adam",
        model="linear, exponential tail, separable",
        method="Adam, full batch, constant step",
        selected="on the way: the smallest margin grows by a known $r$ a step [B-adam-speed-law]",
        conditions=(
            If(
                r"$\beta_1^2 < \beta_2$ [B-adam-top-speed]",
                lambda s: s.method.betas[0] ** 2 < s.method.betas[1],
            ),
            r"$\epsilon = 0$",
            "the pace is a heuristic, measured; the top speed is proved",
        ),
        rate=r"$r = \eta\gamma_\infty$ for small steps, never above $\frac12\log(1/\beta_2)$"
        " [B-adam-speed-law B-adam-top-speed]",
        theorem="zhang2024adam",
        cases=(
            Case(
                lambda s: linear_tail(s) and s.full and s.by(Adam) and s.constant_step is not None,
                aside=True,
            ),
        ),
    ),
    Entry(
        key="samples of signs",
        model="linear, exponential tail, separable",
        method="Adam, one sample a step",
        selected=r"the $\ell_2$ maximum margin [B-adam-sign-data]",
        conditions=(
            If(
                "each sample is a number times a vector of signs [B-adam-sign-data]",
                checks.samples_of_signs,
            ),
            If(r"$\epsilon = 0$", lambda s: not np.any(s.method.epsilon)),
            DECAYING,
        ),
        rate="not by all samples a step, nor by signs of an average [B-adam-sign-data]",
        theorem="baek2025",
        cases=(
            Case(
                lambda s: (
                    linear_tail(s)
                    and s.by(Adam)
                    and s.sampling.batch_size == 1
                    and checks.samples_of_signs(s)
                ),
                reference=references.max_margin(2),
                hypotheses=(SEPARABLE,),
            ),
        ),
    ),
    Entry(
        key="decay is a box",
        model="linear, convex loss of a margin",
        method=r"Adam, Lion or Signum with decoupled decay $\lambda$",
        selected=r"the least risk in the box $\|w\|_\infty\le1/\lambda$ [B-decay-is-a-box]",
        conditions=(
            "full batch; a point to which it converges [B-decay-is-a-box]",
            DECAYING,
            If(r"$\epsilon = 0$", lambda s: not np.any(getattr(s.inner, "epsilon", 0.0))),
            If(r"$\beta_1\le\beta_2$ in Adam", in_order),
        ),
        rate=r"a strong decay is a small box, and no penalty [B-decay-is-a-box]",
        theorem="xie2024implicit",
        cases=(Case(lambda s: boxed(s, coupled=False), reference=references.box),),
    ),
    Entry(
        key="price of decay",
        model="linear, exponential tail, separable",
        method=r"the same, weak decay",
        selected=r"as $\lambda\to0$ the margin of the norm: $\log\sum_i\exp(-u_i)$ exceeds"
        r" $-\gamma/\lambda$ by the largest entropy $H(\mu)$ of a dual solution [B-price-of-decay]",
        conditions=("exponential loss", SEPARABLE, "a ball in any norm [B-price-of-decay]"),
        rate=r"at every $\lambda$ by at most $\log n$ [B-price-of-decay]",
        theorem="xie2024implicit",
        cases=(
            Case(lambda s: boxed(s, coupled=False) and linear_tail(s) and s.separable, aside=True),
        ),
    ),
    Entry(
        key="coupled decay",
        model="linear, convex loss of a margin",
        method=r"Adam, Lion or Signum with coupled decay $\lambda$",
        selected="the ridge solution, as for gradient descent [B-coupled-is-ridge]",
        conditions=("full batch [B-coupled-is-ridge]", DECAYING),
        rate="the norm of the steps leaves no trace [B-coupled-is-ridge]",
        theorem="loshchilov2019decoupled",
        cases=(Case(lambda s: boxed(s, coupled=True), reference=references.ridge),),
    ),
    Entry(
        key="grokking",
        model="diagonal layers, any loss of the predictions",
        method=r"gradient flow with weight decay $\lambda$, start $\alpha$",
        selected=r"at every time the least potential of the scale $\alpha e^{-\lambda t}$ among all"
        " $w$ with the same predictions [B-grokking-scale B-grokking-depths]; depth two and squares"
        r" end at the Lasso of penalty $\lambda/2$ [B-grokking-lasso]",
        conditions=(
            If(r"$u = v\ne0$ at the start [B-grokking-scale]", checks.equal_layers),
            "without decay the scale stands still [B-grokking-waits]",
            "late need not be better: a hidden $w$ in the span of the inputs is left"
            " [B-misgrokking]",
        ),
        rate=r"new data are fitted at $(\log\alpha - \log a_*)/\lambda$, $a_*$ a number of the data"
        r" [B-grokking-when], within a fixed length of $\lambda t$ [B-grokking-width]; the residual"
        r" is of the order $\lambda$ on the way [B-grokking-residual]",
        theorem="jacobs2025mirror",
        cases=(
            Case(
                lambda s: shrinking(s) and s.loss == "squared" and s.objective.model.depth == 2,
                r"the Lasso of penalty $\lambda/2$; on the way the solutions of smaller and"
                " smaller scales",
                references.half_of_decay,
                hypotheses=(SMALL_STEPS,),
            ),
            Case(
                lambda s: shrinking(s) and s.objective.model.depth >= 2,
                r"on the way the least potential of the scale $\alpha e^{-\lambda t}$ among all $w$"
                " with the same predictions",
                hypotheses=(SMALL_STEPS,),
                depends=True,
            ),
        ),
    ),
)
