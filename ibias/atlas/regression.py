"""Linear models under the squared loss."""

from __future__ import annotations

import numpy as np

from ibias.atlas import checks, references
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.setting import Setting
from ibias.methods import (
    Gradient,
    HeavyBall,
    Kaczmarz,
    Mirror,
    MirrorMomentum,
    NaturalGradient,
    Nesterov,
    NormalizedSteepest,
    Steepest,
)


def squares(s: Setting) -> bool:
    """Say whether the model is linear, the loss squared, the labels and weights undisturbed."""
    return s.loss == "squared" and s.model == "linear" and s.data != "matrix" and s.clean


def euclidean(s: Setting) -> bool:
    """Say whether every step is a combination of the inputs."""
    steepest = s.by(Steepest) and not s.method.shape and s.method.p == 2
    return steepest or s.by(Gradient, HeavyBall, Kaczmarz, Nesterov)


def wide(s: Setting) -> bool:
    """Say whether two classes have more features than samples, and start at zero."""
    return (
        s.data == "two classes"
        and s.objective.sets[0].n_features > s.objective.n_samples
        and s.model == "linear"
        and s.by(Gradient)
        and s.clean
        and checks.zero_start(s)
        and s.loss in ("squared", "exponential tail")
    )


CONVERGES = If("a step that converges")

ENTRIES = (
    Entry(
        key="least squares",
        model="linear, squared loss",
        method="gradient descent, heavy ball or SGD; any step that converges; start $w_0$",
        selected="the solution nearest to $w_0$; from zero the shortest"
        " [B-smallest-correction S001-35]",
        conditions=(
            If("a solution exists", checks.solvable),
            If("every step is a combination of the inputs [S001-1 B-start-excess]", euclidean),
        ),
        rate=r"linearly; gradient descent with step $1/L$ by $1 - (\sigma_{\min}/\sigma_{\max})^2$"
        " a step [B-linear-rate]",
        theorem="gunasekar2018characterizing",
        cases=(
            Case(
                lambda s: squares(s) and euclidean(s),
                "the solution nearest to the start",
                references.nearest,
                hypotheses=(If("a step that converges", checks.converges),),
            ),
        ),
    ),
    Entry(
        key="interpolation is the margin",
        model=r"linear, labels $\pm1$, more features than samples",
        method="gradient descent; squared loss from zero, or an exponential tail",
        selected="one and the same where every sample is a support vector: the shortest"
        " interpolant is the maximum margin [B-we-said-different-limits]",
        conditions=(
            If("no $y_i(K^{-1}y)_i$ is negative", checks.no_negative_dual),
            "for Gaussian inputs a Student law says how many are [B-student-law]",
        ),
        rate=r"nearly always beyond $d\approx2n\log n$; near $d = n$ hardly ever [B-student-law]",
        theorem="hsu2021proliferation",
        cases=(Case(wide, reference=references.max_margin(2), aside=True),),
    ),
    Entry(
        key="many features",
        model="linear, squared loss, more features than samples",
        method="gradient descent from zero",
        selected="the shortest solution, which fits the noise too, at a known cost: small if few"
        " features are large and very many are small [B-benign-law]",
        conditions=(
            "Gaussian inputs; for classes a law of the angle [B-benign-classes]",
            "labels of classes: the maximum margin, where every sample supports it"
            " [B-benign-support]",
        ),
        rate=r"variance $D/(n - D)$ times that of the noise, with"
        r" $D = \sum_i\lambda_i^2/(\lambda_i + \kappa)^2$ [B-benign-law]",
        theorem="hastie2022surprises",
        cases=(
            Case(
                lambda s: (
                    squares(s)
                    and s.data == "regression"
                    and euclidean(s)
                    and s.objective.data.n_features > s.objective.n_samples
                    and checks.zero_start(s)
                ),
                aside=True,
            ),
        ),
    ),
    Entry(
        key="spikes",
        model="a kernel with a narrow part of size $s$",
        method="least norm",
        selected="spikes at the samples, elsewhere the ridge regression with penalty $s$"
        " [B-spikes-are-a-ridge]",
        conditions=("the width of the narrow part vanishes [B-spikes-are-a-ridge]",),
        rate="a spectrum that falls like $1/i^2$ is tempered: the noise is paid about in full"
        " [B-benign-law]",
        theorem="bartlett2020benign",
        beyond="a kernel is no axis of a call: give its features as the data",
    ),
    Entry(
        key="mirror regression",
        model="linear, squared loss",
        method=r"mirror descent with potential $\Phi$; start $w_0$",
        selected=r"the solution of least $D_\Phi(w, w_0)$ [S000-17]",
        conditions=(
            r"least $\Phi$ only if $\nabla\Phi(w_0) = 0$",
            "momentum, if any, on the mirror image [B-mirror-start B-mirror-momentum]",
        ),
        rate="the limit is the same at every step [B-mirror-rows]",
        theorem="gunasekar2018characterizing",
        cases=(
            Case(
                lambda s: (
                    squares(s) and s.by(Mirror, MirrorMomentum) and not checks.image_at_zero(s)
                ),
                r"the solution of least $D_\Phi(w, w_0)$",
                references.projection(lambda s: s.method.potential),
                hypotheses=(CONVERGES,),
            ),
            Case(
                lambda s: squares(s) and s.by(Mirror, MirrorMomentum),
                r"the solution of least $\Phi(w)$",
                references.projection(lambda s: s.method.potential),
                hypotheses=(If("a solution exists", checks.solvable), CONVERGES),
            ),
        ),
    ),
    Entry(
        key="steepest regression",
        model="linear, squared loss",
        method=r"steepest descent in $\ell_p$, $p\ne2$",
        selected="no least norm; the limit moves with the step [B-steepest-regression]",
        conditions=("for $p = 2$ alone it is the least norm [B-steepest-regression]",),
        rate="its norm stays above the least, even for tiny steps [B-steepest-regression]",
        theorem="gunasekar2018characterizing",
        cases=(
            Case(
                lambda s: (
                    squares(s)
                    and s.full
                    and s.by(Steepest, NormalizedSteepest)
                    and not s.method.shape
                    and s.method.p != 2
                ),
                depends=True,
            ),
            Case(
                lambda s: squares(s) and s.full and s.by(NaturalGradient),
                "natural gradient: near the mirror flow's, and it moves with the step",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="weight normalisation",
        model="linear, squared loss",
        method="weight normalisation, gradient flow",
        selected="the point of one scalar equation [B-weight-norm-limit]",
        conditions=("nearer to the least norm only from some starts [B-weight-norm-better]",),
        rate="a conserved quantity gives the length [S000-29]",
        theorem="wu2020weightnorm",
        cases=(
            Case(
                lambda s: (
                    s.loss == "squared"
                    and s.model == "weight-normalised"
                    and s.by(Gradient)
                    and s.sure
                    and s.start is not None
                ),
                reference=references.weight_normalised,
                hypotheses=(
                    If("small steps"),
                    If(
                        r"$\|v\| = 1$ at the start",
                        lambda s: bool(np.isclose(np.linalg.norm(s.start[:-1]), 1.0)),
                    ),
                ),
            ),
        ),
    ),
)
