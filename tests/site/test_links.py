"""Links to the built site: descriptions, cards, canonical addresses, the sitemap."""

import re
from xml.etree import ElementTree

import browser as tools  # tools/browser.py
import pytest
import yaml
from conftest import ROOT
from sharing import FIRST  # book/_ext/sharing.py

BASE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]


@pytest.mark.parametrize("path", tools.pages() or ["book/index.html"])
def test_a_page_says_what_it_is_where_it_is_and_how_to_cite_it(path, site):
    text = (site / path).read_text(encoding="utf-8")
    meta = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)"', text))
    assert 40 <= len(meta["description"]) <= 260 and "\\" not in meta["description"]
    commands = set(re.findall(r"\\([a-zA-Z]{4,})", FIRST.search(text)[1]))
    assert not commands & set(re.findall("[a-z]+", meta["description"])), "TeX, not words"
    assert meta["og:title"] and meta["og:url"] == f"{BASE}/{path}"
    assert f'<link rel="canonical" href="{BASE}/{path}"' in text
    card = site / meta["og:image"].removeprefix(f"{BASE}/")
    assert card.read_bytes().startswith(b"\x89PNG") and card.stat().st_size < 200_000
    assert text.count('class="cite-page"') == 1


def test_the_sitemap_names_every_page(site):
    root = ElementTree.parse(site / "sitemap.xml").getroot()
    named = {place.text.removeprefix(f"{BASE}/") for place in root.iter() if "loc" in place.tag}
    assert named == set(tools.pages())
    assert f"{BASE}/sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")
