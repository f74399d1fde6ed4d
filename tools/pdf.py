"""Print the built book on paper: one file, in the order of the table of contents.

    python tools/pdf.py

Takes the pages of `_build/html` as they are, joins them into one document with a cover and
contents, lets the browser print it, and packs the result into `_build/book.pdf`. The pages of
the package and of the coursework stay on the screen.
"""

import json
import re
import sys
import time
from copy import copy
from functools import cache
from html import escape
from pathlib import Path
from posixpath import join, normpath
from typing import Any

import pikepdf
import yaml
from browser import SITE, chromium, executable
from bs4 import BeautifulSoup, Tag
from bs4.element import PreformattedString
from pikepdf import OutlineItem, Pdf

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = SITE.parent / "book.pdf"
LEFT_OUT = ("book/coursework/", "book/api")
LONGEST = 300_000  # milliseconds that a busy machine may take to lay out the whole book
HEAVIEST = 15.0  # megabytes
DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
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
# What is printed over the contents: the numbers alone, each where its chapter stands.
FILL_IN = """numbers => {
    document.querySelectorAll("article").forEach(one => one.remove());
    for (const line of document.querySelectorAll(".contents p")) {
        line.lastChild.textContent = numbers[line.firstChild.hash.slice(1)];
        line.lastChild.style.visibility = "visible";
    }
    document.body.style.visibility = "hidden";
    const bare = "<style>@page { @bottom-center { content: none } }</style>";
    document.head.insertAdjacentHTML("beforeend", bare);
}"""


@cache
def chapters() -> list[tuple[str, list[str]]]:
    """Return the parts of the book, each with its pages, as `_toc.yml` orders them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = [("", [toc["root"]])]
    parts += [(part["caption"], [c["file"] for c in part["chapters"]]) for part in toc["parts"]]
    kept = [(name, [p for p in pages if not p.startswith(LEFT_OUT)]) for name, pages in parts]
    return [(name, pages) for name, pages in kept if pages]


@cache
def settings() -> dict[str, Any]:
    """Return what `_config.yml` says."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def anchor(page: str, name: str = "") -> str:
    """Return the id in the joined document of a page, or of a place on it."""
    return re.sub(r"\W+", "-", page) + (f"--{name}" if name else "")


class _Drawing(PreformattedString):
    """A drawing as it stands in the page: it is large, and nothing in it needs to be parsed."""


def parsed(page: str) -> BeautifulSoup:
    """Return a built page, its drawings put aside and back unread, their ids made unique."""
    text = (SITE / f"{page}.html").read_text(encoding="utf-8")
    drawings: list[str] = []

    def put_aside(match: re.Match) -> str:
        drawings.append(IN_DRAWING.sub(rf"\1{anchor(page)}--", match[0]))
        return f'<svg data-drawing="{len(drawings) - 1}"></svg>'

    soup = BeautifulSoup(DRAWING.sub(put_aside, text), "html.parser")
    for tag in soup.select("svg[data-drawing]"):
        tag.replace_with(_Drawing(drawings[int(tag["data-drawing"])]))
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
    for tag in body.find_all("pre"):  # in black, so that no part of a line stands for itself
        tag.string = tag.get_text()
    for tag in body.select(".slider"):
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


def contents(parts: list[tuple[str, list[str]]], titles: dict[str, str]) -> str:
    """Return the list of chapters; the numbers of their pages come when they are known."""
    lines = []
    for name, pages in parts:
        lines += [f"<h2>{escape(name)}</h2>"] if name else []
        for page in pages:
            link = f'<a href="#{anchor(page)}">{escape(titles[page])}</a>'
            lines.append(f'<p>{link}<span class="number"></span></p>')
    return "".join(lines)


