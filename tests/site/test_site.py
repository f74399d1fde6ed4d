"""The built site, in a real browser."""

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import address as houses  # tools/address.py
import browser as tools  # tools/browser.py
import pytest
import rules
from conftest import ROOT, visits
from coursework import Assignment, names
from test_pdf import PRINTED

# The longest page first: the last ones to be looked at should be short.
PAGES = sorted(tools.pages(), key=lambda page: -(tools.SITE / page).stat().st_size)
PAGES = PAGES or ["book/index.html"]
every_page = pytest.mark.parametrize("path", PAGES)


@every_page
def test_page(path, address, site, visit, subtests):
    look_at(path, address, site, visit, subtests)


# Mathematics with sliders and code, terms and figures; and a page with a script of its own.
OF_EACH_KIND = [
    "book/linear/tails.html",
    "book/perspective/laboratory.html",
]


@pytest.mark.parametrize("path", OF_EACH_KIND)
def test_a_page_in_the_browser_that_readers_have(path, address, site, with_window, subtests):
    """Where the engine alone has looked at all of them."""
    if tools.executable() == tools.executable(window=True):
        pytest.skip("every page is looked at in it, by test_page")
    with visits(with_window) as visit:
        look_at(path, address, site, visit, subtests)


def look_at(path, address, site, visit, subtests):
    """Look at a page: served to a desk, in light and dark; from disk, on a phone and on paper."""
    page = visit(f"{address}/{path}")
    heard = rules.loads(page, address)  # before anything is moved
    late = rules.first_screen(page)
    at_a_desk = (rules.source, rules.words, rules.figures, rules.sliders, rules.jumps)
    at_a_desk += (rules.folds, rules.code)
    for rule in at_a_desk:
        with subtests.test(rule.__name__):
            assert rule(page) == []
    with subtests.test("loads"):
        assert heard == []
    with subtests.test("accessible"):
        assert rules.accessible(page) == []
    with subtests.test("troubles"):
        assert page.troubles == []

    # A phone gets the page from disk: what it sees is the same, and nothing is served to it.
    page = visit((site / path).as_uri(), width=390, height=844)
    late += rules.first_screen(page)
    with subtests.test("first screen, at a desk and on a phone"):
        assert late == []
    on_a_phone = (rules.source, rules.sliders, rules.jumps, rules.wide, rules.scrolling)
    for rule in on_a_phone:
        with subtests.test(f"{rule.__name__} on a phone, from disk"):
            assert rule(page) == []
    with subtests.test("troubles on a phone, from disk"):
        assert page.troubles == []

    if path.removesuffix(".html") in PRINTED:
        with subtests.test("on paper"):
            assert rules.paper(page) == []


def test_text_has_its_place_before_the_page_is_complete(address, visit):
    """A long page is painted while it comes in, and the column beside the text comes last."""
    page = visit(f"{address}/book/linear/mechanism.html")
    text = page.query_selector("article")
    beside = page.query_selector(".bd-sidebar-secondary")
    for width in (390, 820, 1200, 1280, 1311, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        # For a moment the new page may still have the bar with which it scrolls.
        tools.until(page, "width => document.documentElement.clientWidth === width", width)
        tools.still(page)
        complete = text.bounding_box()
        place = beside.evaluate_handle(
            "e => { const at = [e.parentElement, e.nextSibling]; e.remove(); return at; }"
        )
        assert text.bounding_box() == complete, width
        place.evaluate("([parent, next], e) => parent.insertBefore(e, next)", beside)


def test_the_site_keeps_the_secrets_of_the_coursework(site):
    """No master notebook, no solution, no hidden test: not as a page, a source or an index."""
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".js", ".ipynb", ".txt")]
    assert not [path for path in files if path.stem in ("master", "wrong")]
    texts = {path: plain(path.read_text(encoding="utf-8", errors="replace")) for path in files}
    assignments = [Assignment(name) for name in names()]
    tests = [t for one in assignments for question in one.graded for t in question.tests]
    shown = {test.name for test in tests if not test.hidden}
    for assignment in assignments:
        secrets = assignment.secrets
        for path, text in texts.items():
            page = path.stem == assignment.name and "coursework" in path.parts[-2:]
            sought = {s for s in secrets if page or (s.startswith("test_") and s not in shown)}
            assert not [s for s in sought if stands_in(text, s)], path


def plain(text):
    """Return the text of a page as its reader sees it."""
    return unescape(re.sub(r"<[^>]+>", "", text))


def stands_in(text, secret):
    """Say whether `secret` stands in the text, and not only as part of a longer name."""
    return secret in text and re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None


def test_secrets_are_found_on_a_page():
    text = plain("<span>def</span> test_rate_of_<b>x</b>(): return 2 &lt; 3")
    assert stands_in(text, "test_rate_of_x") and stands_in(text, "return 2 < 3")
    assert not stands_in(text, "test_rate")


