"""Two ways to read: which code folds by rule, and the switch that the reader has."""

import browser as tools  # tools/browser.py
import folding  # book/_ext/folding.py
import pytest
import rules

CELLS = {
    "imports alone": ("imports", "import numpy as np\nfrom ibias import plots, flow\n", [], ""),
    "an import and a use of it": ("lesson", "import numpy as np\n\nx = np.ones(3)", [], ""),
    "data": ("lesson", "data = datasets.separable(seed=0)\nbest = optima.max_margin(data)", [], ""),
    "an update": ("lesson", "def step(w):\n    return w - 0.1 * gradient(w)", [], ""),
    "a picture": ("picture", "figure, ax = plt.subplots()\nax.plot(x)", [], ""),
    "a picture of the house": ("picture", "def draw(ax, i):\n    plots.samples(ax, data)", [], ""),
    "a colour of the house": ("picture", "def draw(ax, i):\n    ax.plot(x, c=plots.INK)", [], ""),
    "a panel by its own methods": ("picture", "def draw(ax, i):\n    ax.set(xlim=(0, i))", [], ""),
    "a panel of another name": ("picture", "def show(p, i):\n    p.scatter(x, i)", [], ""),
    "a panel passed on": ("picture", "def draw(ax, i):\n    outline(ax, i)", [], ""),
    "two panels": ("picture", "for one in panels:\n    one.axhline(0)", [], ""),
    "a sentence": ("picture", 'def describe(i):\n    return f"A line of slope {i}."', [], ""),
    "two sentences": (
        "picture",
        'def say(i):\n    side = "left" if i else "right"\n    return "To the " + f"{side}."',
        [],
        "",
    ),
    "a sentence with a name": (
        "picture",
        'def say(i):\n    text = "slope {}".format(i)\n    return text',
        [],
        "",
    ),
    "a name of a case": ("lesson", 'data = load()\n\n\ndef name(i):\n    return "a"', [], ""),
    "axes of an ellipse": ("lesson", "_, s, axes = svd(X)\nlong = axes.mean(axis=0)", [], ""),
    "a step of a method": ("lesson", "def run(method, w):\n    return method.step(w)", [], ""),
    "a vector filled": ("lesson", "def start(w, a):\n    w.fill(a)\n    return w", [], ""),
    "a number formatted": ("lesson", "def speed(t):\n    return norm(t) / t", [], ""),
    "a slider": ("picture", "frames.slider(draw, range(3), label='t', alt=say)", [], ""),
    "a check that is made": ("check", "slope = Check('S000-6', 'limit', 'x', f, equals=1)", [], ""),
    "a control": ("check", "slope.control(other, broken='data')", [], ""),
    "a check applied": ("check", "slope(paths)", [], "@"),
    "a number printed": ("lesson", "print(gamma)", [], "0.72"),
    "a check with a picture": ("check", "slope(paths)\nplots.curves(ax, x)", [], "@"),
    "a magic": ("lesson", "%timeit f(x)", [], ""),
    "a proof in a check, marked": ("lesson", "slope(paths)", ["lesson"], "@"),
    "a helper, marked": ("aside", "def stored(table):\n    return table.rows", ["fold"], ""),
    "a picture, marked": ("picture", "plt.plot(x)", ["fold"], ""),
}


@pytest.mark.parametrize("what", CELLS)
def test_what_a_cell_is_for(what):
    kind, source, tags, printed = CELLS[what]
    assert folding.kind(source, tags, printed.replace("@", a_printed_line())) == kind


LESSON, TAGGED = ("lesson", False, False), ("lesson", False, True)
DRAWN, DEFINED = ("picture", True, False), ("picture", False, False)


@pytest.mark.parametrize(
    ("cells", "kinds"),
    [
        ([LESSON, LESSON, DRAWN], ["aside", "aside", "picture"]),
        ([LESSON, DRAWN, LESSON, DRAWN], ["aside", "picture", "lesson", "picture"]),
        ([DEFINED, LESSON, DRAWN], ["picture", "aside", "picture"]),
        ([TAGGED, LESSON, DRAWN], ["lesson", "aside", "picture"]),
        ([DEFINED, LESSON], ["picture", "lesson"]),
        ([LESSON], ["lesson"]),
        ([], []),
    ],
)
def test_code_before_the_first_picture_folds(cells, kinds):
    assert folding.before_the_picture(cells) == kinds


