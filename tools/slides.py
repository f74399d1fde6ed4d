"""Make a lecturer's deck from one page of the built book: `_build/slides/<page>.html`.

    python tools/slides.py book/linear/max_margin

Theorems, figures, live sliders, checks and displayed formulas become slides; the prose before
them becomes their speaker notes (press S), code stays in the book. The file needs nothing else.
"""

import argparse
import base64
import re
import sys
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

from browser import SITE
from bs4 import BeautifulSoup, Tag
from paper import words  # tools/paper.py

REVEAL = SITE.parents[1] / "node_modules" / "reveal.js" / "dist"
OUTPUT = SITE.parent / "slides"
MIME = {".woff2": "font/woff2", ".woff": "font/woff", ".svg": "image/svg+xml", ".png": "image/png"}
STYLES = ("pygments.css", "katex/katex.css", "site.css")
TABLE = "pst-scrollable-table-container"
LINES = 6  # of checks, or of a table, on one slide
LOOK = """
html { font-size: 20px; }
.reveal { font: 400 30px/1.4 var(--pst-font-family-base); color: var(--pst-color-text-base); }
.reveal-viewport { background: #fff; }
.reveal h1 { font: 600 1.9em/1.2 var(--pst-font-family-base); }
.reveal h2 { font: 600 1.15em/1.2 var(--pst-font-family-base); margin: 0 0 .8em; color: #5c636c; }
.reveal section { text-align: left; }
.reveal .slides section.bd-article { padding: 0 0 .5em !important; }
.reveal .slides > section { overflow: hidden auto; max-height: 100%; }
.reveal .bd-article :is(.theorem, .lemma, .proposition, .corollary, .conjecture) .told {
  font-style: italic; }
.reveal .bd-article .told :is(em, .katex) { font-style: normal; }
.reveal .bd-article figure { margin: 0; }
.reveal .bd-article :is(.vector, .frames, .slider) { max-width: none; }
.reveal .bd-article :is(.vector, .frames) svg {
  height: 480px !important; width: auto !important; max-width: 100%; margin: 0 auto; }
.reveal .bd-article figcaption { max-width: none; }
.reveal .slide-number { right: auto; left: 8px; }
"""
# A slide that is too high for the screen is drawn as small as it must be.
START = """const fit = ({ currentSlide: slide }) => {
  slide.style.zoom = 1;
  for (let size = 1; slide.scrollHeight > slide.clientHeight + 1 && size > .5; size -= .05)
    slide.style.zoom = size;
};
Reveal.on("ready", fit); Reveal.on("slidechanged", fit);
Reveal.initialize({ hash: true, slideNumber: "c/t", width: 1100, height: 720,
  margin: .06, transition: "none", plugins: [RevealNotes], center: false });"""


@dataclass
class Slide:
    """A slide: its heading, what it shows, what the lecturer says, and how full it is."""

    heading: str
    shown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: float = LINES


def slides(article: Tag) -> list[Slide]:
    """Return the slides of an article of the book, in its order."""
    made = [Slide(article.h1.decode_contents())]
    _collect(article.select_one("section"), made[0].heading, made)
    return made


def _lines(row: Tag) -> float:
    """Return how much of a slide a check takes, or a row of a table, in lines of checks."""
    return 1.0 if row.name == "li" else max(0.75, len(words(row)) / 160)


def _parts(piece: Tag) -> list[tuple[Tag, float]]:
    """Return a list of checks or a table in parts that a slide holds, each with its lines.

    Anything else is one part, and takes a slide.
    """
    if not {"checks", TABLE} & set(piece.get("class") or []):
        return [(piece, LINES)]
    of = ":scope > li" if piece.name == "ul" else "tbody > tr"
    ends, taken = [0], 0.0
    for number, row in enumerate(piece.select(of)):
        taken += _lines(row)
        if taken > LINES and number > ends[-1]:
            ends.append(number)
            taken = _lines(row)
    parts = []
    for start, end in zip(ends, [*ends[1:], None], strict=True):
        part = copy(piece)
        rows = part.select(of)
        kept = rows[start:end]
        for row in rows:
            if not any(row is one for one in kept):
                row.decompose()
        parts.append((part, sum(map(_lines, kept))))
    return parts


