"""The palette keeps its promises: contrast on white, and colours apart for colour-blind eyes."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ibias import plots
from ibias.plots import style

# Machado, Oliveira and Fernandes (2009), severity 1, acting on linear RGB.
VISION = {
    "usual": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    f = np.cbrt(XYZ @ np.clip(rgb, 1e-6, 1) / XYZ.sum(axis=1))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(color: str) -> float:
    return 1.05 / (XYZ[1] @ linear(color) + 0.05)


@pytest.mark.parametrize("color", [*plots.PALETTE, plots.INK])
def test_contrast_on_white_is_at_least_three_to_one(color):
    assert contrast(color) >= 3


def test_what_must_be_compared_does_not_recede():
    """The lines that join a pair, and the bars of the truth, by their edges."""
    ax = Figure().add_subplot()
    plots.pairs(ax, {"plain": [1.0, 2.0], "averaged": [0.5, 1.5]})
    joins = [line.get_color() for line in ax.lines if line.get_linestyle() == "-"]
    ax = Figure().add_subplot()
    plots.stems(ax, [1.0, 2.0], {"found": [0.9, 1.9]})
    edges = [bar.get_edgecolor() for bar in ax.patches]
    assert len(joins) == len(edges) == 2
    assert min(map(contrast, joins + edges)) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart(vision):
    seen = {color: lab(np.array(VISION[vision]) @ linear(color)) for color in plots.PALETTE}
    gaps = {
        pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]])
        for pair in itertools.combinations(seen, 2)
    }
    assert min(gaps.values()) > 15, min(gaps, key=gaps.get)


def test_lines_differ_in_style_as_well_as_colour():
    cycle = list(style.RC["axes.prop_cycle"])
    assert len({entry["color"] for entry in cycle}) == len(cycle) == len(plots.PALETTE)
    assert len({str(entry["linestyle"]) for entry in cycle[:5]}) == 5


def test_importing_plots_applies_the_style():
    plots.use_style()
    assert mpl.rcParams["figure.figsize"] == [6.4, 3.8]
    sizes = [value for key, value in style.RC.items() if key.endswith(("labelsize", "fontsize"))]
    assert min(sizes) >= 12  # half of it is left on a phone