def a_printed_line():
    """Return what a check prints."""
    import contextlib
    import io

    from ibias.claims import Check

    with contextlib.redirect_stdout(io.StringIO()) as said:
        Check("S000-6", "limit", "one", lambda x: x, equals=1, tolerance=0.1)(1.0)
    return said.getvalue()


PAGE = "book/linear/max_margin.html"
OPEN = "[...document.querySelectorAll('details.code')].filter(e => e.open).length"
SEEN = """() => [...document.querySelectorAll(".cell_input pre")]
    .filter(e => e.checkVisibility({contentVisibilityAuto: true}))
    .filter(e => e.getBoundingClientRect().height > 0).length"""
ALL = "document.querySelectorAll('.cell_input pre').length"


def choose(page, name):
    order = ["some", "all", "none"]
    now = page.evaluate("document.querySelector('.code-switch :checked').value")
    while now != name:
        page.focus(".code-switch input:checked")
        page.keyboard.press("ArrowRight")
        now = order[(order.index(now) + 1) % 3]
        tools.until(page, "name => document.documentElement.dataset.code === name", now)


def test_the_switch_works_by_keyboard_says_so_and_is_remembered(address, visit):
    page = visit(f"{address}/{PAGE}")
    total = page.evaluate(ALL)
    some = page.evaluate(SEEN)
    assert 0 < some < total / 2
    for name, seen in (("all", total), ("none", 0), ("some", some), ("none", 0)):
        choose(page, name)
        assert page.evaluate(SEEN) == seen, name
        said = page.text_content(".code-switch output")
        assert said.startswith(f"{page.evaluate(OPEN)} of ")
        page.reload()
        tools.until(page, tools.SETTLED)
        assert page.evaluate("document.querySelector('.code-switch :checked').value") == name
        assert page.evaluate(SEEN) == seen, f"{name}, remembered"
    page.goto(f"{address}/book/linear/rates.html")
    tools.until(page, tools.SETTLED)
    assert page.evaluate(SEEN) == 0
    assert page.troubles == []


def test_the_switch_is_one_group_with_a_name(address, visit):
    page = visit(f"{address}/{PAGE}")
    group = page.query_selector("fieldset.code-switch")
    assert group.query_selector("legend").text_content() == "code"
    assert [e.get_attribute("type") for e in group.query_selector_all("input")] == ["radio"] * 3
    assert group.query_selector("output").get_attribute("aria-live") == "polite"


def test_the_code_of_a_check_unfolds_from_its_line(address, visit):
    page = visit(f"{address}/{PAGE}")
    line = page.query_selector(".checks li.check")
    assert line.is_visible() and line.query_selector(".measured").is_visible()
    button = line.query_selector(".to-code")
    code = page.query_selector(f"#{button.get_attribute('aria-controls')} pre")
    assert not code.is_visible() and button.get_attribute("aria-expanded") == "false"
    button.scroll_into_view_if_needed()
    before = button.bounding_box()["y"]
    button.focus()
    page.keyboard.press("Enter")
    tools.until(page, "e => e.getAttribute('aria-expanded') === 'true'", button)
    assert code.is_visible() and "Check(" in code.text_content()
    assert abs(button.bounding_box()["y"] - before) < 2, "the line stays under the reader's eyes"
    page.keyboard.press("Enter")
    tools.until(page, "e => e.getAttribute('aria-expanded') === 'false'", button)
    assert not code.is_visible()


def test_a_fold_opens_by_its_own_line(address, visit):
    page = visit(f"{address}/{PAGE}")
    summary = page.query_selector("details.code.picture > summary")
    summary.focus()
    page.keyboard.press("Enter")
    tools.until(page, "e => e.parentElement.open", summary)
    assert summary.evaluate_handle("e => e.nextElementSibling").as_element().is_visible()


@pytest.mark.parametrize("name", ["all", "none"])
def test_axe_has_nothing_to_say(name, address, visit):
    """With code `some` every page is looked at, everything unfolded, by test_page."""
    page = visit(f"{address}/book/perspective/sources.html")
    choose(page, name)
    assert rules.accessible(page, unfold=False) == []


def test_without_scripts_and_on_paper_every_line_of_code_is_there(address, visit, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    assert page.evaluate(SEEN) == page.evaluate(ALL) > 20
    controls = ".code-switch, .to-code, details.code > summary"
    assert not [e for e in page.query_selector_all(controls) if e.is_visible()]
    context.close()

    page = visit(f"{address}/{PAGE}")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(SEEN) == page.evaluate(ALL)
    assert not page.query_selector(".to-code").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.evaluate(SEEN) < page.evaluate(ALL)
