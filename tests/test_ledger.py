"""The ledger is whole, and it agrees with the notebooks of the book."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml
from atlas import linked, table  # book/_ext/atlas.py
from ledger import check_anchor  # book/_ext/ledger.py
from pybtex.database import parse_file

from ibias.atlas import ENTRIES
from ibias.claims import DOCUMENTS, KINDS, VERDICTS, Claim, faults, ledger, standings

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
MAP = BOOK / "perspective" / "map.ipynb"
CLAIMS = ledger().values()
AUDITED = {"S000": 38, "S001": 38, "S002": 26, "S003": 23}
PAGES = {
    "setup": "primer interpolation",
    "linear": "max_margin mechanism rates tails steps regularization_path faster variations"
    " past_separation whole_theorem",
    "geometry": "steepest_descent mirror_descent adaptive_methods linear_networks initial_scale",
    "matrix_factorization": "nuclear_norm depth limits",
    "homogeneous": "margin deep_linear mean_field",
    "stochasticity": "sgd label_noise normalization sharpness",
    "frontier": "spectral_descent adam_and_decay large_steps many_features task_after_task saddles"
    " grokking next_token attention collapse shallow_functions",
    "perspective": "deep_networks double_descent without_gradients the_falsifier map"
    " claims sources",
}
PAGES = {f"{chapter}/{page}" for chapter, pages in PAGES.items() for page in pages.split()}


def each(claims: object = CLAIMS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("claim", claims, ids=lambda claim: claim.id)


# ---- the ledger by itself -------------------------------------------------------------------


def test_the_audited_claims_are_all_there_in_order():
    expected = [f"{document}-{k + 1}" for document, n in AUDITED.items() for k in range(n)]
    assert [claim.id for claim in CLAIMS if claim.document != "book"] == expected
    assert len(expected) == 125


def test_ids_are_unique():
    text = (ROOT / "ibias" / "claims.yml").read_text(encoding="utf-8")
    repeated = [
        k for k, n in Counter(entry["id"] for entry in yaml.safe_load(text)).items() if n > 1
    ]
    assert not repeated


@each()
def test_an_entry_is_well_formed(claim: Claim):
    assert claim.document in DOCUMENTS
    assert claim.id.startswith("B-" if claim.document == "book" else f"{claim.document}-")
    assert re.fullmatch(r"S00[0-3]-\d+|B-[a-z0-9][a-z0-9-]*", claim.id)
    assert claim.verdict in VERDICTS
    assert claim.page in PAGES
    assert len(set(claim.reference)) == len(claim.reference)


@each()
def test_an_entry_is_run_with_a_kind_or_says_why_not(claim: Claim):
    assert bool(claim.kind) != bool(claim.not_run)
    if claim.kind:
        assert claim.kind in KINDS
    else:
        assert is_prose(claim.not_run)
        assert not claim.same_as


@each()
def test_claim_and_correct_statement_are_sentences_with_whole_formulas(claim: Claim):
    for text in (claim.claim, claim.correct):
        assert is_prose(text)
        assert text.count("$") % 2 == 0
        assert text.count("{") == text.count("}")
        assert len(text) < 600


@each([claim for claim in CLAIMS if claim.same_as])
def test_a_repeated_claim_shares_page_kind_and_verdict(claim: Claim):
    original = ledger()[claim.same_as]
    assert not original.same_as, "name the first claim, not one that repeats it"
    assert (claim.page, claim.kind) == (original.page, original.kind)
    assert claim.verdict == original.verdict


def is_prose(text: str) -> bool:
    """Say whether `text` is at least one sentence of four words, free of stray blanks."""
    starts = text[0].isupper() or text[0] == "$"
    return len(text.split()) >= 4 and text[-1] == "." and starts and "  " not in text


def test_prose_is_recognised():
    assert is_prose("It is a metaphor.")
    for text in ("n/a.", "history and opinion mixed.", "It is a metaphor", "It is  a metaphor."):
        assert not is_prose(text)


# ---- the bibliography -----------------------------------------------------------------------

BIBLIOGRAPHY = parse_file(str(BOOK / "references.bib")).entries


@each()
def test_references_are_in_the_bibliography(claim: Claim):
    assert [key for key in claim.reference if key not in BIBLIOGRAPHY] == []


@each([claim for claim in CLAIMS if claim.kind and claim.document != "book"])
def test_a_claim_that_is_run_names_a_source(claim: Claim):
    assert claim.reference


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_an_entry_of_the_bibliography_is_whole(key: str):
    entry = BIBLIOGRAPHY[key]
    assert entry.fields["title"] and entry.persons["author"] and int(entry.fields["year"])
    surname = "".join(entry.persons["author"][0].last_names).lower()
    surname = re.sub(r"[^a-z]", "", unicodedata.normalize("NFD", surname))
    assert re.fullmatch(surname + r"\d{4}[a-z]*", key)
    if number := entry.fields.get("eprint"):
        assert re.fullmatch(r"\d{4}\.\d{4,5}", number)
        assert entry.fields["archiveprefix"] == "arXiv"


def test_no_paper_stands_twice_in_the_bibliography():
    titles = Counter(entry.fields["title"].lower() for entry in BIBLIOGRAPHY.values())
    numbers = Counter(e.fields["eprint"] for e in BIBLIOGRAPHY.values() if "eprint" in e.fields)
    assert not [k for k, n in (titles + numbers).items() if n > 1]


def test_the_bibliography_is_sorted():
    assert list(BIBLIOGRAPHY) == sorted(BIBLIOGRAPHY)


CITED = re.compile(r"\{cite:\w+\}`([^`]+)`")


def keys_in(text: str) -> set[str]:
    return {key.strip() for keys in CITED.findall(text) for key in keys.split(",")}


def test_every_entry_of_the_bibliography_is_cited_and_the_other_way_round():
    assert keys_in("as {cite:p}`a2001x,b2002y` and {cite:t}`c2003z` say") == {
        "a2001x",
        "b2002y",
        "c2003z",
    }
    pages = [path for kind in ("*.ipynb", "*.md") for path in BOOK.rglob(kind)]
    cited = {key for claim in CLAIMS for key in claim.reference}
    for path in pages:
        cited |= keys_in(path.read_text(encoding="utf-8"))
    assert cited == set(BIBLIOGRAPHY)


# ---- ledger and notebooks -------------------------------------------------------------------


def test_ledger_and_notebooks_agree():
    assert faults(BOOK) == []


def test_every_claim_is_checked_or_says_why_not():
    for standing in standings(BOOK).values():
        expected = "not run" if standing.claim.not_run else "checked"
        assert standing.state == expected, standing.claim.id


# ---- links from the pages to the checks -----------------------------------------------------

TO_CHECK = re.compile(r"\{check\}`([^`]+)`")


def prose(page: Path) -> str:
    """Return the Markdown of a page."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@pytest.mark.parametrize(
    "page",
    [page for page in sorted(BOOK.rglob("*")) if page.suffix in (".md", ".ipynb")],
    ids=lambda page: page.relative_to(BOOK).as_posix(),
)
def test_links_to_checks_lead_to_a_check(page: Path):
    assert [name for name in TO_CHECK.findall(prose(page)) if not check_anchor(BOOK, name)] == []


def test_the_anchor_of_a_check_is_that_of_the_line_which_serves_the_claim():
    assert check_anchor(BOOK, "S000-6") == "check-S000-6"
    for name in ("S000-99", "S000-36", "S000-37"):  # unknown, not run, not run
        assert check_anchor(BOOK, name) is None


def test_every_cell_of_the_map_links_to_a_check():
    assert prose(MAP).count("```{atlas}") == 1  # book/_ext/atlas.py writes the table there
    heading, *rows = (line for line in table(ENTRIES) if line.startswith("* - "))
    assert len(rows) == len(ENTRIES) > 25 and heading == "* - model and loss"
    for entry in ENTRIES:
        setting, method, *results = map(linked, entry.cells)
        assert setting and method and len(results) == 3
        assert all(TO_CHECK.search(cell) for cell in results), entry.key
        assert [name for name in entry.claims if not check_anchor(BOOK, name)] == []
