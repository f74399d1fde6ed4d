"""Every rule for pages has a page that breaks it: each fault is planted, and must be found."""

import random

import browser as tools  # tools/browser.py
import pytest
import rules
import sliders  # book/_ext/sliders.py
from conftest import ROOT

WORDS = ("few", "some", "many", "all")
SCRIPT, CODE, FIGURES = (
    (ROOT / "book" / "_assets" / name).read_text(encoding="utf-8")
    for name in ("slider.js", "code.js", "figures.js")
)
PICTURE = (
    '<svg role="img" aria-label="A line of slope {slope} over a long text." viewBox="0 0 288 216">'
    '<path d="M0 0L288 {slope}" stroke="black"/></svg>'
)

SHOWN = "A line of slope 9 that rises from left to right over a text."
DRAWING = PICTURE.format(slope=9).replace("A line of slope 9 over a long text.", SHOWN)


def slider():
    """Return the slider as the build writes it, from the state that a widget leaves."""
    models = {
        "box": ("HBoxModel", {"children": ["IPY_MODEL_stack", "IPY_MODEL_control"]}),
        "stack": (
            "StackModel",
            {"selected_index": 2, "children": [f"IPY_MODEL_{w}" for w in WORDS]},
        ),
        "control": ("SelectionSliderModel", {"description": "how many", "_options_labels": WORDS}),
    }
    for slope, word in enumerate(WORDS):
        models[word] = ("HTMLModel", {"value": PICTURE.format(slope=slope)})
    state = {name: {"model_name": kind, "state": own} for name, (kind, own) in models.items()}
    return sliders.Frames(state).slider("box")


PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark; }} pre {{ font-size: 12px; width: 760px; overflow-x: auto; }}
@media (max-width: 800px) {{ pre {{ width: 300px; }} }} .formula {{ overflow-x: auto; }}
@media print {{ pre {{ width: auto; white-space: pre-wrap; overflow-wrap: anywhere; }} }}
:is(.frames, .vector) svg {{ display: block; width: 288px; background: white; }}</style>
<main><article><h1>A page</h1><p>Text.</p>
<img src="a.svg" width="9" height="9"
alt="Two curves cross near three, and the dashed one stays above.">
<fieldset class="code-switch"><legend>code</legend><label><input type="radio" name="code"
value="some">some</label><output></output></fieldset><div class="cell">
<details class="code check" id="code-1"><summary>Code</summary>
<div class="cell_input"><pre tabindex="0">{"x" * 100}</pre></div></details>
<div class="cell_output"><ul class="checks"><li>gap = 0 <button type="button"
class="to-code" aria-controls="code-1">code</button></li></ul></div></div>
<div class="formula">x</div>
<figure><div class="vector">{DRAWING}</div><figcaption>Fig. 1</figcaption></figure>
{slider()}</article></main><script defer src="_static/slider.js"></script>
<script defer src="_static/code.js"></script><script defer src="_static/figures.js"></script>
<script>document.documentElement.dataset.code = "some";
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => {{ document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; }};
dark.addEventListener("change", theme); theme();</script></html>"""

NOISE = random.Random(0).randbytes(1_000_000).hex()  # gzip leaves half of it
OTHER_FACE = (
    '<style>@font-face { font-family: KaTeX_Main; src: url(a.svg); }</style><i class="katex">x</i>'
)
FAULTS = {
    # what is planted: the rule, in the page or the script, what stands there, what comes instead
    "never loaded": ("loads", "not loaded", ' src="_static/slider.js"', ""),
    "loaded in vain": (
        "loads",
        "ledger.js is loaded",
        "<main>",
        '<script src="_static/ledger.js"></script><main>',
    ),
    "loaded twice": (
        "loads",
        "twice",
        "<main>",
        '<script src="_static/slider.js?v=2"></script><main>',
    ),
    "not there": ("loads", "answered 404", 'src="a.svg"', 'src="b.svg"'),
    "what no page loads": (
        "loads",
        "never loaded by",
        "<main>",
        '<script src="_static/thebe.js"></script><main>',
    ),
    "a face that comes late": (
        "loads",
        "after the text",
        "<main>",
        '<script src="_static/source-serif.js"></script><main>',
    ),
    "too heavy": ("loads", "weighs", "Text.", f"Text.<!--{NOISE * 2}-->"),
    "mathematics left as source": ("source", "'$'", "Text.", "Let $x$ be."),
    "a role left as source": ("source", "{cite:t}`", "Text.", "{cite:t}`x`"),
    "mathematics in another face": (
        "source",
        "its face",
        "Text.",
        OTHER_FACE,
    ),
    "a formula that does not parse": ("source", "parse", "Text.", '<i class="katex-error">x</i>'),
    "a number with a comma": ("words", "27,600", "Text.", "It is 27,600 steps."),
    "a number that breaks": ("words", "27 600", "Text.", "It is 27 600 steps."),
    "a verdict that says it twice": (
        "words",
        "instead, twice",
        "gap = 0",
        '<p class="verdict">fails without x; instead: y instead</p>',
    ),
    "a figure without text": ("figures", "a.svg", 'alt="Two', 'title="Two'),
    "a figure without a size": ("figures", "a.svg", ' height="9"', ""),
    "a figure that is not there": ("figures", "b.svg", 'src="a.svg"', 'src="b.svg"'),
    "a drawing without text": ("figures", "figure: <svg", SHOWN, "A line."),
    "a drawing with a style of its own": (
        "figures",
        "figure: <svg",
        '<path d="M0 0L288 9"',
        '<style>p { color: red; }</style><path d="M0 0L288 9"',
    ),
    "a drawing of no size": ("figures", "figure: <svg", "width: 288px", "width: 28px"),
    "pixels in the place of a drawing": (
        "figures",
        "a.svg",
        '<img src="a.svg"',
        '<div class="cell_output"><img src="a.svg"',
    ),
    "a picture below the screen": (
        "first_screen",
        "begins at 1.",
        "<p>",
        '<p style="height: 1100px">',
    ),
    "a long line": ("code", "wider than its box", "x" * 100, "x" * 110),
    "a long line beside the text": (
        "code",
        "wider than its box",
        "<p>Text.</p>",
        f'<div class="highlight"><pre tabindex="0">{"x" * 110}</pre></div>',
    ),
    "a check without its code": (
        "folds",
        "without its code",
        'aria-controls="code-1"',
        'aria-controls="code-2"',
    ),
    "a check that folds away": ("folds", "hidden: gap", '<ul class="checks">', "<ul hidden>"),
    "code without a switch": ("folds", "the switch", 'class="code-switch"', 'class="code-witch"'),
    "a value that is not announced": (
        "sliders",
        "is announced",
        'input.setAttribute("aria-valuetext", text);',
        "",
    ),
    "an index for a value": (
        "sliders",
        "seen is what is announced",
        '"aria-valuetext", text',
        '"aria-valuetext", input.value',
    ),
    "a value that is not seen": (
        "sliders",
        "seen is what is announced",
        'slider.querySelector("output").textContent = text;',
        "",
    ),
    "a slider without a name": ("sliders", "has a name", '<label for="slider-1">', "<label>"),
    "a value spoken twice": ("sliders", "spoken twice", ' aria-live="off"', ""),
    "two frames at once": ("sliders", "one frame is visible", "i !== input.valueAsNumber", "false"),
    "a picture that stays": (
        "sliders",
        "what is label",
        PICTURE.format(slope=1)[:50],
        PICTURE.format(slope=0)[:50],
    ),
    "a picture without text": (
        "sliders",
        "says what it shows",
        "A line of slope 1 over a long text.",
        "A line.",
    ),
    "a picture without height": ("sliders", "has a height", "width: 288px", "width: 28px"),
    "frames of two heights": (
        "sliders",
        "jumps when",
        'aria-label="A line of slope 1',
        'style="height: 300px" aria-label="A line of slope 1',
    ),
    "a box wider than a phone": (
        "wide",
        "wider than the text",
        "<p>",
        '<p style="width: 600px">',
    ),
    "a word past the edge of the text": (
        "wide",
        "wider than the text",
        "<article>",
        '<article style="padding-right: 40px"><p style="margin-right: -20px">x</p>',
    ),
    "a page that scrolls sideways": (
        "wide",
        "sideways",
        "</main>",
        '</main><p style="width: 600px">x</p>',
    ),
    "a formula that scrolls": (
        "scrolling",
        "split it",
        '"formula">',
        '"formula"><div style="width: 600px">x</div>',
    ),
    "a word past the edge of the paper": (
        "paper",
        "cut: Text.",
        "<p>",
        '<p style="position: relative; left: 700px">',
    ),
    "a formula that scrolls on paper": (
        "paper",
        "scrolls: formula",
        '"formula">',
        '"formula"><div style="width: 700px">x</div>',
    ),
    "pale letters": (
        "accessible",
        "light: color-contrast",
        "<p>",
        '<p style="color: #999; background: white">',
    ),
    "dark on dark": (
        "accessible",
        "dark: color-contrast",
        "<p>",
        '<p style="color: light-dark(black, #444); background: light-dark(white, black)">',
    ),
}
ON_A_PHONE = ("wide", "scrolling", "paper")  # on paper last: the page is laid out again


@pytest.fixture
def planted(tmp_path, visit):
    """Serve the page, with a fault in it or without, and visit it."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    )
    scripts = dict.fromkeys(("ledger.js", "source-serif.js", "thebe.js"), "") | {
        "code.js": CODE,
        "figures.js": FIGURES,
    }
    for name, script in scripts.items():
        (tmp_path / "_static" / name).write_text(script)

    def open_page(old="", new="", width=1280):
        assert old in PAGE + SCRIPT
        (tmp_path / "index.html").write_text(PAGE.replace(old, new) if old else PAGE)
        (tmp_path / "_static" / "slider.js").write_text(SCRIPT.replace(old, new) if old else SCRIPT)
        stack.append(served := tools.served(tmp_path))
        address = served.__enter__()
        return visit(f"{address}/index.html", width=width), address

    stack = []
    yield open_page
    for served in stack:
        served.__exit__(None, None, None)


