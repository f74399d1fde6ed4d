"""The book on paper: every page once, every link inside it leads somewhere."""

import pdf  # tools/pdf.py
import pytest

PRINTED = {page for _, pages in pdf.chapters() for page in pages}


def test_every_part_is_printed_but_coursework_and_package():
    assert {"book/index", "book/linear/max_margin", "book/references"} <= PRINTED
    assert not [page for page in PRINTED if page.startswith(("book/coursework", "book/api"))]


@pytest.mark.parametrize("page", ["book/setup/primer", "book/perspective/claims"])
def test_a_page_keeps_its_links_and_unfolds(page, site):
    body = pdf.article(page, PRINTED)
    assert body.h1.get_text().strip()
    ids = [tag["id"] for tag in body.find_all(id=True)]
    assert len(ids) == len(set(ids)) and all(name.startswith(pdf.anchor(page)) for name in ids)
    assert all("open" in details.attrs for details in body.find_all("details"))
    links = [tag["href"] for tag in body.find_all(href=True)]
    inside = [link[1:] for link in links if link.startswith("#")]
    assert inside
    assert not [link for link in links if link.partition("#")[0].endswith(".html")], "left behind"
    for link in inside:
        target, _, place = link.partition("--")
        (there,) = (one for one in PRINTED if pdf.anchor(one) == target)
        text = (site / f"{there}.html").read_text(encoding="utf-8")
        assert not place or f'id="{place}"' in text, link
    for image in body.find_all("img"):
        assert (site / image["src"]).exists()


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