def document() -> tuple[str, list[tuple[int, str]]]:
    """Return the HTML of the whole book, and the level and the words of each heading of a page."""
    parts = chapters()
    pages = [page for _, some in parts for page in some]
    soups = {page: parsed(page) for page in pages}
    styles = dict.fromkeys(
        re.sub(r"^(?:\.\./)*", "", tag["href"])
        for soup in soups.values()
        for tag in soup.head.find_all("link", rel="stylesheet")
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


def page_numbers(book: Pdf) -> dict[str, int]:
    """Return the number of the page on which each chapter begins, by its id."""
    numbers = {page.objgen: number for number, page in enumerate(book.pages, 1)}
    places = {anchor(page) for _, pages in chapters() for page in pages}
    found = {str(name).lstrip("/"): place for name, place in book.Root.Dests.items()}
    return {name: numbers[found[name][0].objgen] for name in places}


def nest(book: Pdf, headings: list[tuple[int, str]]) -> None:
    """Put the chapters into their parts, and the words of each heading as the page has them.

    The browser runs the words of a heading together where its line breaks.
    """

    def flat(items: list[OutlineItem]) -> list[OutlineItem]:
        return [one for item in items for one in (item, *flat(item.children))]

    with book.open_outline() as outline:
        _, front, *rest = outline.root  # the cover, the contents
        rest = flat(rest)
        front.children.clear()
        above: list[tuple[int, OutlineItem]] = []
        made: list[OutlineItem] = []
        for item in rest:
            item.children = []
        for (level, title), item in zip(headings, rest, strict=True):
            item.title, item.is_closed = title, True
            above = [(over, one) for over, one in above if over < level]
            (above[-1][1].children if above else made).append(item)
            above.append((level, item))
        outline.root[:] = [front]
        for name, pages in chapters():
            own, made = made[: len(pages)], made[len(pages) :]
            if name:
                part = OutlineItem(name, destination=own[0].destination)
                part.children, own = own, [part]
            outline.root += own


def share_images(book: Pdf) -> None:
    """Keep one of pictures that are alike: the browser draws a hatch anew for each bar."""
    kept: dict[tuple, Any] = {}
    for holder in book.objects:
        if isinstance(holder, pikepdf.Stream) and "/XObject" in holder.get("/Resources", {}):
            pictures = holder.Resources.XObject
            for name, picture in pictures.items():
                if picture.get("/Subtype") == "/Image" and "/SMask" not in picture:
                    known = (picture.Width, picture.Height, picture.read_raw_bytes())
                    pictures[name] = kept.setdefault(known, picture)


def between(joined: Path) -> tuple[Path, Path, Path]:
    """Return the files on the way to the book: the document, the book raw, and the numbers."""
    return joined, joined.with_suffix(".raw.pdf"), joined.with_suffix(".numbers.pdf")


def print_book(page: Any, joined: Path, headings: list[tuple[int, str]]) -> Pdf:
    """Print the joined document, and then the numbers of the pages over its contents."""
    _, raw, numbers = between(joined)
    page.set_default_timeout(LONGEST)
    page.goto(joined.as_uri(), wait_until="load")
    page.evaluate("document.fonts.ready.then(() => true)")
    page.pdf(path=raw, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    book = pikepdf.open(raw)
    page.evaluate(FILL_IN, page_numbers(book))
    page.pdf(path=numbers, prefer_css_page_size=True)
    with pikepdf.open(numbers) as over:
        for below, above in zip(book.pages, over.pages):  # noqa: B905  the contents come first
            below.add_overlay(above)
    nest(book, headings)
    share_images(book)
    return book


def main() -> int:
    """Write `_build/book.pdf`; return the exit status."""
    if not (SITE / "index.html").exists():
        print("the site is not built: run `make book` first")
        return 1
    if not executable():
        print("no Chromium or Chrome on this machine; on Debian: apt-get install chromium")
        return 1
    start = time.perf_counter()
    text, headings = document()
    joined = SITE / "joined.html"
    joined.write_text(text, encoding="utf-8")
    try:
        with chromium() as browser, print_book(browser.new_page(), joined, headings) as book:
            book.remove_unreferenced_resources()
            book.save(
                OUTPUT,
                compress_streams=True,
                recompress_flate=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
            pages = len(book.pages)
    finally:
        for path in between(joined):
            path.unlink(missing_ok=True)
    size = OUTPUT.stat().st_size / 1e6
    print(f"{OUTPUT}: {pages} pages, {size:.1f} MB, in {time.perf_counter() - start:.0f} s")
    if size > HEAVIEST:
        print(f"that is more than {HEAVIEST:g} MB: say in site.css what paper does not need")
    return int(size > HEAVIEST)


if __name__ == "__main__":
    sys.exit(main())
