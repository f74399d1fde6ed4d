"""Figures are drawings, and can be taken along with what they say."""

import xml.etree.ElementTree as ET
from io import BytesIO

import browser as tools  # tools/browser.py
import pytest
from PIL import Image

PAGE = "book/linear/tails.html"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(address, chromium):
    context = chromium.new_context(
        accept_downloads=True, permissions=["clipboard-read", "clipboard-write"]
    )
    yield tools.visit(context, f"{address}/{PAGE}")
    context.close()


def bar(page, of):
    """Return the buttons below a figure or a slider, by what they say."""
    holder = page.query_selector(of)
    holder.scroll_into_view_if_needed()
    return {one.text_content(): one for one in holder.query_selector_all(".take button")}


def saved(page, button):
    button.focus()
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    return started.value.suggested_filename, started.value.path().read_bytes()


@pytest.mark.parametrize("of", ["figure:has(.vector)", ".slider"])
def test_a_figure_is_saved_as_it_stands(of, page):
    name, data = saved(page, bar(page, of)["SVG"])
    root = ET.fromstring(data)
    assert name.endswith(".svg") and root.tag == f"{SVG}svg"
    title, said = root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text
    assert title == page.query_selector(f"{of} svg:not([hidden] svg)").get_attribute("aria-label")
    assert len(said) > 3 and "\\\\" not in said
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert links and {link.removeprefix("#") for link in links} <= ids, "its letters are inside"
    told = page.query_selector(f"{of} .take output")
    tools.until(page, "e => e.textContent.startsWith('Saved as ')", told)
    assert told.get_attribute("aria-live") == "polite"

    name, data = saved(page, bar(page, of)["PNG"])
    picture = Image.open(BytesIO(data)).convert("RGB")
    size = root.get("width"), root.get("height")
    assert picture.width == pytest.approx(3 * float(size[0]), abs=3)
    assert picture.height > 3 * float(size[1]), "the caption stands below"
    assert picture.getpixel((1, 1)) == (255, 255, 255)
    assert len(picture.getcolors(1_000_000)) > 20
    assert page.troubles == []


def test_a_figure_is_copied_with_its_caption(page):
    of = "figure:has(.vector)"
    bar(page, of)["copy figure"].click()
    told = page.query_selector(f"{of} .take output")
    tools.until(page, "e => e.textContent === 'Copied, with its caption.'", told)
    kinds = page.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const text = await (await item.getType("text/plain")).text();
            return [item.types, text, (await item.getType("image/png")).size];
        }"""
    )
    assert {"image/png", "text/plain"} <= set(kinds[0]) and kinds[2] > 10_000
    assert kinds[1].startswith("Fig.")
