"""What turns the outputs of notebooks into pages."""

import json
import re
from pathlib import Path

import checks
import docstrings
import frontend
import mathematics
import numpy as np
import pytest
import sliders
import terms
import yaml
from docutils import nodes
from docutils.utils import new_document

from ibias import frames
from ibias.claims import Check

BOOK = Path(__file__).resolve().parents[1] / "book"


def stream(text):
    return (
        '<div class="output stream highlight-myst-ansi notranslate"><div class="highlight">'
        f"<pre><span></span>{text}</pre></div>\n</div>"
    )


def printed(capsys):
    slope = Check("S000-6", "limit", "cosine", lambda v: v, at_most=1, tolerance=1e-3)
    slope(np.array([0.5, 0.25]))
    slope.control(2, broken="<another> one")
    return capsys.readouterr().out


def test_lines_of_checks_become_a_list_with_anchors(capsys):
    text = printed(capsys).replace("<", "&lt;").replace(">", "&gt;")
    page = checks.render(stream(text) + stream(text), "claims.html")
    assert page.count('<ul class="checks">') == 2
    assert page.count('<li class="check">') == page.count('<li class="control">') == 2
    assert page.count('id="check-S000-6"') == 1, "one anchor a page"
    assert page.count('<a href="claims.html#claim-S000-6">S000-6</a>') == 4
    assert 'cosine <span class="prediction">≤ 1</span>' in page
    assert "holds <small>within 0.001</small>" in page
    assert "fails without <i>&lt;another&gt; one</i>" in page
    assert page.count("How to read these lines") == 1, "once a page, under the first line"
    assert page.index("How to read") < page.rindex('<ul class="checks">')
    assert "measured <span>0.25, 0.5</span>" in page
    assert "<pre>" not in page


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("exponential tail", "fails without <i>exponential tail</i> <"),
        ("dual norm: the same", "fails without <i>dual norm</i>; instead: the same <"),
        ("a: b: c", "fails without <i>a</i>; instead: b: c <"),
    ],
)
def test_a_control_says_what_is_given_up_and_what_stands_in_its_place(broken, said, capsys):
    Check("S000-6", "limit", "x", lambda v: v, equals=1, tolerance=1e-3).control(2, broken=broken)
    assert said in checks.render(stream(capsys.readouterr().out), "")


def test_other_output_stays_and_keeps_its_place(capsys):
    line = printed(capsys).splitlines()[0].replace("<", "&lt;")
    page = checks.render(stream(f"before\n{line}\nafter\n"), "")
    assert page.index("<pre>before</pre>") < page.index("<ul") < page.index("<pre>after</pre>")
    assert checks.render(stream("a\n\nb\n"), "").count("<pre>a\n\nb</pre>") == 1


def test_dropdowns_open_without_a_script():
    body = (
        '<div class="solution dropdown admonition" id="s"><p class="admonition-title">To '
        '<a class="x" href="#e">Exercise</a></p><div><p>So.</p></div></div><p>After</p>'
        '<div class="proof dropdown admonition">\n<p>Proof. It is.</p></div>'
    )
    assert frontend.with_details(body) == (
        '<details class="solution dropdown admonition" id="s">'
        '<summary class="admonition-title">To Exercise</summary><div><p>So.</p></div></details>'
        '<p>After</p><details class="proof dropdown admonition">'
        '<summary class="admonition-title">Proof</summary><p>It is.</p></details>'
    )


def test_norms_in_docstrings_are_not_markup():
    lines = ["min |w| = `a|b` * w*, w_ and w_i", "", ">>> 1 | 2", "3", "", "x * y"]
    docstrings.escape(None, "", "", None, None, lines)
    assert lines == [
        r"min \|w\| = `a|b` \* w\*, w\_ and w_i", "", ">>> 1 | 2", "3", "", r"x \* y",
    ]  # fmt: skip


def widget(slider):
    """Return the state of a slider as a notebook stores it, and the body that shows it."""
    state = {
        item.model_id: {"model_name": item.get_state()["_model_name"], "state": item.get_state()}
        for item in (slider, *slider.children, *slider.children[0].children)
    }
    return json.loads(json.dumps(state)), slider.model_id


