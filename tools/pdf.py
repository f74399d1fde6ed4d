"""Print the built book on paper: one file, in the order of the table of contents.

    python tools/pdf.py

Takes the pages of `_build/html` as they are, joins them into one document with a cover and
contents, lets the browser print it, and packs the result into `_build/book.pdf`. The pages of
the package and of the coursework stay on the screen.
"""

import sys
import time
from pathlib import Path
from typing import Any

import pikepdf
from browser import SITE, chromium, executable
from outline import nest, page_numbers, share_images
from paper import Parts, chapters, document
from pikepdf import Pdf

OUTPUT = SITE.parent / "book.pdf"
LONGEST = 300_000  # milliseconds that a busy machine may take to lay out the whole book
HEAVIEST = 15.0  # megabytes
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


def between(joined: Path) -> tuple[Path, Path, Path]:
    """Return the files on the way to the book: the document, the book raw, and the numbers."""
    return joined, joined.with_suffix(".raw.pdf"), joined.with_suffix(".numbers.pdf")


def print_book(page: Any, joined: Path, headings: list[tuple[int, str]], parts: Parts) -> Pdf:
    """Print the joined document, and then the numbers of the pages over its contents."""
    _, raw, numbers = between(joined)
    page.set_default_timeout(LONGEST)
    page.goto(joined.as_uri(), wait_until="load")
    page.evaluate("document.fonts.ready.then(() => true)")
    page.pdf(path=raw, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    book = pikepdf.open(raw)
    page.evaluate(FILL_IN, page_numbers(book, parts))
    page.pdf(path=numbers, prefer_css_page_size=True)
    with pikepdf.open(numbers) as over:
        for below, above in zip(book.pages, over.pages):  # noqa: B905  the contents come first
            below.add_overlay(above)
    nest(book, headings, parts)
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
    parts = chapters()
    text, headings = document(parts)
    joined = SITE / "joined.html"
    joined.write_text(text, encoding="utf-8")
    try:
        with chromium() as browser, print_book(browser.new_page(), joined, headings, parts) as book:
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
