"""The laboratory in a real browser: every control, what is said, what stands without scripts."""

import browser as tools
import pytest
import rules

PAGE = "book/perspective/laboratory.html"
CONTROLS = ("data", "loss", "model", "method", "start", "noise")
STATE = """() => {
    const box = document.getElementById("laboratory");
    const shown = e => getComputedStyle(e).display !== "none";
    return {
        values: Object.fromEntries(new FormData(box.querySelector("form"))),
        bars: [...box.querySelectorAll(".bars .value")].map(e => e.textContent),
        names: [...box.querySelectorAll(".bars .name")].map(e => e.textContent),
        widths: [...box.querySelectorAll(".track")].map(e =>
            e.firstChild.getBoundingClientRect().width / e.clientWidth),
        summary: box.querySelector(".summary").textContent,
        sayings: [...box.querySelectorAll(".saying")].filter(shown).map(e => e.textContent),
    };
}"""


@pytest.fixture
def opened(address, visit):
    def at(query="", **screen):
        return visit(f"{address}/{PAGE}{query}", **screen)

    return at


def choose(page, **values):
    for name, value in values.items():
        page.locator(f"#laboratory select[name={name}]").select_option(value)
    return page.evaluate(STATE)


def test_each_choice_shows_its_row(opened):
    page = opened()
    first = page.evaluate(STATE)
    assert set(first["values"]) == set(CONTROLS)
    assert first["names"] == ["ℓ₁ margin", "ℓ₂ margin", "ℓ∞ margin"]
    assert len(first["sayings"]) == 1 and "maximum margin" in first["sayings"][0]
    state = choose(page, method="signs")
    assert state != first and float(state["bars"][2]) > 0.9
    for bar, width in zip(state["bars"], state["widths"], strict=True):
        assert width == pytest.approx(float(bar), abs=0.02)
    assert "ℓ∞" in state["summary"] and "predicts" in state["summary"]
    unknown = choose(page, method="Lion")
    assert unknown["sayings"] == [] and "not known" in unknown["summary"]
    undefined = choose(page, method="mirror, p = 3", noise="weights")
    assert undefined["bars"] == ["–"] * 3 and undefined["summary"].startswith("Undefined")
    assert page.troubles == []


def test_another_kind_of_data_offers_its_own_choices(opened):
    page = opened()
    state = choose(page, data="matrix|0")
    assert state["names"] == ["nuclear norm", "Frobenius norm", "spectral norm"]
    assert state["values"]["loss"] == "squared" and state["values"]["model"] == "W itself"
    assert "unseen entries stay" not in state["summary"]
    state = choose(page, data="several classes|1", method="Muon")
    assert state["names"][2] == "spectral margin" and state["values"]["method"] == "Muon"


def test_a_link_opens_a_combination(opened):
    page = opened("?method=Adam&model=diagonal, depth 2&noise=labels&start=1&loss=nothing")
    values = page.evaluate(STATE)["values"]
    assert values["method"] == "Adam" and values["model"] == "diagonal, depth 2"
    assert values["noise"] == "labels" and values["start"] == "1"
    assert values["loss"] == "exponential"


def test_the_keyboard_alone_is_enough(opened):
    page = opened()
    before = page.evaluate(STATE)
    page.locator("#laboratory select[name=method]").focus()
    page.keyboard.press("ArrowDown")
    tools.until(page, "was => document.querySelector('.summary').textContent !== was",
                before["summary"])  # fmt: skip
    assert page.evaluate(STATE)["values"]["method"] != before["values"]["method"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "start"


def test_controls_have_names_and_changes_are_announced(opened):
    page = opened()
    for name in CONTROLS:
        assert page.get_by_role("combobox", name=name, exact=True).count() == 1
    assert page.locator("#laboratory [role=status]").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_is_accessible(width, opened):
    page = opened(width=width)
    for values in ({}, {"method": "Lion"}, {"data": "matrix|1"}):
        choose(page, **values)
        assert rules.wide(page) == []
    assert rules.jumps(page) == []
    assert rules.accessible(page) == []


def test_without_scripts_the_table_stands_there(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    assert not page.locator("#laboratory form").is_visible()
    page.locator("#laboratory summary").first.click()
    assert page.locator("#laboratory table").first.is_visible()
    assert page.locator("#laboratory tbody tr").count() > 200
    assert page.locator(".saying").first.is_visible()
    context.close()
