"""A figure as one SVG element that may stand in a page beside others."""

from __future__ import annotations

import html
import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure


def svg(figure: Figure, description: str, salt: str, **options: object) -> str:
    """Return the figure as one SVG element: no date, ids that no other frame of a page has.

    `options` are those of ``figure.savefig``.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> figure = pyplot.figure()
    >>> text = svg(figure, 'Nothing yet.', salt='one')
    >>> text.startswith('<svg'), 'Nothing yet.' in text
    (True, True)
    >>> pyplot.close(figure)
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata=nothing, **options)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # no comments, no style sheet (it would apply to the whole page), no ids that nothing uses
    text = re.sub(
        r"<!--.*?-->|<defs>\s*<style.*?</defs>|<metadata>.*?</metadata>", "", text, flags=re.S
    )
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    text = re.sub(r"\d+\.\d+", lambda match: _shorten(match[0]), text)
    text = re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", text))
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    label = html.escape(description, quote=True)
    look = "display:block;width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt"
    opening = f'<svg role="img" aria-label="{label}" style="{look}"'
    return text.replace("<svg", opening, 1).strip()


def _shorten(number: str) -> str:
    """Return a decimal number with the digits that show: hundredths of a point."""
    value = float(number)
    return f"{value:.4g}" if value < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def both(figure: Figure, **options: object) -> tuple[str, dict] | None:
    """Return a figure as a notebook shows it, in pixels, and with its size the figure as SVG.

    The pixels are what every notebook server and every preview can show. The site shows the other.
    An empty figure is None, as it is in IPython.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> figure, ax = pyplot.subplots(figsize=(2, 1))
    >>> pixels, size = both(figure)
    >>> sorted(size), size['svg'].startswith('<svg')
    (['height', 'svg', 'width'], True)
    >>> pyplot.close(figure)
    """
    from IPython.core.pylabtools import retina_figure

    shown = retina_figure(figure, base64=True, **options)
    if shown is None:
        return None
    pixels, size = shown
    return pixels, {**size, "svg": svg(figure, "", salt="figure", **options)}
