"""The pages of the built site as one document for paper: what `pdf.py` prints.

Everything is unfolded; of a slider paper has its first position, that of the page, and its last;
ids and links are made unique. The pages of the package and of the coursework stay on the screen.
"""

import json
import re
from copy import copy
from functools import cache
from html import escape
from posixpath import join, normpath
from typing import Any

import yaml
from browser import SITE
from bs4 import BeautifulSoup, SoupStrainer, Tag
from bs4.element import PreformattedString
from contents import ROOT
from contents import parts as all_parts

LEFT_OUT = ("book/coursework/", "book/api")
HEADING = re.compile(r"(<h[1-6]\b.*?</h[1-6]>)", re.DOTALL)
# A formula is there twice, once for screen readers; a browser writes nothing of that on paper.
UNSEEN = re.compile(r'<span class="katex-mathml">.*?</math></span>', re.DOTALL)
ASIDE = re.compile(r'<svg\b.*?</svg>|<span class="katex">', re.DOTALL)
Parts = list[tuple[str, list[str]]]  # of the book, with their pages
SPAN = re.compile(r"<(/?)span\b")
CODE = re.compile(r"(?<=<pre>).*?(?=</pre>)", re.DOTALL)
TAG = re.compile(r"</?\w[^>]*>")
# Where one place of a page is named by another one, besides its links.
NAMES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget")
IN_DRAWING = re.compile(r'(\bid="|\bxlink:href="#|\bhref="#|url\(#)')
ON_SCREEN = (
    "script, .headerlink, .copybtn, .to-code, .take, #ledger-filter, .bd-search, .cite-page,"
    " .try-it, .definition[popover]"
)
LOOK = """
article.bd-article, .contents { break-before: page; }
.cover { page: cover; height: 230mm; display: grid; align-content: center; }
.cover h1 { font-size: 30pt; }
.contents p { position: relative; margin: 1mm 12mm 1mm 0; }
.contents .number { position: absolute; right: -12mm; }
.contents h2 { font-size: 12pt; margin: 5mm 0 1mm; }
.bd-article .stills { display: grid; grid-template-columns: 1fr 1fr; gap: 3mm 6mm; margin: 3mm 0; }
.bd-article .stills figure { margin: 0; }
.bd-article .stills figcaption { text-align: center; }
@page { font: 8pt Georgia, serif; color: #555; @bottom-center { content: counter(page); } }
@page cover { @bottom-center { content: none; } }
"""


def chapters() -> Parts:
    """Return the parts of the book that are printed, each with its pages."""
    kept = [(name, [p for p in pages if not p.startswith(LEFT_OUT)]) for name, pages in all_parts()]
    return [(name, pages) for name, pages in kept if pages]


