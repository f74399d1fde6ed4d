"""What a page gives: how long it takes, and its results with links to their checks."""

import re

import browser as tools  # tools/browser.py
import pytest
from conftest import ROOT

from ibias.claims import standings

LESSONS = [
    page
    for page in tools.pages()
    if (ROOT / page).with_suffix(".ipynb").exists()
    and not page.startswith(("book/coursework/", "book/index"))
]


@pytest.mark.parametrize("path", LESSONS)
def test_a_page_says_how_long_it_takes_and_where_its_results_are_checked(path, site):
    text = (site / path).read_text(encoding="utf-8")
    (above,) = re.findall(r'<div class="gives[^"]*">(.*?)</div>', text, re.DOTALL)
    assert re.search(r"It takes </strong>\d+ (h|min)", above)
    assert 0 < text.index("</h1>") < text.index(above)
    boxes = re.findall(r'<div class="results[^"]*">(.*?)</div>', text, re.DOTALL)
    linked = set(re.findall(r'href="#check-([\w-]+)"', "".join(boxes)))
    assert all(f'id="check-{claim}"' in text for claim in linked)
    page = path.removeprefix("book/").removesuffix(".html")
    there = [s for s in STANDINGS if s.claim.page == page and s.state == "checked"]
    own = {standing.claim.id for standing in there}
    assert own <= linked | {s.claim.id for s in there if s.claim.same_as in own}
    assert len(boxes) == bool(there)


STANDINGS = list(standings(ROOT / "book").values())
