"""The book on paper: every page once, every link inside it leads somewhere."""

import io
import re
from functools import cache

import browser as tools  # tools/browser.py
import outline  # tools/outline.py
import paper  # tools/paper.py
import pdf  # tools/pdf.py
import pikepdf
import pytest
from bs4 import BeautifulSoup

ID = re.compile(r'\bid="([^"]*)"')
PRINTED = {page for _, pages in paper.chapters() for page in pages}


def test_every_part_is_printed_but_coursework_and_package(site):
    assert {"book/index", "book/linear/max_margin", "book/references"} <= PRINTED
    assert not [page for page in PRINTED if page.startswith(("book/coursework", "book/api"))]
    # test_page looks whether anything of them is cut at the edges of the paper
    assert {f"{page}.html" for page in PRINTED} <= set(tools.pages())


@pytest.mark.parametrize("page", ["book/setup/primer", "book/perspective/claims"])
def test_a_page_keeps_its_links_and_unfolds(page, site):
    body = paper.article(page, PRINTED)
    assert body.h1.get_text().strip()
    ids = [tag["id"] for tag in body.find_all(id=True)]
    assert len(ids) == len(set(ids)) and all(name.startswith(paper.anchor(page)) for name in ids)
    assert all("open" in details.attrs for details in body.find_all("details"))
    links = [tag["href"] for tag in body.find_all(href=True)]
    inside = [link[1:] for link in links if link.startswith("#")]
    assert inside
    for link in links:
        assert link.startswith(("#", "https://", "mailto:")), "a place on the printer's own disk"
        assert not link.startswith("https://") or "/.." not in link, link
    anchors = {paper.anchor(one): one for one in PRINTED}
    assert len(anchors) == len(PRINTED)
    places = cache(lambda there: set(ID.findall((site / f"{there}.html").read_text("utf-8"))))
    for link in inside:
        target, _, place = link.partition("--")
        assert target in anchors and (not place or place in places(anchors[target])), link
    for image in body.find_all("img"):
        assert (site / image["src"]).exists()


SMALL = [
    ("", ["book/index"]),
    ("Linear models", ["book/linear/max_margin", "book/linear/past_separation"]),
    ("Perspective", ["book/homogeneous/mean_field", "book/perspective/claims"]),
    ("Reference", ["book/references"]),
]


@pytest.fixture(scope="module")
def small(site, chromium):
    """A book of six pages: its document, its headings, and what is printed of it."""
    joined = site / "joined-for-tests.html"
    try:
        text, headings = paper.document(SMALL)
        joined.write_text(text, encoding="utf-8")
        with pdf.print_book(chromium.new_page(), joined, headings, SMALL) as book:
            yield text, headings, book
    finally:
        for path in pdf.between(joined):
            path.unlink(missing_ok=True)


def test_all_that_is_named_in_the_joined_document_is_there(small):
    """Letters, points and clipped curves of a drawing are named, and so are labels and links."""
    text, _, _ = small
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    for way in ('xlink:href="#', "url(#", ' href="#'):
        named = set(re.findall(rf"{re.escape(way)}([^\")]*)", text))
        assert named and named <= set(ids), way
    for way in paper.NAMES:
        assert set(" ".join(re.findall(rf'\b{way}="([^"]*)"', text)).split()) <= set(ids), way


def test_paper_shows_positions_of_a_slider_and_none_of_the_controls(small, site):
    body = BeautifulSoup(small[0], "html.parser")
    assert not body.select(".slider, input, button, script, .headerlink, .try-it")
    page = BeautifulSoup((site / "book/linear/max_margin.html").read_text("utf-8"), "html.parser")
    texts = [figcaption.get_text() for figcaption in body.select(".stills figcaption")]
    first, last = (f"log t: {page.select_one('.slider output').get_text()}", "log t: 10000")
    assert first in texts and last in texts
    assert all(still.svg for still in body.select(".stills > figure"))


def test_the_outline_has_the_parts_and_the_words_of_the_page(small):
    _, headings, book = small
    with book.open_outline() as outline:
        front, index, *parts = outline.root
        assert front.title == "Contents"
        assert [part.title for part in parts] == [name for name, _ in SMALL if name]
        chapters = [index, *(chapter for part in parts for chapter in part.children)]
        assert [one.title for one in chapters] == [title for level, title in headings if level == 1]
        assert "Both layers: the F1 margin" in [one.title for one in chapters[3].children]


def test_the_contents_say_where_a_chapter_begins(small):
    book = small[2]
    numbers = outline.page_numbers(book, SMALL)
    order = [numbers[paper.anchor(page)] for _, pages in SMALL for page in pages]
    assert order == sorted(set(order)) and order[0] > 2
    drawn = [str(operator) for _, operator in pikepdf.parse_content_stream(book.pages[1])]
    assert drawn.count("Do") >= 2, "the names, and over them the numbers"


def test_no_entry_of_the_ledger_has_a_page_of_its_own(small):
    text, _, book = small
    numbers = outline.page_numbers(book, SMALL)
    pages = numbers["book-references"] - numbers["book-perspective-claims"]
    assert pages < text.count('class="ledger-entry"') / 2


def test_pictures_that_are_alike_are_kept_once(small):
    saved = io.BytesIO()
    small[2].save(saved)
    with pikepdf.open(saved) as book:
        streams = (one for one in book.objects if isinstance(one, pikepdf.Stream))
        images = [one.read_raw_bytes() for one in streams if one.get("/Subtype") == "/Image"]
    assert images and len(images) == len(set(images))


def test_a_page_on_paper_has_its_title_white_ground_and_whole_lines(address, visit):
    page = visit(f"{address}/book/linear/max_margin.html", scheme="dark")
    page.emulate_media(media="print")
    title = page.query_selector("article h1")
    assert title.is_visible() and title.text_content().strip()
    ground = "getComputedStyle(document.body).backgroundColor"
    page.wait_for_function(f"{ground} === 'rgb(255, 255, 255)'")
    cut = """() => [...document.querySelectorAll("article pre")]
        .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 80))"""
    page.set_viewport_size({"width": 660, "height": 900})  # the width of the paper's text
    assert page.evaluate(cut) == []