def test_a_slider_becomes_a_native_one():
    slider = frames.slider(
        lambda ax, a: ax.plot([0, a]),
        [1, 2, 3],
        label="slope & rate",
        alt=lambda a: f"A line that rises by {a} from left to right.",
        start=1,
    )
    state, model = widget(slider)
    page = sliders.Frames(state)
    html = page.slider(model)
    assert html.count("<div hidden>") == 2
    assert 'min="0" max="2" value="1"' in html and 'aria-valuetext="2"' in html
    assert '<label for="slider-1">slope &amp; rate</label>' in html
    assert "[&quot;1&quot;, &quot;2&quot;, &quot;3&quot;]" in html
    assert html.count('role="img"') == 3
    assert 'style="--width: 640px"' in html, "as wide as a figure of the same size"
    # the outlines of letters stand once in the page, and are all there
    assert '<path id="DejaVu' not in html
    used = set(sliders.re.findall(r'href="#(DejaVu[^"]*)"', html))
    assert used == set(sliders.re.findall(r'id="(DejaVu[^"]*)"', page.glyphs.shared())) != set()


def test_another_widget_is_refused():
    from ipywidgets import HTML, VBox

    state, model = widget(VBox([VBox([HTML("a")]), HTML("b")]))
    with pytest.raises(ValueError, match=r"not a slider of ibias\.frames"):
        sliders.Frames(state).slider(model)


@pytest.fixture
def typeset():
    if not (mathematics.KATEX / "katex.mjs").exists():
        pytest.skip("KaTeX is not installed: run `make setup`")
    typesetter = mathematics.Typesetter()
    yield typesetter
    typesetter.close()


def test_formulas_are_typeset_for_the_eye_and_for_screen_readers(typeset):
    html = typeset(r"\hat w = \arg\min_w \tfrac12\|w\|^2", True)["html"]
    assert 'class="katex-display"' in html and "<math" in html


def test_a_formula_that_does_not_parse_says_so(typeset):
    assert "Unexpected end" in typeset(r"\frac{1}{", False)["error"]
    assert "html" in typeset("x", False), "and the next one is typeset"


def test_parts_of_a_formula_are_what_stands_between_quads():
    split = mathematics.split_at_quads
    assert split(r"\min f \quad\text{subject to}\quad g\ge1 .") == [
        r"\min f", r"\text{subject to}", r"g\ge1 .",
    ]  # fmt: skip
    whole = r"\Bigl\{ {a\quad b} \begin{cases} c & \quad d \end{cases} \left( e \qquad f \right)"
    assert split(whole) == [whole]
    assert split(r"a\quadratic") == [r"a\quadratic"]


def test_punctuation_stays_with_its_formula(typeset):
    held = mathematics.with_punctuation(typeset("a = b", False)["html"], "(", "),")
    assert held.count('<span class="held">') == 2
    assert held.index(">(<") < held.index(">a<", held.index("katex-html"))
    assert held.endswith('<span class="punctuation">),</span></span></span></span>')
    assert "<mtext>),</mtext></mrow><annotation" in held
    assert held.count("<span") == held.count("</span>")
    assert mathematics.with_punctuation("plain", "(", ".") == "(plain."


def test_punctuation_is_taken_from_beside_its_formula_where_words_repeat():
    first, second = nodes.math("", "a"), nodes.math("", "b")
    words = nodes.Text(", so that "), nodes.Text(" and ("), nodes.Text(", so that ")
    paragraph = nodes.paragraph("", "", words[0], first, words[1], second, words[2])
    mathematics.hold_punctuation(first)
    mathematics.hold_punctuation(second)
    assert "after" not in first and (second["before"], second["after"]) == ("(", ",")
    assert paragraph.astext() == ", so that a and b so that "


def test_no_label_stands_twice():
    """A reference would lead to one of the two; the site does not build."""
    labels = [
        (label, path.stem)
        for path in sorted(BOOK.rglob("*.ipynb"))
        if "coursework" not in path.parts
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
        for pair in re.findall(r"(?m)^:label: (\S+)$|^\(([\w-]+)\)=$", "".join(cell["source"]))
        for label in pair
        if label
    ]
    assert len(labels) > 200
    names = [label for label, _ in labels]
    assert [pair for pair in labels if names.count(pair[0]) > 1] == []