@cache
def settings() -> dict[str, Any]:
    """Return what `_config.yml` says."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def anchor(page: str, name: str = "") -> str:
    """Return the id in the joined document of a page, or of a place on it."""
    return re.sub(r"\W+", "-", page) + (f"--{name}" if name else "")


class _AsItIs(PreformattedString):
    """A drawing or a formula as it stands in the page: large, and nothing in it is looked at."""


def cut(text: str, keep: list[str]) -> str:
    """Return the text of a page with an empty place for each drawing and formula, kept apart."""
    made, at = [], 0
    while found := ASIDE.search(text, at):
        end, depth = found.end(), 1
        while found[0].startswith("<span") and depth:
            span = SPAN.search(text, end)
            depth += -1 if span[1] else 1
            end = span.end()
        if found[0].startswith("<span"):
            end = text.index(">", end) + 1
        made += [text[at : found.start()], f'<i data-aside="{len(keep)}"></i>']
        keep.append(text[found.start() : end])
        at = end
    return "".join([*made, text[at:]])


def parsed(page: str) -> BeautifulSoup:
    """Return a built page; its drawings, with ids made unique, and formulas stand in it unread.

    The formulas of headings are read: an outline has their words. Code is black, so that no part
    of a line stands for itself.
    """
    text = (SITE / f"{page}.html").read_text(encoding="utf-8")
    text = CODE.sub(lambda code: TAG.sub("", code[0]), text)
    keep: list[str] = []
    pieces = [
        piece if HEADING.match(piece) else cut(UNSEEN.sub("", piece), keep)
        for piece in HEADING.split(text)
    ]
    only = SoupStrainer(["link", "article"])
    soup = BeautifulSoup("".join(pieces), "html.parser", parse_only=only)
    for tag in soup.find_all("i", attrs={"data-aside": True}):
        kept = IN_DRAWING.sub(rf"\1{anchor(page)}--", keep[int(tag["data-aside"])])
        tag.replace_with(_AsItIs(kept))
    return soup


def words(tag: Tag) -> str:
    """Return the words of a part of a page on one line, a formula as plain letters."""
    copied = copy(tag)
    for twice in copied.select(".katex-html, annotation"):
        twice.decompose()
    return " ".join(copied.get_text().split())


def stills(slider: Tag) -> Tag:
    """Return what paper shows of a slider: its first frame, that of the page, and its last."""
    frames = slider.select(".frames > div")
    control, label = slider.input, slider.label.get_text()
    texts = json.loads(control["data-texts"])
    made = BeautifulSoup('<div class="stills"></div>', "html.parser").div
    for number in sorted({0, int(control["value"]), len(frames) - 1}):
        frame = frames[number].extract()
        frame.attrs.pop("hidden", None)
        still = BeautifulSoup("<figure><figcaption><p></p></figcaption></figure>", "html.parser")
        still.p.string = f"{label}: {texts[number]}"
        still.figure.insert(0, frame)
        made.append(still.figure)
    return made


def article(page: str, printed: set[str], soup: BeautifulSoup | None = None) -> Tag:
    """Return the article of a built page: ids and links made unique, everything unfolded."""
    body = (soup or parsed(page)).select_one("article.bd-article")
    folder, home = page.rpartition("/")[0], settings()["html"]["baseurl"].rstrip("/")
    for tag in body.select(ON_SCREEN):
        tag.decompose()
    for tag in body.select("button.term"):  # its meaning opens on the screen
        tag.unwrap()
    for tag in body.find_all(class_="slider"):
        tag.replace_with(stills(tag))
    for tag in body.find_all(id=True):
        tag["id"] = anchor(page, tag["id"])
    for name in NAMES:
        for tag in body.find_all(attrs={name: True}):
            tag[name] = " ".join(anchor(page, one) for one in tag[name].split())
    for tag in body.find_all(href=True):
        if re.match(r"\w+:", tag["href"]):
            continue
        path, _, place = tag["href"].partition("#")
        there = normpath(join(folder, path)) if path else f"{page}.html"
        target = there.removesuffix(".html")
        if target in printed:
            tag["href"] = f"#{anchor(target, place)}"
        else:  # the package, the coursework, a file: they stand beside the book on the screen
            tag["href"] = f"{home}/{there}" + (f"#{place}" if place else "")
    for tag in body.find_all(src=True):
        if not tag["src"].startswith("data:"):
            tag["src"] = normpath(join(folder, tag["src"]))
    for details in body.find_all("details"):
        details["open"] = ""
    body["id"] = anchor(page)
    return body


def contents(parts: Parts, titles: dict[str, str]) -> str:
    """Return the list of chapters; the numbers of their pages come when they are known."""
    lines = []
    for name, pages in parts:
        lines += [f"<h2>{escape(name)}</h2>"] if name else []
        for page in pages:
            link = f'<a href="#{anchor(page)}">{escape(titles[page])}</a>'
            lines.append(f'<p>{link}<span class="number"></span></p>')
    return "".join(lines)


def document(parts: Parts) -> tuple[str, list[tuple[int, str]]]:
    """Return the HTML of the whole book, and the level and the words of each heading of a page."""
    pages = [page for _, some in parts for page in some]
    soups = {page: parsed(page) for page in pages}
    styles = dict.fromkeys(
        re.sub(r"^(?:\.\./)*", "", tag["href"])
        for soup in soups.values()
        for tag in soup.find_all("link", rel="stylesheet")
    )
    head = "".join(f'<link rel="stylesheet" href="{name}"/>' for name in styles)
    bodies = {page: article(page, set(pages), soup) for page, soup in soups.items()}
    titles = {page: words(body.h1) for page, body in bodies.items()}
    headings = [
        (int(tag.name[1]), words(tag))
        for body in bodies.values()
        for tag in body.find_all(re.compile("^h[1-6]$"))
    ]
    running = ""
    for page, body in bodies.items():
        body["style"] = f"page: {anchor(page)}"
        title = json.dumps(titles[page], ensure_ascii=False)
        running += f"@page {anchor(page)} {{ @top-right {{ content: {title}; }} }}\n"
    config = settings()
    title, home = escape(config["title"]), config["repository"]["url"]
    text = f"""<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"/>
<title>{title}</title>{head}<style>{LOOK}{running}</style></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<section class="cover"><h1>{title}</h1><p>{escape(config["author"])}</p>
<p><a href="{home}">{home}</a></p></section>
<section class="contents bd-article"><h1>Contents</h1>{contents(parts, titles)}</section>
{"".join(map(str, bodies.values()))}</div></div></main></body></html>"""
    return text, headings