def _collect(section: Tag, heading: str, made: list[Slide]) -> None:
    """Add the slides of one section, and of the sections in it."""
    said: list[str] = []
    before: list[str] = []  # the classes of the piece before

    def show(piece: Tag) -> None:
        for part, lines in _parts(piece):
            last = made[-1]
            if last.heading == heading and last.lines + lines <= LINES:
                last.shown.append(str(part))
                last.notes += said
                last.lines += lines
            else:
                made.append(Slide(heading, [str(part)], said.copy(), lines))
            said.clear()

    for piece in section.find_all(recursive=False):
        classes = piece.get("class") or []
        if piece.name == "section":
            _speak(made, said)
            _collect(piece, _title(piece), made)
        elif "cell" in classes:
            for output in piece.select(".slider, figure, .checks, .vector"):
                if not output.find_parent(["figure"]) and not output.find_parent(class_="slider"):
                    show(output)
        elif "math" in classes and "math" in before:  # the formula goes on
            made[-1].shown.append(str(piece))
        elif "exercise" in classes or "math" in classes or TABLE in classes:
            show(piece)
        elif "proof" in classes and not {"theorem", "proposition", "lemma"} & set(classes):
            said.append(str(piece))  # a proof is told, not shown
        elif "admonition" in classes and piece.name != "details":
            show(piece)
        elif piece.name in ("p", "ul", "ol", "details"):
            said.append(str(piece))
        before = classes
    _speak(made, said)


def _speak(made: list[Slide], said: list[str]) -> None:
    """Give what is said after the last picture to the slide that is up."""
    made[-1].notes += said
    said.clear()


def _title(section: Tag) -> str:
    heading = section.find(["h2", "h3", "h4"])
    return heading.decode_contents() if heading else ""


def _embedded(text: str, folder: Path) -> str:
    """Return a style sheet with its fonts and pictures inside."""

    def data(match: re.Match) -> str:
        path = folder / match[1]
        if not path.exists():
            return match[0]
        return (
            f'url("data:{MIME[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}")'
        )

    return re.sub(r'url\("?([^")]+\.(?:woff2?|svg|png))"?\)', data, text)


def deck(page: str) -> str:
    """Return the HTML of the deck of one page, such as book/linear/max_margin."""
    path = SITE / f"{page}.html"
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for place in article.select(".try-it, .headerlink, .to-code, .take"):
        place.decompose()
    for inner in article.select(".admonition section"):  # sections of a deck are its slides
        inner.name, inner["class"] = "div", "told"
    for picture in article.find_all("img", src=True):
        file = (path.parent / picture["src"]).resolve()
        code = base64.b64encode(file.read_bytes()).decode()
        picture["src"] = f"data:{MIME[file.suffix]};base64,{code}"
    for link in article.find_all("a", href=True):  # a deck stands alone: its links say, not lead
        link.unwrap()
    glyphs = "".join(str(one) for one in article.select("svg.glyphs"))
    made = slides(article)
    first, *rest = made
    sections = [f"<h1>{first.heading}</h1>{_aside(first)}"]
    sections += [f"<h2>{one.heading}</h2>{''.join(one.shown)}{_aside(one)}" for one in rest]
    body = "".join(f'<section class="bd-article">{section}</section>' for section in sections)
    static = SITE / "_static"
    styles = [(REVEAL / "reveal.css").read_text("utf-8")]
    styles += [
        _embedded((static / name).read_text("utf-8"), (static / name).parent) for name in STYLES
    ]
    scripts = [(REVEAL / name).read_text("utf-8") for name in ("reveal.js", "plugin/notes.js")]
    scripts += [START, (static / "slider.js").read_text("utf-8")]
    run = "".join(f"<script>{_inline(script)}</script>" for script in scripts)
    return f"""<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"/>
<title>{words(article.h1)}</title><style>{"".join(styles)}{LOOK}</style></head><body>{glyphs}
<div class="reveal"><div class="slides">{body}</div></div>{run}</body></html>"""


def _inline(script: str) -> str:
    """Return a script that may stand inside a page: its own end tags must not end it."""
    return script.replace("</script", "<\\/script")


def _aside(slide: Slide) -> str:
    return f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""


def main() -> int:
    """Write the deck of one page; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", help="a page of the book: book/linear/max_margin, with any suffix")
    page = re.sub(r"\.(ipynb|md|html)$", "", parser.parse_args().page)
    if not (SITE / f"{page}.html").exists():
        print(f"no built page {page}.html: name a page such as book/linear/max_margin,")
        print("and build the site first with `make book`.")
        return 1
    path = OUTPUT / f"{page.replace('/', '-').removeprefix('book-')}.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(deck(page), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
