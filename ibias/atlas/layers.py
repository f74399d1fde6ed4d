"""Linear predictors that are a product of layers."""

from __future__ import annotations

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.separable import SEPARABLE
from ibias.atlas.setting import Setting
from ibias.methods import Gradient, LossScaled, NormalizedGradient, SharpnessAware

# The last two follow the gradient flow in another clock: the same path.
PATHS = (Gradient, LossScaled, NormalizedGradient)
SMALL_STEPS = If("small steps")


def tail_flow(s: Setting) -> bool:
    """Say whether the gradient flow of an exponential tail is followed, in some clock."""
    return s.loss == "exponential tail" and s.by(*PATHS) and s.sure


def of_depth(s: Setting, model: str, depth: int) -> bool:
    """Say whether the model is of this kind and depth."""
    return s.model == model and s.objective.model.depth == depth


def diagonal_squares(s: Setting) -> bool:
    """Say whether the model is u^2 - v^2 under the squared loss."""
    return s.loss == "squared" and of_depth(s, "diagonal", 2)


ENTRIES = (
    Entry(
        key="connected layers",
        model="linear layers, connected, exponential tail",
        method="gradient flow, any depth $L$",
        selected=r"the $\ell_2$ maximum margin; layers of rank one"
        " [S000-19 B-deep-margin B-rank-one]",
        conditions=(If("exponential tail, separable [B-deep-margin]", checks.separable),),
        rate=r"layers align like $(\log t)^{-4/L}$ [B-alignment-rate]",
        theorem="ji2019align",
        cases=(
            Case(
                lambda s: tail_flow(s) and s.model == "connected",
                r"the $\ell_2$ maximum margin",
                references.max_margin(2),
                hypotheses=(SMALL_STEPS,),
            ),
        ),
    ),
    Entry(
        key="diagonal layers",
        model="diagonal layers, exponential tail",
        method=r"gradient flow, depth two, start $\alpha$",
        selected=r"the $\ell_1$ maximum margin [B-network-margins S000-25]",
        conditions=(
            r"log risk far beyond $\alpha^2$",
            "until then the kernel [B-scale-large]",
        ),
        rate=r"tiny starts: only $\log\log(1/\text{risk})/\log(1/\alpha^2)$ counts"
        " [B-scale-tiny]",
        theorem="lyu2020gradient",
        cases=(
            Case(
                lambda s: tail_flow(s) and of_depth(s, "diagonal", 2),
                r"the $\ell_1$ maximum margin",
                references.max_margin(1),
                hypotheses=(SEPARABLE, SMALL_STEPS),
            ),
        ),
    ),
    Entry(
        key="convolutions",
        model="circular convolutions, exponential tail",
        method="gradient flow, $L$ layers",
        selected=r"a stationary point of the $\ell_{2/L}$ penalty in the Fourier domain"
        " [S000-20]",
        conditions=("$L = 2$: the minimiser", r"$L\ge3$: not always [S003-15]"),
        rate="the last per cents very late [B-network-margins]",
        theorem="gunasekar2018linear",
        cases=(
            Case(
                lambda s: tail_flow(s) and of_depth(s, "convolution", 2),
                r"the largest margin in the $\ell_1$ norm of the Fourier coefficients",
                references.fourier_margin,
                hypotheses=(SEPARABLE, SMALL_STEPS),
            ),
            Case(
                lambda s: tail_flow(s) and s.model == "convolution" and s.objective.model.depth > 2,
                hypotheses=(SEPARABLE, SMALL_STEPS),
                depends=True,
            ),
        ),
    ),
    Entry(
        key="diagonal regression",
        model="diagonal layers, squared loss",
        method=r"gradient flow, start $\alpha$",
        selected=r"the solution of least hyperbolic entropy of scale $\alpha$"
        " [B-diagonal-potential]",
        conditions=(
            r"$\alpha\to\infty$: least $\ell_2$",
            r"$\alpha\to0$: least $\ell_1$ [S001-34]",
        ),
        rate=r"off by the order $\alpha^{2(1-\kappa)}$, with $\kappa$ of the certificate"
        " [B-small-start]; the norm is right long before the vector [B-we-said-sparse]",
        theorem="woodworth2020kernel",
        cases=(
            Case(
                lambda s: diagonal_squares(s) and s.by(Gradient) and s.sure and s.start is not None,
                r"the solution of least hyperbolic entropy of scale $\alpha$",
                references.hyperbolic,
                hypotheses=(
                    If(r"$u = v\ne0$ at the start", checks.equal_layers),
                    If("a solution exists", checks.solvable),
                    SMALL_STEPS,
                ),
            ),
        ),
    ),
    Entry(
        key="saddles",
        model="diagonal layers of any depth $p$, squared loss",
        method="gradient flow, vanishing start",
        selected="on the way: one saddle after the other, each the best fit with few weights and"
        " given signs [B-saddle-jumps]",
        conditions=(
            "data in general position",
            r"the last saddle is the least $\ell_1$ norm [B-saddle-jumps]",
        ),
        rate=r"the jumps come at fixed multiples of $\log(1/\alpha^2)$ [B-saddle-jumps], beyond"
        r" depth two of $\alpha^{-(p-2)}$ [B-saddles-depth]; not greedy, and what is learned may be"
        " unlearned [B-saddles-greedy B-saddles-kept]",
        theorem="pesme2023saddle",
        cases=(
            Case(
                lambda s: (
                    diagonal_squares(s)
                    and s.by(Gradient)
                    and s.sure
                    and bool(checks.small_start(s))
                ),
                hypotheses=(If("data in general position"), SMALL_STEPS),
                aside=True,
            ),
            Case(
                lambda s: (
                    s.loss == "squared"
                    and s.model == "diagonal"
                    and s.objective.model.depth > 2
                    and s.by(Gradient)
                    and s.sure
                    and bool(checks.small_start(s))
                ),
                hypotheses=(If("data in general position"), SMALL_STEPS),
                depends=True,
            ),
        ),
    ),
    Entry(
        key="sampling noise",
        model="diagonal layers, squared loss",
        method="SGD, one sample a step",
        selected="the same, for a smaller scale [S000-28]",
        conditions=(
            "a sparse truth gains, a dense one does not",
            "no effect without the layers [B-sgd-sparser B-sgd-linear]",
        ),
        rate=r"the scale shrinks by $\exp(-2\eta\int\mathbb E\,r_i^2x_{ij}^2)$, on most"
        r" coordinates $\exp(-4\eta H_{jj}\int\mathcal R)$ [B-sgd-effective-scale]",
        theorem="pesme2021implicit",
        cases=(
            Case(
                lambda s: diagonal_squares(s) and s.by(Gradient) and s.clean and not s.full,
                "a solution of least hyperbolic entropy, of a scale smaller than the start",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="label noise",
        model="diagonal layers, squared loss",
        method="SGD with fresh noise on the labels",
        selected=r"the solution whose Hessian has the least trace: least $\ell_1$ norm, each entry"
        " weighted by the variance of its input"
        " [B-label-noise-trace B-label-noise-weights B-label-noise-l1 S000-27]",
        conditions=(
            "noise on the labels, fresh, and turned off in the end",
            "until then the risk hovers [S000-27 B-label-noise-decay]",
        ),
        rate="the scale falls exponentially in the steps [B-label-noise-rate]",
        theorem="damian2021label",
        cases=(
            Case(
                lambda s: diagonal_squares(s) and s.by(Gradient) and s.labels_disturbed,
                r"the solution of least $\ell_1$ norm, each entry weighted by the variance of its"
                " input",
                references.weighted_l1,
                hypotheses=(If("the noise is turned off in the end"), SMALL_STEPS),
            ),
        ),
    ),
    Entry(
        key="sharpness",
        model="diagonal layers, squared loss",
        method="gradient descent with large steps; SAM",
        selected="full batch: less sparse; SAM with one sample a step: more"
        " [S001-31 B-sam-per-sample]. Normalised SAM: least largest eigenvalue with the full"
        " batch, least trace with one sample [B-sam-two-flats]",
        conditions=("full batch or one sample: opposite signs [S001-31]",),
        rate=r"full-batch SAM of radius $\rho$ is a step of $2\rho$ [B-sam-large-step]",
        theorem="wen2023sam",
        cases=(
            Case(
                lambda s: (
                    diagonal_squares(s)
                    and s.clean
                    and s.by(SharpnessAware)
                    and type(s.inner) is Gradient
                    and s.method.radius > 0
                ),
                depends=True,
            ),
        ),
    ),
)
