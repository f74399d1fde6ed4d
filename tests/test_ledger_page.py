"""The page of the ledger, built from the committed claims over a planted book."""

import json
import re
import sys
from pathlib import Path

import pytest
from sphinx.testing.util import SphinxTestApp

from ibias.claims import ledger

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

CHECK = (
    "check   S000-28 | limit | distance to the smaller scale's entropy <= 0 (tolerance 0.01)"
    " | holds | [measured 0.0012]\n"
)
CONTROL = (
    "control S000-28 | limit | distance to the smaller scale's entropy <= 0 (tolerance 0.01)"
    " | fails: sampling noise: none | [measured 0.31]\n"
)
CONF = f"""
extensions = ["myst_nb", "sphinxcontrib.bibtex", "citations", "ledger"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
bibtex_bibfiles = [{str(ROOT / "book" / "references.bib")!r}]
bibtex_reference_style = "author_year"
html_static_path = [{str(ROOT / "book" / "_assets")!r}]
html_theme = "basic"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a book of three pages; return its folder of HTML and the warnings of the build."""
    source = tmp_path_factory.mktemp("site")
    book = source / "book"
    for folder in ("perspective", "stochasticity"):
        (book / folder).mkdir(parents=True)
    pages = ["perspective/claims", "stochasticity/sgd", "perspective/sources"]
    toc = "\n".join(["```{toctree}", *(f"book/{page}" for page in pages), "```"])
    (source / "index.md").write_text(
        f"# Book\n\n{toc}\n\nSee {{claim}}`S000-7`, {{check}}`S000-28`.\n"
    )
    (source / "conf.py").write_text(CONF + f"\nledger_book = {str(book)!r}\n")
    text = (ROOT / "book" / "perspective" / "claims.md").read_text(encoding="utf-8")
    (book / "perspective" / "claims.md").write_text(text, encoding="utf-8")
    (book / "perspective" / "sources.md").write_text("# Sources\n\n```{bibliography}\n```\n")
    stream = {"output_type": "stream", "name": "stdout", "text": CHECK + CONTROL}
    code = {"cell_type": "code", "metadata": {}, "source": "1", "execution_count": 1}
    title = {"cell_type": "markdown", "metadata": {}, "source": "# SGD"}
    notebook = {
        "cells": [title, code | {"outputs": [stream]}],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        },
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    (book / "stochasticity" / "sgd.ipynb").write_text(json.dumps(notebook))
    app = SphinxTestApp("html", srcdir=source)
    app.build()
    warnings = app.warning.getvalue()
    app.cleanup()
    return Path(app.outdir), warnings


@pytest.fixture(scope="module")
def page(built):
    return (built[0] / "book" / "perspective" / "claims.html").read_text(encoding="utf-8")


def article(page: str, claim_id: str) -> str:
    """Return the HTML of one entry."""
    return re.search(rf'<article[^>]*id="claim-{claim_id}".*?</article>', page, re.DOTALL)[0]


def test_the_page_builds_without_a_warning(built):
    assert built[1] == ""


def test_every_claim_has_one_entry(page):
    shown = re.findall(r'<article[^>]* id="claim-([^"]+)"', page)
    assert sorted(shown) == sorted(ledger())


def test_a_checked_claim_shows_its_values_and_links_to_the_check(page):
    entry = article(page, "S000-28")
    assert 'data-state="checked"' in entry
    assert "measured 0.0012" in entry and "measured 0.31" in entry
    assert 'href="../stochasticity/sgd.html#check-S000-28"' in entry
    assert "entropy ≤ 0 (tolerance 0.01)" in entry
    assert "fails without sampling noise; instead: none" in entry
    assert '<a class="reference internal" href="../stochasticity/sgd.html">SGD</a>' in entry


def test_a_planned_claim_says_so_and_links_nowhere(page):
    entry = article(page, "S000-13")
    assert 'data-state="planned"' in entry
    assert "The page linear/faster is not in the book yet." in entry
    assert "linear/faster.html" not in entry


def test_a_claim_that_is_not_run_says_why(page):
    entry = article(page, "S000-36")
    assert 'data-state="not run"' in entry
    assert "It is a metaphor" in entry


def test_a_repeated_claim_links_to_the_first(page):
    assert 'href="#claim-S000-13"' in article(page, "S003-10")


def test_entries_are_typeset_and_cited(page):
    entry = article(page, "S000-7")
    assert '<span class="math' in entry and "$" not in entry
    assert "Soudry" in entry and "sources.html" in entry


def test_the_summary_counts_what_the_page_shows(page):
    shown = re.findall(r'<article[^>]*data-verdict="wrong"', page)
    row = re.search(r"<p>wrong</p>.*?</tr>", page, re.DOTALL)[0]
    numbers = [int(number) for number in re.findall(r"<p>(\d+)</p>", row)]
    assert numbers[-1] == sum(numbers[:-1]) == len(shown)
    assert "Checked: 1. Checks that serve them: 1; controls: 1." in page


def test_a_page_links_into_the_ledger(built):
    index = (built[0] / "index.html").read_text(encoding="utf-8")
    assert 'href="book/perspective/claims.html#claim-S000-7"' in index
    assert "ledger.js" not in index


def test_a_page_links_to_the_very_check(built):
    index = (built[0] / "index.html").read_text(encoding="utf-8")
    assert 'href="book/stochasticity/sgd.html#check-S000-28"' in index


def test_without_scripts_no_dead_controls_are_shown(page):
    assert re.search(r'<form id="ledger-filter"[^>]* hidden></form>', page)
    assert "ledger.js" in page
