"""A deck is one file that needs nothing else, and shows what the page shows."""

import re

import pytest
import slides  # tools/slides.py
from bs4 import BeautifulSoup

PAGES = [
    "book/linear/max_margin",  # a slider, and a list of checks longer than a slide
    "book/geometry/mirror_descent",
    "book/homogeneous/mean_field",  # formulas in headings
    "book/perspective/map",  # a table longer than a slide
]


@pytest.fixture(scope="module", params=PAGES)
def deck(request, site, tmp_path_factory):
    path = tmp_path_factory.mktemp("deck") / "deck.html"
    path.write_text(slides.deck(request.param), encoding="utf-8")
    return path, (site / f"{request.param}.html").read_text(encoding="utf-8")


def test_every_theorem_figure_slider_and_check_is_shown(deck):
    path, page = deck
    shown = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for aside in shown.select("aside"):
        aside.decompose()
    article = BeautifulSoup(page, "html.parser").select_one("article")
    kinds = (".theorem", ".proposition", ".slider", ".checks > li", "figure", ".exercise", "td")
    for kind in kinds:
        assert len(shown.select(kind)) == len(article.select(kind)), kind
    assert not shown.select(".cell_input")


def test_a_deck_runs_alone_and_its_sliders_move(deck, visit):
    path, _ = deck
    page = visit(path.as_uri(), width=1100, height=720)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.troubles == []
    assert [r.url for r in page.responses if not r.url.startswith("data:")] == [path.as_uri()]
    number = page.evaluate(
        """() => Reveal.getSlides().findIndex(slide => slide.querySelector(".slider"))"""
    )
    page.evaluate(f"Reveal.slide({number})")
    slider = page.locator("section.present .slider")
    said = slider.locator("output").text_content()
    slider.locator("input").press("ArrowRight")
    assert slider.locator("output").text_content() != said
    assert slider.locator("svg").locator("visible=true").count() >= 1


def test_every_slide_is_a_slide_whole_on_the_screen_and_large_enough_to_read(deck, visit):
    path, _ = deck
    page = visit(path.as_uri(), width=1280, height=720)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    shown = page.evaluate(
        """() => Reveal.getSlides().map((_, number) => {
            Reveal.slide(number);
            const slide = Reveal.getCurrentSlide();
            const small = [...slide.querySelectorAll(".statement, td, figcaption p, .told p")].map(
                e => parseFloat(getComputedStyle(e).fontSize) * e.currentCSSZoom);
            return {place: Reveal.getIndices().h, empty: !slide.innerText.trim(),
                over: slide.scrollHeight - slide.clientHeight, least: Math.min(...small, 99)};
        })"""
    )
    assert [one["place"] for one in shown] == list(range(len(shown))), "a slide inside a slide"
    for one in shown:
        assert not one["empty"] and one["over"] <= 1 and one["least"] >= 12, one


def test_headings_are_as_the_page_has_them_and_nothing_of_its_controls_is_left(deck):
    path, page = deck
    shown = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    assert not shown.select(".headerlink, .to-code, .try-it, .take")
    article = BeautifulSoup(page, "html.parser").select_one("article")
    for link in article.select(".headerlink"):
        link.decompose()
    titles = {heading.decode_contents() for heading in article.select("h1, h2, h3, h4")}
    headings = {heading.decode_contents() for heading in shown.select(".slides h1, .slides h2")}
    assert headings <= titles


def test_the_prose_is_in_the_notes(deck):
    path, _ = deck
    notes = re.findall(r"<aside class=.notes.>(.*?)</aside>", path.read_text("utf-8"), re.DOTALL)
    assert len(notes) >= 4 and "<p>" in notes[0]


def test_a_formula_that_goes_on_stays_on_its_slide():
    page = """<article><section><h1>Page</h1><section><h2>Part</h2><p>Least.</p>
    <div class="math">min</div><div class="math">subject to</div><p>So.</p>
    <div class="math">another</div></section></section></article>"""
    made = slides.slides(BeautifulSoup(page, "html.parser").article)
    assert [len(one.shown) for one in made] == [0, 2, 1]


def test_the_number_of_a_slide_is_not_under_the_arrows(deck, visit):
    page = visit(deck[0].as_uri(), width=1280, height=720)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    number, arrows = (
        page.locator(f".reveal > {one}").bounding_box() for one in (".slide-number", ".controls")
    )
    assert number["x"] + number["width"] < arrows["x"]
