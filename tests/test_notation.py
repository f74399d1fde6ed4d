"""One letter for one thing: what the formulas of a page use stands in the page of notation."""

import json
import re
from pathlib import Path

import pytest

from ibias.claims import evidence, ledger

BOOK = Path(__file__).resolve().parents[1] / "book"
PAGES = [
    path.relative_to(BOOK).with_suffix("").as_posix()
    for path in sorted(BOOK.rglob("*.ipynb"))
    if "coursework" not in path.parts
]
LAW = {"k", "p", "t", "eta", "mu", "n", "d", "x", "y", "z", "w", "gamma", "hat w", "mathcal R"}

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\$)(.+?)(?<!\\)\$", re.DOTALL)
# Code, and what stands in a role.
CODE = re.compile(r"^(`{3,}|~{3,})python.*?^\1|(\{[\w:]+\})?`[^`\n]+`", re.DOTALL | re.MULTILINE)
# Words, and letters that are part of the name of a norm.
WORDS = re.compile(
    r"\\(?:text|operatorname|mathrm|label|tag|begin|end)\*?\s*\{[^{}]*\}|_F(?![A-Za-z])|_\{op\}"
)
ACCENT = r"hat|tilde|bar|widehat|check|vec|mathcal|mathbb|mathsf|mathbf"
TOKEN = re.compile(
    rf"\\(?P<accent>{ACCENT})\s*(?:\{{\s*\\?(?P<braced>[A-Za-z]+)\s*\}}|\\(?P<named>[A-Za-z]+)"
    r"|(?P<bare>[A-Za-z]))|\\(?P<command>[A-Za-z]+)|(?P<letter>[A-Za-z])"
)
GREEK = re.compile(
    r"alpha|beta|[gG]amma|[dD]elta|(var)?epsilon|zeta|eta|(var)?[tT]heta|iota|kappa|[lL]ambda|mu|nu"
    r"|[xX]i|(var)?[pP]i|rho|(var)?[sS]igma|tau|[uU]psilon|(var)?[pP]hi|chi|[pP]si|[oO]mega|ell"
)


def symbols(text):
    """Return the letters of the formulas in a text, each with its accent: ``hat w``, ``mu``."""
    found = set()
    for match in FORMULA.finditer(CODE.sub(" ", text)):
        for token in TOKEN.finditer(WORDS.sub(" ", match[1] or match[2])):
            if token["accent"]:
                letter = token["braced"] or token["named"] or token["bare"]
                found.add(f"{token['accent']} {letter}")
            elif token["letter"]:
                found.add(token["letter"])
            elif token["command"] and GREEK.fullmatch(token["command"]):
                found.add(token["command"])
    return found


def texts(page):
    """Return what a page says: its cells of text, and the captions of its figures."""
    for cell in json.loads((BOOK / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])
        yield cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", "")


def used(page):
    return {symbol for text in texts(page) for symbol in symbols(text)}


def listed():
    """Return the letters of the whole book, and those of each page."""
    notation = (BOOK / "notation.md").read_text(encoding="utf-8")
    everywhere, own = notation.split("(notation-pages)=")
    glossary = re.search(r"```\{glossary\}.*?^```", everywhere, re.DOTALL | re.MULTILINE)[0]
    rows = re.findall(r"(?m)^\| \{doc\}`[^<]*<([\w/]+)>` \| (.*) \|$", own)
    return symbols(everywhere.replace(glossary, "")), {page: declared(row) for page, row in rows}


def declared(row):
    """Return the letters that lead the clauses of a row: ``$D_i$, $V$ what they mean; ...``."""
    leads = [re.match(r"(\$[^$]+\$(, (?=\$))?)+", clause)[0] for clause in row.split("; ")]
    return symbols(re.sub(r"_(\{[^{}]*\}|\\?[A-Za-z]+|.)", "", " ".join(leads)))


CAPITAL = re.compile(r"(?<![A-Za-z0-9^])[A-Z](?![A-Za-z0-9])")  # not the T of W^T


def asserted(page):
    """Return the capital letters that stand alone in the lines of a page's checks."""
    lines = evidence.outcomes(BOOK / f"{page}.ipynb")
    return {
        letter for line in lines for letter in CAPITAL.findall(f"{line.statement} {line.verdict}")
    }


EVERYWHERE, OWN = listed()
RESULTS = [claim for claim in ledger().values() if claim.document == "book"]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_uses_stands_in_the_notation(page):
    assert used(page) - EVERYWHERE - OWN.get(page, set()) == set()


@pytest.mark.parametrize("page", PAGES)
def test_the_words_of_a_check_have_no_letter_of_their_own(page):
    assert asserted(page) - EVERYWHERE - OWN.get(page, set()) == set()


@pytest.mark.parametrize("claim", RESULTS, ids=lambda claim: claim.id)
def test_a_result_of_the_book_is_written_in_the_letters_of_its_page(claim):
    said = symbols(f"{claim.claim} {claim.correct}")
    assert said - EVERYWHERE - OWN.get(claim.page, set()) == set()


@pytest.mark.parametrize("page", OWN)
def test_no_letter_is_listed_in_vain(page):
    assert OWN[page] - used(page) == set()


def test_some_letters_mean_one_thing_on_all_pages():
    assert LAW <= EVERYWHERE
    assert {page: LAW & letters for page, letters in OWN.items() if LAW & letters} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The $\\hat\\zeta_i$ of it.", {"hat zeta", "i"}),
        ("$$\nQ = \\operatorname{softmax}(\\bar{x})\n$$", {"Q", "bar x"}),
        ("costs \\$5, and $\\mathcal{F}_k$", {"mathcal F", "k"}),
        ("`$HOME` and {cite:t}`x`, $\\|W\\|_F$ and $\\|W\\|_{op}$", {"W"}),
        ("$\\mathrm{tr}\\,\\Sigma^{-1}\\text{ for all }j$", {"Sigma", "j"}),
        ("```python\nx = '$y$'\n```\n$\\sigma_{\\max}$", {"sigma"}),
        ("| $\\Vert\\cdot\\Vert_q$ | `p` |", {"q"}),
    ],
)
def test_the_letters_of_a_text(text, found):
    assert symbols(text) == found


def test_the_letters_that_a_row_declares():
    row = "$D_\\Phi$, $\\hat V$ two things of $w_k$; $A_{\\mathcal F}$ a map, $x\\mapsto y$"
    assert declared(row) == {"D", "hat V", "A"}


SAID = re.compile(
    r"(?:It is|It has been|One) (?:often|sometimes|also)? ?(?:written|said|reads?)\b(.{0,60})"
)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_often_written_names_its_entry_of_the_ledger(page):
    """Or the sentence is about a name that one reads, as that of a symbol, and says whose."""
    anonymous = [
        match[0]
        for text in texts(page)
        for match in SAID.finditer(" ".join(text.split()))
        if not re.match(r" \(\{(claim|check)\}`", match[1])
    ]
    assert anonymous == []


@pytest.mark.parametrize("path", sorted(BOOK.glob("coursework/*/master.ipynb")), ids=str)
def test_the_coursework_writes_the_risk_as_the_book_does(path):
    """A capital of its own: R is a residual, and what is differentiated is the risk."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert re.findall(r"\\(?:nabla|partial|dot) ?R(?![A-Za-z]).*|[Rr]isk \$R\b.*", text) == []