def broken(rule, page, address):
    return rules.loads(page, address) if rule == "loads" else getattr(rules, rule)(page)


def test_a_page_without_fault_keeps_every_rule(planted):
    named = {rule for rule, *_ in FAULTS.values()} | {"jumps"}
    for width, asked in ((1280, sorted(named - set(ON_A_PHONE))), (390, ON_A_PHONE)):
        page, address = planted(width=width)
        for rule in asked:
            assert broken(rule, page, address) == [], rule
        assert page.troubles == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, planted):
    rule, said, old, new = FAULTS[fault]
    page, address = planted(old, new, width=390 if rule in ON_A_PHONE else 1280)
    found = broken(rule, page, address)
    assert any(said in problem for problem in found), found


def test_a_page_that_jumps_is_found(planted):
    page, _ = planted()
    page.evaluate(
        """async () => {
            for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
            document.body.insertAdjacentHTML("afterbegin", "<p style='height: 400px'></p>");
        }"""
    )
    assert "jumps by" in str(rules.jumps(page))


@pytest.mark.parametrize(
    ("script", "noted"),
    [
        ("console.warn('careful')", "console: careful"),
        ("console.error('no')", "console: no"),
        ("missing()", "exception: missing is not defined"),
    ],
)
def test_trouble_is_noted(script, noted, planted):
    page, _ = planted("theme();</script>", f"theme(); {script};</script>")
    assert noted in page.troubles
