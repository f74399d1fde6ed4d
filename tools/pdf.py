"""Print the built book on paper: one file, in the order of the table of contents.

    python tools/pdf.py

Takes the pages of `_build/html` as they are, joins them into one document with a cover and
contents, lets the browser print it, and packs the result into `_build/book.pdf`. The pages of
the package and of the coursework stay on the screen.
"""

import re
import sys
import time
from pathlib import Path
from posixpath import join, normpath

import pikepdf
import yaml
from browser import SITE, chromium, executable
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = SITE.parent / "book.pdf"
LEFT_OUT = ("book/coursework/", "book/api")
LONGEST = 300_000  # milliseconds that a busy machine may take to lay out the whole book
NUMBER = """<div style="font: 8pt Georgia, serif; width: 100%; text-align: center; color: #555">
<span class="pageNumber"></span></div>"""


def chapters() -> list[tuple[str, list[str]]]:
    """Return the parts of the book, each with its pages, as `_toc.yml` orders them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = [("", [toc["root"]])]
    parts += [(part["caption"], [c["file"] for c in part["chapters"]]) for part in toc["parts"]]
    kept = [(name, [p for p in pages if not p.startswith(LEFT_OUT)]) for name, pages in parts]
    return [(name, pages) for name, pages in kept if pages]


def anchor(page: str, name: str = "") -> str:
    """Return the id in the joined document of a page, or of a place on it."""
    return re.sub(r"\W+", "-", page) + (f"--{name}" if name else "")


def article(page: str, printed: set[str]) -> BeautifulSoup:
    """Return the article of a built page: ids and links made unique, everything unfolded."""
    soup = BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    body = soup.select_one("article.bd-article")
    folder = page.rpartition("/")[0]
    for tag in body.find_all(id=True):
        tag["id"] = anchor(page, tag["id"])
    for name in ("for", "aria-labelledby", "aria-describedby"):
        for tag in body.find_all(attrs={name: True}):
            tag[name] = anchor(page, tag[name])
    for tag in body.find_all(href=True):
        path, _, place = tag["href"].partition("#")
        target = normpath(join(folder, path)).removesuffix(".html") if path else page
        if target in printed:
            tag["href"] = f"#{anchor(target, place)}"
    for tag in body.find_all(src=True):
        if not tag["src"].startswith("data:"):
            tag["src"] = normpath(join(folder, tag["src"]))
    for details in body.find_all("details"):
        details["open"] = ""
    for tag in body.select(
        "script, .headerlink, .copybtn, .to-code, #ledger-filter, .bd-search, .cite-page, .try-it"
    ):
        tag.decompose()
    body["id"] = anchor(page)
    return body


def document() -> str:
    """Return the HTML of the whole book."""
    parts = chapters()
    printed = {page for _, pages in parts for page in pages}
    front = BeautifulSoup((SITE / f"{parts[0][1][0]}.html").read_text("utf-8"), "html.parser")
    head = "".join(str(tag) for tag in front.head.find_all("link", rel="stylesheet"))
    head = re.sub(r'href="(?:\.\./)*', 'href="', head)
    styles = {tag["href"] for page in printed for tag in _styles(page)}
    head += "".join(f'<link rel="stylesheet" href="{name}"/>' for name in sorted(styles))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    contents, bodies = [], []
    for name, pages in parts:
        articles = [article(page, printed) for page in pages]
        contents += [f"<h2>{name}</h2>"] if name else []
        for page, body in zip(pages, articles, strict=True):
            contents.append(f'<p><a href="#{anchor(page)}">{body.h1.get_text()}</a></p>')
        bodies += [str(body) for body in articles]
    return f"""<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"/>
<title>{config["title"]}</title>{head}<style>
article {{ break-before: page; }} .cover {{ height: 230mm; display: grid; align-content: center; }}
.cover h1 {{ font-size: 30pt; }} .contents p {{ margin: 1mm 0; }}
.contents h2 {{ font-size: 12pt; margin: 5mm 0 1mm; }}</style></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<section class="cover"><h1>{config["title"]}</h1><p>{config["author"]}</p>
<p><a href="{config["repository"]["url"]}">{config["repository"]["url"]}</a></p></section>
<section class="contents bd-article" style="break-before: page"><h1>Contents</h1>
{"".join(contents)}</section>{"".join(bodies)}</div></div></main></body></html>"""


def _styles(page: str) -> list:
    """Return the style sheets of one page that not every page has."""
    soup = BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    found = soup.head.find_all("link", rel="stylesheet")
    for tag in found:
        tag["href"] = re.sub(r"^(?:\.\./)*", "", tag["href"])
    return [tag for tag in found if re.search(r"katex|ledger|sphinx-design", tag["href"])]


def main() -> int:
    """Write `_build/book.pdf`; return the exit status."""
    if not (SITE / "index.html").exists():
        print("the site is not built: run `make book` first")
        return 1
    if not executable():
        print("no Chromium or Chrome on this machine; on Debian: apt-get install chromium")
        return 1
    start = time.perf_counter()
    joined, raw = SITE / "joined.html", SITE.parent / "raw.pdf"
    joined.write_text(document(), encoding="utf-8")
    try:
        with chromium() as browser:
            page = browser.new_page()
            page.set_default_timeout(LONGEST)
            page.goto(joined.as_uri(), wait_until="load")
            page.evaluate("document.fonts.ready.then(() => true)")
            page.pdf(
                path=raw,
                prefer_css_page_size=True,
                print_background=True,
                outline=True,
                tagged=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=NUMBER,
            )
        with pikepdf.open(raw) as book:
            book.remove_unreferenced_resources()
            book.save(
                OUTPUT,
                compress_streams=True,
                recompress_flate=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
            pages = len(book.pages)
    finally:
        joined.unlink()
        raw.unlink(missing_ok=True)
    size = OUTPUT.stat().st_size / 1e6
    print(f"{OUTPUT}: {pages} pages, {size:.1f} MB, in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
