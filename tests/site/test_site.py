"""The built site, in a real browser."""

import json
import re
from html import unescape
from urllib.parse import unquote

import address as houses  # tools/address.py
import browser as tools  # tools/browser.py
import pytest
from conftest import ROOT
from coursework import Assignment, names

PAGES = tools.pages() or ["book/index.html"]
HEAVIEST = {"prose": 450_000, "mathematics": 850_000, "sliders": 1_200_000}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

every_page = pytest.mark.parametrize("path", PAGES)


def move_sliders(page):
    """Move every slider by keyboard and by mouse; each move must change the figure."""
    for slider in page.query_selector_all(".slider"):
        control, said = slider.query_selector("input"), slider.query_selector("output")

        def shown(slider=slider, control=control, said=said):
            visible = [f for f in slider.query_selector_all(".frames > div") if f.is_visible()]
            assert len(visible) == 1
            picture = visible[0].query_selector("svg")
            assert picture.bounding_box()["height"] > 100
            assert said.text_content() == control.get_attribute("aria-valuetext")
            return picture.get_attribute("aria-label"), said.text_content()

        control.scroll_into_view_if_needed()
        control.focus()
        page.keyboard.press("Home")
        seen = [shown()]
        place = slider.query_selector(".frames").bounding_box()
        page.keyboard.press("ArrowRight")
        seen.append(shown())
        page.keyboard.press("End")
        seen.append(shown())
        box = control.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        seen.append(shown())
        assert len({text for _, text in seen}) >= min(4, int(control.get_attribute("max")) + 1)
        assert len({label for label, _ in seen}) >= min(4, int(control.get_attribute("max")) + 1)
        assert all(len(label) >= 30 for label, _ in seen)
        assert slider.query_selector(".frames").bounding_box()["height"] == place["height"]
        name = page.query_selector(f"label[for={control.get_attribute('id')}]").text_content()
        assert said.text_content() in announced(page)[name]


def announced(page):
    """Return what a screen reader says of each slider: its value, by its name.

    Chromium's protocol hands out the bytes of a text as letters, so both readings are returned.
    """
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    said = {}
    for node in nodes:
        if node.get("role", {}).get("value") == "slider":
            values = {item["name"]: item["value"].get("value") for item in node["properties"]}
            text = values["valuetext"]
            said[node["name"]["value"]] = (
                text,
                text.encode("latin-1", "replace").decode("utf-8", "replace"),
            )
    return said


