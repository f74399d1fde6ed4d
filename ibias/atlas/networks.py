"""Networks that are no linear predictors, and what lies beyond the axes."""

from __future__ import annotations

from ibias.atlas import checks
from ibias.atlas.entry import Case, Entry, If
from ibias.atlas.layers import SMALL_STEPS, tail_flow
from ibias.atlas.setting import Setting
from ibias.methods import Gradient

WIDE = 50  # neurons from which a hidden layer counts as wide


def homogeneous(s: Setting) -> bool:
    """Say whether the model is homogeneous in theta, of a degree above one."""
    return getattr(s.objective.model, "degree", 1) > 1 if s.model != "not homogeneous" else False


def two_layer_relu(s: Setting) -> bool:
    """Say whether the model is a ReLU network with one hidden layer."""
    model = s.objective.model
    return s.model == "homogeneous" and model.depth == 2 and model.activation == "relu"


def wide(s: Setting) -> bool:
    """Say whether the hidden layer is wide."""
    return s.objective.model.widths[1] >= WIDE


ENTRIES = (
    Entry(
        key="homogeneous networks",
        model="homogeneous network of degree $L$, exponential tail",
        method="gradient flow, once the data are separated",
        selected="a KKT point of the margin in parameter space; the direction converges"
        " [S000-21 S003-17]",
        conditions=(
            If(r"homogeneous in $\theta$, not in $x$", homogeneous),
            "the KKT point can be a bad one [S001-28 S002-13]",
        ),
        rate=r"smallest margin $\log t + (2 - 2/L)\log\log t$ [B-norm-growth]",
        theorem="lyu2020gradient",
        cases=(
            Case(
                lambda s: tail_flow(s) and homogeneous(s),
                "a KKT point of the margin in parameter space",
                depends=True,
                hypotheses=(If("the data are separated on the way"), SMALL_STEPS),
            ),
        ),
    ),
    Entry(
        key="wide networks",
        model="wide two-layer ReLU network, exponential tail",
        method="gradient flow on both layers; start at any scale if the width is infinite",
        selected="at infinite width the largest margin in the variation norm $F_1$ [S000-24]",
        conditions=(
            If(
                "infinitely many neurons, in all directions",
                lambda s: None if wide(s) else False,
            ),
            "at a finite width a tiny start can empty directions first [S000-23]",
        ),
        rate=r"a large start $\alpha$ is lazy: it moves by a fraction $\alpha^{-2}$"
        " [B-lazy-motion]",
        theorem="chizat2020implicit",
        cases=(Case(lambda s: tail_flow(s) and two_layer_relu(s), aside=True),),
    ),
    Entry(
        key="orthogonal inputs",
        model="two-layer ReLU network, squared loss, orthogonal inputs",
        method="gradient flow, vanishing balanced start",
        selected="the least variation norm: one neuron's worth for each sign of the label"
        " [B-saddles-variation]",
        conditions=(
            If("pairwise orthogonal inputs", checks.orthogonal_inputs),
            If("$|a_j| = \\|w_j\\|$ at the start"),
            "for each sign some neuron is active on all its inputs at the start [B-saddles-left]",
        ),
        rate=r"two jumps, at $\log(1/\alpha)/\|D_\pm\|$ [B-saddles-orthogonal]; what is left over"
        r" vanishes like $\alpha^{2(1 - \|D_S\|/\|D_\pm\|)}$ [B-saddles-left]",
        theorem="boursier2022gradient",
        cases=(
            Case(
                lambda s: (
                    s.loss == "squared"
                    and s.data == "regression"
                    and two_layer_relu(s)
                    and s.objective.model.bias == "none"
                    and s.by(Gradient)
                    and s.sure
                    and bool(checks.small_start(s))
                    and checks.orthogonal_inputs(s)
                ),
                "in the limit of small steps and a vanishing start the least variation norm",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="frequencies",
        model="two-layer ReLU network without biases, inputs on a circle",
        method="any",
        selected="the sum of a linear and an even function: no odd frequency above one, at any"
        " time, width and scale [B-circle-odd]",
        conditions=(
            If("inputs of two features and one length", checks.on_a_circle),
            "with biases, in the lazy regime, frequencies come in their order [B-circle-odd]",
        ),
        rate=r"in the lazy regime even frequencies $\nu$ at a rate like $\nu^{-2}$; by the output"
        r" weights alone like $\nu^{-4}$ [B-circle-rates]",
        theorem="basri2019frequencies",
        cases=(
            Case(
                lambda s: (
                    two_layer_relu(s) and s.objective.model.bias == "none" and checks.on_a_circle(s)
                ),
                aside=True,
            ),
        ),
    ),
    Entry(
        key="kinks at the data",
        model="wide two-layer ReLU network with biases, one input, exponential tail",
        method="gradient flow, long",
        selected="inner training points are kinks, and these carry nine tenths of the weight"
        " [B-kink-network B-kink-share], as in the largest margin in $F_1$ [B-kink-optimum]",
        conditions=(
            If("five points or more, labels in turn [B-kink-network]", checks.labels_in_turn),
            "measured, and not proved [B-kink-optimum]",
        ),
        rate="neurons that are not needed do not shrink: their share falls as the others grow"
        " [B-kink-share]",
        theorem="boursier2023penalising",
        cases=(
            Case(
                lambda s: (
                    tail_flow(s)
                    and two_layer_relu(s)
                    and wide(s)
                    and checks.on_a_line(s)
                    and checks.labels_in_turn(s)
                ),
                aside=True,
            ),
        ),
    ),
    Entry(
        key="output layer",
        model="wide two-layer ReLU network, exponential tail",
        method="output layer alone",
        selected="the largest margin in the kernel norm $F_2$ [B-output-layer]",
        conditions=("first layer fixed [B-output-layer]",),
        rate="worse where few directions count, better where all do [B-hidden-directions]",
        theorem="chizat2020implicit",
        beyond="a fixed layer makes a linear model of its hidden outputs: give these as the data",
    ),
    Entry(
        key="batch normalisation",
        model="batch normalisation",
        method="gradient descent or SGD",
        selected="scale-invariant weights: only their direction means anything; a linear"
        " classifier comes to uniform margins [B-batch-norm-orthogonal B-bn-uniform]",
        conditions=(
            "no weight decay",
            If(
                "for uniform margins linearly independent samples [B-norm-pythagoras B-bn-uniform]",
                checks.independent_samples,
            ),
        ),
        rate="with noise the norm grows like $k^{1/4}$, the effective step falls like $k^{-1/2}$"
        " [B-norm-quarter-power]",
        theorem="cao2023batchnorm",
        cases=(
            Case(
                lambda s: s.model == "direction" and s.by(Gradient) and s.clean,
                "a direction: the length of the weights means nothing",
                depends=True,
            ),
        ),
    ),
    Entry(
        key="edge of stability",
        model="a small network",
        method="gradient descent with a large step",
        selected="flatter, and at most a little shorter [B-flat-not-small]",
        conditions=(
            If("nonlinear", lambda s: s.model in ("homogeneous", "not homogeneous")),
            "in linear models there is no such effect",
            r"a start above $2/\eta$ is thrown down first [S001-33 B-catapult]",
        ),
        rate=r"sharpness rises to $2/\eta$ and stays [B-edge-of-stability]",
        theorem="cohen2021edge",
        cases=(
            Case(
                lambda s: (
                    s.loss == "squared"
                    and s.model in ("homogeneous", "not homogeneous")
                    and s.by(Gradient)
                    and s.sure
                    and s.constant_step is not None
                ),
                hypotheses=(If(r"a step that meets the edge, $2/\eta$"),),
                depends=True,
            ),
        ),
    ),
    Entry(
        key="guessing",
        model="any model, no gradient",
        method="random guesses, the first that fits",
        selected="a draw from the volume of solutions; of the same margin as that of gradient"
        " descent, as good [B-volume B-we-said-descending]",
        conditions=("few samples", "true labels [B-volume S003-21]"),
        rate="the cost grows exponentially in the samples [B-guess-cost]",
        theorem="chiang2023loss",
        beyond="guessing takes no step: see networks.guess_and_check",
    ),
)
