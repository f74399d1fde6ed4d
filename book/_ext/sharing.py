"""What a page says of itself when it is linked, listed or cited.

Each page gets a description (its first paragraph), a canonical address, a preview card with its
title and first figure, and a line that says how to cite it; the site gets a sitemap. All of it
is made while the book is built, from the built pages alone.
"""

import html
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bs4 import BeautifulSoup
from figures import vector
from plain import plain
from sphinx.application import Sphinx

LONGEST = 200  # characters of a description
SIZE = (12.0, 6.3)  # inches of a card at 100 dots each: the shape that previews ask for
FIRST = re.compile(r"</h1>.*?<p>(.*?)</p>", re.DOTALL)


def description(body: str) -> str:
    """Return the first paragraph of a page in plain words, cut at the end of a sentence."""
    match = FIRST.search(body)
    if not match:
        return ""
    paragraph = BeautifulSoup(match[1], "html.parser")
    for formula in paragraph.select(".katex"):
        formula.replace_with(plain(formula.math))
    text = " ".join(paragraph.get_text().split())
    if len(text) <= LONGEST:
        return text
    kept = text[:LONGEST]
    stop = max(kept.rfind(mark) for mark in (". ", "? ", "! "))
    return kept[: stop + 1] if stop > 40 else kept.rsplit(" ", 1)[0] + " …"


def card_name(pagename: str) -> str:
    """Return the file name of a page's card."""
    return f"{pagename.replace('/', '-')}.png"


def add_to_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Write description, card and citation of one page."""
    if not pagename.startswith("book/") or "body" not in context:
        return
    base = app.config.html_baseurl.rstrip("/")
    address = f"{base}/{pagename}.html"
    title = re.sub(r"<[^>]+>", "", context["title"])
    words = html.escape(description(context["body"]) or app.config.html_title)
    card = f"{base}/_static/cards/{card_name(pagename)}"
    context["metatags"] = context.get("metatags", "") + (
        f'<meta name="description" content="{words}" />'
        f'<meta property="og:title" content="{html.escape(html.unescape(title))}" />'
        f'<meta property="og:description" content="{words}" />'
        f'<meta property="og:type" content="article" />'
        f'<meta property="og:url" content="{address}" />'
        f'<meta property="og:image" content="{card}" />'
        f'<meta name="twitter:card" content="summary_large_image" />'
    )
    first = next(doctree.findall(vector), None) if doctree is not None else None
    picture = Path(app.srcdir, first["pixels"].lstrip("/")) if first else None
    app.env.sharing_cards[pagename] = (html.unescape(title), picture)
    year = app.config.copyright.split(",")[0]
    context["body"] += (
        f'<p class="cite-page"><b>Cite this page.</b> {html.escape(app.config.author)} ({year}).'
        f" {title}. In <i>{html.escape(app.config.html_title)}</i>."
        f' <a href="{address}">{address.removeprefix("https://")}</a>.'
        f' The whole book on paper: <a href="{base}/book.pdf">book.pdf</a>.</p>'
    )


def draw_card(path: Path, title: str, book: str, picture: Path | None) -> None:
    """Draw one preview card: the title, the book, and the first figure of the page."""
    from textwrap import fill

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    figure = Figure(figsize=SIZE, facecolor="white", layout="none")
    canvas = FigureCanvasAgg(figure)
    style = {"size": 34, "va": "top", "family": "serif", "weight": "bold"}
    words = figure.text(0.05, 0.9, fill(title, 22 if picture else 44), **style)
    room = (0.42 if picture else 0.9) * canvas.get_width_height()[0]
    while (box := words.get_window_extent(canvas.get_renderer())).width > room:
        words.set_size(words.get_size() * room / box.width - 0.1)
    figure.text(0.05, 0.08, book, size=18, va="bottom", family="serif", color="#5c636c")
    if picture:
        axes = figure.add_axes((0.5, 0.14, 0.46, 0.76))
        axes.imshow(imread(picture), interpolation="antialiased")
        axes.axis("off")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Draw the cards, and write the sitemap."""
    if exception or app.builder.format != "html":
        return
    cards = Path(app.outdir, "_static", "cards")
    cards.mkdir(exist_ok=True)
    for pagename, (title, picture) in app.env.sharing_cards.items():
        draw_card(cards / card_name(pagename), title, app.config.html_title, picture)
    base = app.config.html_baseurl.rstrip("/")
    places = "".join(
        f"<url><loc>{escape(f'{base}/{pagename}.html')}</loc></url>\n"
        for pagename in sorted(app.env.sharing_cards)
    )
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n',
        encoding="utf-8",
    )
    Path(app.outdir, "robots.txt").write_text(
        f"User-agent: *\nAllow: /\nSitemap: {base}/sitemap.xml\n", encoding="utf-8"
    )


def begin(app: Sphinx) -> None:
    """Start with no cards; an address that Pages would not serve is an error."""
    if not app.config.html_baseurl:
        raise ValueError("html_baseurl is empty; set html: baseurl in _config.yml.")
    app.env.sharing_cards = {}


def setup(app: Sphinx) -> dict:
    """Work on the body that the other extensions have finished."""
    app.connect("builder-inited", begin)
    app.connect("html-page-context", add_to_page, priority=960)
    app.connect("build-finished", finish, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