def jumps(page):
    """Return by how much the page has moved under the reader, on the browser's own scale."""
    return page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list => done(
            list.getEntries().reduce((sum, entry) => sum + entry.value, 0)
        )).observe({type: "layout-shift", buffered: true}) || setTimeout(() => done(0), 200))"""
    )


@every_page
def test_page(path, address, visit):
    page = visit(f"{address}/{path}")
    page.wait_for_load_state("networkidle")
    assert page.troubles == []
    elsewhere = [r.url for r in page.responses if not r.url.startswith((address, "data:"))]
    assert elsewhere == []
    assert [r.url for r in page.responses if r.status >= 400] == []
    urls = [r.url.partition("?")[0] for r in page.responses]
    assert len(urls) == len(set(urls)), "something is loaded twice"

    # nothing is left as source, and mathematics is typeset in its own face
    prose = page.evaluate(
        """() => {
            const copy = document.querySelector("article").cloneNode(true);
            copy.querySelectorAll("pre, code, .katex-mathml").forEach(e => e.remove());
            return copy.textContent;
        }"""
    )
    assert not re.search(r"```|:::|\{[\w:]+\}`|\$|\\[a-zA-Z(]|\*\*\w[^*\n]*\*\*", prose)
    if page.query_selector(".katex"):
        assert page.evaluate("document.fonts.check('16px KaTeX_Main')")
    assert page.query_selector(".katex-error") is None

    # figures: each says what it shows
    for image in page.query_selector_all("article img"):
        assert len(image.get_attribute("alt") or "") >= 40
        assert image.evaluate("image => image.naturalWidth") > 0
        assert image.get_attribute("width") and image.get_attribute("height")

    # a line of 100 characters fits its box
    wide = """() => [...document.querySelectorAll(".cell_input pre")]
        .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 80))"""
    assert page.evaluate(wide) == []

    move_sliders(page)
    assert page.troubles == []
    assert jumps(page) < 0.05
    weight = sum(map(tools.weight, page.responses))
    assert weight <= HEAVIEST[tools.kind(page)], f"{weight / 1000:.0f} KB"


@every_page
def test_page_from_disk(path, site, visit):
    page = visit((site / path).as_uri())
    assert page.troubles == []
    if page.query_selector(".katex"):
        assert page.evaluate("document.fonts.check('16px KaTeX_Main')")
    move_sliders(page)


@every_page
def test_page_on_a_phone(path, address, visit):
    page = visit(f"{address}/{path}", width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    clipped = page.evaluate(
        """() => [...document.querySelectorAll("article *")]
            .filter(e => e.getClientRects().length && !e.closest("svg, .katex-mathml"))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .filter(e => {
                for (let box = e.parentElement; box; box = box.parentElement)
                    if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
                return true;
            })
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert clipped == [], "wider than the screen, and not in a box that scrolls"
    move_sliders(page)
    assert jumps(page) < 0.05
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll(".formula, .pst-scrollable-table-container")]
            .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 120))"""
    )
    assert scrolling == [], "split the formula with \\quad or in lines; shorten the table"


@pytest.mark.parametrize("width", [390, 820, 1200, 1280, 1311, 1440, 1920])
def test_text_has_its_place_before_the_page_is_complete(width, address, visit):
    """A long page is painted while it comes in, and the column beside the text comes last."""
    page = visit(f"{address}/book/linear/mechanism.html", width=width)
    text, beside = page.query_selector("article"), ".bd-sidebar-secondary"
    complete = text.bounding_box()
    page.evaluate(f"document.querySelector('{beside}').remove()")
    assert text.bounding_box() == complete


@every_page
def test_page_is_accessible(path, address, visit):
    """In the light, and when the reader's system turns dark."""
    page = visit(f"{address}/{path}")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        page.evaluate("Promise.all(document.getAnimations().map(colour => colour.finished))")
        found = page.evaluate(
            """async () => (await axe.run(document)).violations.flatMap(
                v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} | ${n.failureSummary}`))"""
        )
        assert found == [], scheme


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


@every_page
def test_a_page_loads_what_it_uses_and_no_more(path, address, visit):
    page = visit(f"{address}/{path}")
    page.wait_for_load_state("networkidle")
    loaded = {r.url.removeprefix(f"{address}/_static/").partition("?")[0] for r in page.responses}
    uses = {
        "katex/katex.css": ".katex",
        "slider.js": ".slider",
        "ledger.js": "#ledger-filter",
        "ledger.css": "#ledger-filter",
        "sphinx-design.min.css": "[class^=sd-]",
    }
    for name, selector in uses.items():
        assert (name in loaded) == bool(page.query_selector(selector)), name
    assert not any(re.search(r"thebe|toggle|searchtools|fontawesome|MathJax", n) for n in loaded)


def test_every_file_is_named_by_a_page_a_style_or_a_script(site):
    texts = {
        p: p.read_text("utf-8") for p in site.rglob("*") if p.suffix in (".html", ".css", ".js")
    }
    assert [
        path
        for path in site.rglob("*")
        if path.is_file()
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
    image = page.query_selector("article figure img")
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    corner = {"x": box["x"] - 6, "y": box["y"] - 2, "width": 12, "height": 8}
    page.screenshot(clip=corner, path=ROOT / "_build" / "corner.png")
    from PIL import Image

    colours = Image.open(ROOT / "_build" / "corner.png").convert("RGB").getcolors()
    channels = list(zip(*(colour for _, colour in colours), strict=True))
    assert max(max(channel) - min(channel) for channel in channels) <= 3, colours