@every_page
def test_launch_buttons_open_this_page(path, site):
    text = (site / path).read_text(encoding="utf-8")
    notebook = f"{path.removesuffix('.html')}.ipynb"
    links = {unquote(link) for link in re.findall(r'href="([^"]*)"', text)}
    links = {link for link in links if "mybinder.org" in link or "colab." in link}
    if not (ROOT / notebook).exists():
        assert not links
        return
    repository, binder, colab, _ = houses.forms(houses.current())
    assert links == {
        f"https://mybinder.org/v2/{binder}/main?urlpath=lab/tree/{notebook}",
        f"https://colab.research.google.com/{colab}/blob/main/{notebook}",
    }
    assert f'href="https://{repository}"' in text
    # the cell that serves Colab alone is the first of the notebook, and not in the book
    first = json.loads((ROOT / notebook).read_text(encoding="utf-8"))["cells"][0]
    assert "google.colab" in "".join(first["source"])
    assert "google.colab" not in text


def test_every_file_is_named_by_a_page_a_style_or_a_script(site):
    texts = {
        p: p.read_text("utf-8") for p in site.rglob("*") if p.suffix in (".html", ".css", ".js")
    }
    assert [
        path
        for path in site.rglob("*")
        if path.is_file()
        and path.relative_to(site).parts[0] != "lite"
        and path.name not in (".buildinfo", "objects.inv", "robots.txt", "sitemap.xml")
        if not any(path.name in text for other, text in texts.items() if other != path)
    ] == []


def test_search_knows_every_page_by_its_title(address, visit):
    page = visit(f"{address}/search.html?q=margin")
    page.wait_for_selector("#search-results li a")
    for path in PAGES:
        text = (tools.SITE / path).read_text(encoding="utf-8")
        title = re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)<a", text, re.DOTALL)[1])
        found = page.evaluate(
            "title => Search._performSearch(...Search._parseQuery(title)).map(hit => hit[0])", title
        )
        assert path.removesuffix(".html") in found, title


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("top speed of adam", "book/frontier/adam_and_decay#thm-adam-speed"),
        ("price decay", "book/frontier/adam_and_decay#thm-price-of-decay"),
        ("separable", "book/notation#term-separable"),
    ],
)
def test_search_finds_theorems_and_terms(words, place, address, visit):
    page = visit(f"{address}/search.html?q=margin")
    page.wait_for_selector("#search-results li a")
    hits = page.evaluate(
        "words => Search._performSearch(...Search._parseQuery(words)).map(hit => hit[0] + hit[2])",
        words,
    )
    assert place in hits[-12:], hits[-12:]  # the best ones stand last


RESULT = r'<div class="proof (?:theorem|proposition|lemma)[^"]*" id="([^"]+)">'
TITLE = r'\s*<p class="admonition-title">(.*?)</p>'


def test_every_titled_result_of_a_page_is_an_object_of_the_search(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    anchors = {(one[0], one[3]) for places in index["objects"].values() for one in places}
    missing, results = [], 0
    for number, docname in enumerate(index["docnames"]):
        page = (site / f"{docname}.html").read_text("utf-8")
        found = re.findall(RESULT + TITLE, page, re.DOTALL)
        assert [name for name, _ in found] == re.findall(RESULT, page), "each has a title"
        assert len(found) == len(re.findall(r'class="proof (?:theorem|proposition|lemma)\b', page))
        results += len(found)
        for name, title in found:
            if "(" in plain(title) and (number, name) not in anchors:
                missing.append(f"{docname}#{name}")
    assert missing == [] and len(anchors) > 100 and results > 50


def test_the_wheel_beside_the_book_installs_without_an_index(address, tmp_path):
    """What the first cell of a notebook does on a hosted machine."""
    found = ["--no-index", "--find-links", f"{address}/packages/", "ibias"]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--target", str(tmp_path), *found], check=True)
    code = "import ibias; print(ibias.__file__)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = [sys.executable, "-P", "-c", code]
    said = subprocess.run(run, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert Path(said.stdout.strip()).is_relative_to(tmp_path), said.stderr


def test_search_works_from_disk(site, visit):
    page = visit(f"{(site / 'search.html').as_uri()}?q=nuclear")
    page.wait_for_selector("#search-results li a")
    links = [a.get_attribute("href") for a in page.query_selector_all("#search-results li a")]
    assert any("nuclear_norm.html" in link for link in links)


def test_search_finds_a_page(address, visit):
    page = visit(f"{address}/search.html?q=gradient")
    page.wait_for_selector("#search-results li a")
    assert page.query_selector("#search-results li a").get_attribute("href").count("book/")
    assert page.troubles == []


def test_the_first_page_leads_to_the_book(address, visit):
    page = visit(address)
    page.wait_for_url("**/book/index.html")
    assert page.query_selector("h1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_take_the_ground_of_the_page(scheme, address, visit):
    """White in the file is the page's colour on the screen, in light and in dark."""
    path = next((p for p in PAGES if "<figure" in (tools.SITE / p).read_text("utf-8")), None)
    if path is None:
        pytest.skip("no page has a figure")
    page = visit(f"{address}/{path}", scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    image = page.query_selector("article figure .vector svg")
    image.scroll_into_view_if_needed()
    tools.still(page)
    box = image.bounding_box()
    corner = {"x": box["x"] - 6, "y": box["y"] - 2, "width": 12, "height": 8}
    page.screenshot(clip=corner, path=ROOT / "_build" / "corner.png")
    from PIL import Image

    colours = Image.open(ROOT / "_build" / "corner.png").convert("RGB").getcolors()
    channels = list(zip(*(colour for _, colour in colours), strict=True))
    assert max(max(channel) - min(channel) for channel in channels) <= 3, colours
