"""Figures of the site are drawings: sharp at any size, in the colours of the page, easy to take.

A notebook shows a figure in pixels and keeps its SVG beside it (`ibias.plots.vector`). Here the
SVG takes the place of the pixels. The pixels are used once more, for the card of the page.
"""

import hashlib
import html
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

WIDTH = re.compile(r'viewBox="0 0 ([\d.]+) ')  # in points, 72 an inch
OWN = re.compile(r'(?<= id=")(?!DejaVu|STIX|Cm|cm)[^"]+(?=")')


class vector(nodes.General, nodes.Element):
    """A figure as SVG, with what it shows in words, and the file that has it in pixels."""


def drawings(app: Sphinx, docname: str) -> dict[str, str]:
    """Return the SVG of each figure of a notebook by the name of its file of pixels."""
    cache = get_cache(app.config.nb_execution_cache_path or f"{app.outdir}/../.jupyter_cache")
    source = nbformat.read(app.env.doc2path(docname), as_version=4)
    try:
        _, executed = cache.merge_match_into_notebook(source)
    except KeyError:  # not executed: it shows no figure, or says so itself
        return {}
    found = {}
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            pixels = output.get("data", {}).get("image/png")
            drawn = output.get("metadata", {}).get("image/png", {}).get("svg")
            if pixels and drawn:
                found[hashlib.sha256(b64decode(pixels)).hexdigest()] = drawn
    return found


def with_own_ids(svg: str, name: str) -> str:
    """Return an SVG whose ids no other picture of the page has; those of letters are shared."""
    for own in set(OWN.findall(svg)):
        svg = svg.replace(f'id="{own}"', f'id="{own}-{name}"')
        svg = svg.replace(f"#{own})", f"#{own}-{name})").replace(f'"#{own}"', f'"#{own}-{name}"')
    return svg


def draw(app: Sphinx, doctree: nodes.document) -> None:
    """Put drawings in the place of pixels, before these are taken into the site."""
    docname = app.env.docname
    outputs = [
        image
        for cell in doctree.findall(nodes.container)
        if cell.get("nb_element") == "cell_code_output"
        for image in cell.findall(nodes.image)
    ]
    if app.builder.format != "html" or not outputs:
        return
    known = drawings(app, docname)
    for number, image in enumerate(outputs):
        svg = known.get(Path(image["uri"]).stem)
        if svg is None:
            logger.warning("a figure without its SVG: draw it with ibias.plots", location=docname)
            continue
        drawn = with_own_ids(svg, str(number))
        image.replace_self(vector(svg=drawn, alt=image.get("alt", ""), pixels=image["uri"]))


def visit_vector(self: HTML5Translator, node: vector) -> None:
    """Write the drawing, as wide as it was meant to be."""
    wide = float(WIDTH.search(node["svg"])[1]) * 100 / 72
    label = f'aria-label="{html.escape(node["alt"], quote=True)}"'
    svg = node["svg"].replace('aria-label=""', label, 1)
    self.body.append(f'<div class="vector" style="--width: {wide:.0f}px">{svg}</div>')


def depart_vector(self: HTML5Translator, node: vector) -> None:
    """Write nothing more."""


def skip(self: Any, node: nodes.Node) -> None:
    """Leave the figure out, in formats that the book is not written in."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Work before the pixels are collected, which happens at 500."""
    none = (skip, None)
    app.add_node(vector, html=(visit_vector, depart_vector), latex=none, text=none, man=none)
    app.connect("doctree-read", draw, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
