"""A deck is one file that needs nothing else, and shows what the page shows."""

import re

import pytest
import slides  # tools/slides.py
from bs4 import BeautifulSoup


@pytest.fixture(scope="module", params=["book/linear/max_margin", "book/geometry/mirror_descent"])
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
    for kind in (".theorem", ".proposition", ".slider", ".checks > li", "figure", ".exercise"):
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


def test_the_prose_is_in_the_notes(deck):
    path, _ = deck
    notes = re.findall(r"<aside class=.notes.>(.*?)</aside>", path.read_text("utf-8"), re.DOTALL)
    assert len(notes) >= 5 and "<p>" in notes[0]
