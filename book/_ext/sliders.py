"""Sliders of `ibias.frames` on the static page: a native range input over the same frames.

In JupyterLab a slider is a widget. The built site needs none of the widgets' machinery (half
a megabyte of scripts a page): the frames stand in the page, and the browser's own control
shows one of them.
"""

import html
import json
import re
from typing import Any

from glyphs import Glyphs
from myst_nb.core.render import WIDGET_STATE_MIMETYPE, WIDGET_VIEW_MIMETYPE
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

VIEW = re.compile(
    rf'<script type="{re.escape(WIDGET_VIEW_MIMETYPE)}">(?P<view>.*?)</script>', re.DOTALL
)
VECTOR = '<div class="vector"'
FIGURE = re.compile(rf"{VECTOR}.*?</svg></div>", re.DOTALL)
WIDTH = re.compile(r'viewBox="0 0 ([\d.]+) ')  # in points, 72 an inch


class Frames:
    """The models of one page's widgets."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state, self.glyphs, self.count = state, Glyphs(), 0

    def model(self, reference: str) -> tuple[str, dict[str, Any]]:
        """Return name and state of the model that `reference` names."""
        model = self.state[reference.removeprefix("IPY_MODEL_")]
        return model["model_name"], model["state"]

    def slider(self, model_id: str) -> str:
        """Return the HTML of the slider with this model."""
        _, box = self.model(model_id)
        (stack_name, stack), (control_name, control) = map(self.model, box.get("children", []))
        if (stack_name, control_name) != ("StackModel", "SelectionSliderModel"):
            raise ValueError("not a slider of ibias.frames")
        self.count += 1
        shown = stack["selected_index"]
        points = float(WIDTH.search(self.model(stack["children"][0])[1]["value"])[1])
        frames = "".join(
            f"<div{'' if index == shown else ' hidden'}>{self.glyphs.taken_from(frame)}</div>"
            for index, frame in enumerate(
                self.model(child)[1]["value"] for child in stack["children"]
            )
        )
        texts = control["_options_labels"]  # spoken as the control's own, so not by the output
        name = f"slider-{self.count}"
        return (
            f'<div class="slider" style="--width: {points * 100 / 72:.0f}px">'
            f'<div class="frames">{frames}</div><div class="control">'
            f'<label for="{name}">{html.escape(control["description"])}</label>'
            f'<input type="range" id="{name}" min="0" max="{len(texts) - 1}" value="{shown}"'
            f' autocomplete="off" aria-valuetext="{html.escape(texts[shown])}"'
            f' data-texts="{html.escape(json.dumps(texts))}">'
            f'<output for="{name}" aria-live="off">{html.escape(texts[shown])}</output></div></div>'
        )


def replace_widgets(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any
) -> None:
    """Put native sliders in the place of the page's widgets, and drop their state."""
    if "body" not in context or not (VIEW.search(context["body"]) or VECTOR in context["body"]):
        return
    scripts = NbMetadataCollector.get_js_files(app.env, pagename)
    stored = scripts["ipywidgets_state"][1]["body"] if "ipywidgets_state" in scripts else "null"
    frames = Frames((json.loads(stored) or {"state": {}})["state"])

    def native(match: re.Match) -> str:
        try:
            return frames.slider(json.loads(match["view"])["model_id"])
        except (KeyError, ValueError) as problem:
            logger.warning(
                "a widget that is dead without a kernel (%r); use ibias.frames.slider",
                problem,
                location=pagename,
            )
            return ""

    body, sliders = VIEW.subn(native, context["body"])
    body = FIGURE.sub(lambda match: frames.glyphs.taken_from(match[0]), body)
    context["body"] = frames.glyphs.shared() + body
    app.add_js_file("figures.js", loading_method="defer")
    if not sliders:
        return
    app.add_js_file("slider.js", loading_method="defer")
    context["script_files"] = [
        script
        for script in context["script_files"]
        if dict(getattr(script, "attributes", {})).get("type") != WIDGET_STATE_MIMETYPE
    ]


def setup(app: Sphinx) -> dict:
    """Run after myst-nb has added its scripts to the page, and take them away again."""
    app.connect("html-page-context", replace_widgets, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
