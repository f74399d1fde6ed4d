"""Sliders: deterministic, accessible, fixed in place, and refused when they are too heavy."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from ibias import frames


def line(ax, a):
    ax.plot([0, 1], [0, a], label="f")
    ax.set(xlim=(0, 1), ylim=(0, 4), title=f"a = {a}", xlabel=r"$\log t$")
    ax.legend()


def sentence(a):
    return f'A line of slope {a}, through the "origin" & up.'


def make(**changes):
    options = {"draw": line, "values": [1, 2, 3], "label": "slope", "alt": sentence} | changes
    return frames.slider(options.pop("draw"), options.pop("values"), **options)


def pictures(slider):
    return [child.value for child in slider.children[0].children]


def axes_box(svg):
    """The white rectangle behind the axes: the second path of the figure."""
    return re.findall(r'<path d="([^"]*)"', svg)[1]


def test_frames_are_the_same_every_time():
    assert pictures(make()) == pictures(make())


def test_every_frame_is_labelled_well_formed_and_alone_in_its_ids():
    svgs = pictures(make())
    for a, svg in zip([1, 2, 3], svgs, strict=True):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == sentence(a)
        assert "<style" not in svg and "<metadata" not in svg
        assert re.search(r"\d{4}-\d{2}-\d{2}", svg) is None
    clips = [set(re.findall(r'<clipPath id="(\w+)"', svg)) for svg in svgs]
    assert all(clips)
    assert len(set.union(*clips)) == sum(len(ids) for ids in clips)


def test_references_inside_a_frame_resolve():
    for svg in pictures(make()):
        ids = re.findall(r' id="([^"]+)"', svg)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) == set(ids)


def test_axes_stand_still_while_labels_change_width():
    def draw(ax, a):
        ax.plot([0, 1], [0, a])
        ax.set_ylim(0, a)

    svgs = pictures(make(draw=draw, values=[1, 1000, 1e6]))
    assert len({axes_box(svg) for svg in svgs}) == 1


def test_slider_drives_the_stack_without_a_kernel():
    slider = make(start=1)
    stack, control = slider.children
    assert (stack.selected_index, control.index, control.label) == (1, 1, "2")
    assert control.description == "slope"
    assert repr(slider) == "Slider('slope', 3 frames)"


def test_space():
    def draw(ax, a):
        ax.plot([0, a], [0, a], [0, a])

    assert len(pictures(make(draw=draw, projection="3d"))) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [1]}, "values holds 1 entries"),
        ({"values": range(26)}, "values holds 26 entries"),
        ({"start": 3}, "start must be an index of values, 0 to 2"),
        ({"values": [1.001, 1.002], "format": "{:.1f}".format}, "same or an empty text"),
        ({"alt": lambda a: " "}, "alt returned an empty text"),
        (
            {"draw": lambda ax, a: ax.figure.add_axes((0, 0, 1, 1)) if a > 1 else None},
            "same number",
        ),
    ],
)
def test_bad_input_says_what_to_do(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_import_ibias_loads_no_widgets():
    code = "import sys, ibias; print([m for m in ('ipywidgets', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