MADE = {"dollars": r"(?m)^\$\$ \(([\w-]+)\)", "label": r"(?m)^:(?:label|name): (\S+)$"}
MADE |= {"target": r"(?m)^\(([\w-]+)\)=$"}
LED = r"\{(?:prf:)?(?:ref|eq|numref)\}`(?:[^`<]*<)?([^`<>]+)>?`"


def labels_and_references(text):
    """Return the labels that a text makes, and those that it refers to."""
    return {one for form in MADE.values() for one in re.findall(form, text)}, re.findall(LED, text)


def test_labels_and_references_are_read():
    made = "(there)=\n# A\n:label: thm-a\n$$\nx\n$$ (eq-x)\n"
    text = made + "See {ref}`a page <there>`, {prf:ref}`thm-a`."
    assert labels_and_references(text) == ({"there", "thm-a", "eq-x"}, ["there", "thm-a"])


def test_every_reference_leads_to_a_label():
    """When a page is divided or renamed, what points to it has to follow."""
    made, led = set(), []
    for path in sorted([*BOOK.rglob("*.ipynb"), *BOOK.rglob("*.md")]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n\n".join("".join(one["source"]) for one in cells)
            figures = (one["metadata"].get("mystnb", {}).get("figure", {}) for one in cells)
            made |= {figure["name"] for figure in figures if "name" in figure}
        labels, references = labels_and_references(text)
        made |= labels
        led += [(one, path.stem) for one in references]
    assert len(led) > 200
    assert [pair for pair in led if pair[0] not in made] == []


def lessons():
    """Return the pages that teach, in the order of the book."""
    toc = yaml.safe_load((BOOK.parent / "_toc.yml").read_text(encoding="utf-8"))
    files = [one["file"].removeprefix("book/") for part in toc["parts"] for one in part["chapters"]]
    return [one for one in files if (BOOK / f"{one}.ipynb").exists() and "coursework" not in one]


@pytest.mark.parametrize("page", lessons())
def test_a_page_says_what_it_gives_and_what_it_needs(page):
    """Under its title: one sentence of what one will know, and pages that come before it."""
    cells = json.loads((BOOK / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    first = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "markdown"))
    box = re.search(r"(?m)^# .*\n\n:::\{gives\}\n:know: (.*)\n(?::needs: (.*)\n)?:::$", first)
    assert box, "a page begins with its title and {gives}"
    know, needs = box[1], (box[2] or "").split(", ")
    assert 40 < len(know) <= 180 and know.endswith(".") and know.count(".") == 1
    before = lessons()[: lessons().index(page)]
    assert needs == [""] if page == "setup/primer" else set(needs) <= set(before)


def glossary(*names):
    listed = nodes.definition_list()
    for name in names:
        item = nodes.definition_list_item("", nodes.term("", name, ids=[f"term-{name[:4]}"]))
        item += nodes.definition("", nodes.paragraph("", f"What {name} means."))
        listed += item
    document = new_document("notation")
    document += listed
    return document


def section(*children):
    document = new_document("page")
    document += nodes.section("", nodes.title("", "A hard margin"), *children)
    return document


def test_the_first_place_of_a_term_becomes_a_button():
    named = terms.words(terms.meanings(glossary("hard margin", "support vector", "smooth")))
    page = section(
        nodes.paragraph("", "", nodes.literal("", "hard margin"), nodes.math("", "support vector")),
        nodes.paragraph("", "Two Support  vectors of the hard-margin kind, a smooth one."),
        nodes.paragraph("", "The support vector again, and a hard marginal one."),
    )
    terms.mark(page, named)
    found = [(one.astext(), one["definition"]) for one in page.findall(terms.glossed)]
    assert found == [("Support  vectors", "term-supp"), ("hard-margin", "term-hard")]
    assert page.astext().count("support") + page.astext().count("Support") == 3, "no word is lost"
