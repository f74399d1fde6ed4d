"""A term opens its definition: by keyboard, by touch, under a pointer, and without scripts."""

import browser as tools  # tools/browser.py
import rules

PAGE = "book/linear/tails.html"
OPEN = "e => document.getElementById(e.getAttribute('popovertarget')).matches(':popover-open')"
SHUT = f"e => !({OPEN})(e)"
LONG = 10_000  # milliseconds, longer than anything here waits


def box(page, button):
    name = button.get_attribute("popovertarget")
    return page.query_selector(f"[id='{name}']")


def first(page):
    button = page.query_selector("button.term")
    button.scroll_into_view_if_needed()
    return button


def test_each_term_of_a_page_has_its_definition_once(address, visit):
    page = visit(f"{address}/{PAGE}")
    names = page.evaluate(
        "[...document.querySelectorAll('button.term')].map(e => e.getAttribute('popovertarget'))"
    )
    boxes = page.evaluate("[...document.querySelectorAll('.definition')].map(e => e.id)")
    assert len(boxes) == len(set(boxes)) >= 5
    assert set(names) == set(boxes)
    for name in boxes:
        assert len(page.text_content(f"[id='{name}']")) > 40
        link = page.get_attribute(f"[id='{name}'] .lead a", "href")
        assert link.endswith(f"notation.html#{name}")


def test_the_keyboard_opens_and_closes_it(address, visit):
    page = visit(f"{address}/{PAGE}")
    button = first(page)
    button.focus()
    assert button.get_attribute("aria-describedby") == box(page, button).get_attribute("id")
    page.keyboard.press("Enter")
    tools.until(page, OPEN, button)
    assert box(page, button).is_visible()
    assert rules.accessible(page, unfold=False) == []
    page.keyboard.press("Escape")
    tools.until(page, SHUT, button)
    assert button.evaluate("e => document.activeElement === e")
    assert page.troubles == []


def test_it_opens_under_a_pointer_stays_for_it_and_goes_with_it(address, visit):
    """The clock of the page is ours: what waits for its time has it at once, and nothing else."""
    page = visit(f"{address}/{PAGE}")
    button = first(page)
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    button.hover()
    assert button.evaluate(SHUT), "a pointer that passes opens nothing"
    page.clock.run_for(LONG)
    assert button.evaluate(OPEN)
    page.mouse.move(2, 2)
    box(page, button).hover()
    page.clock.run_for(LONG)
    assert button.evaluate(OPEN), "the pointer may rest on it"
    page.mouse.move(2, 2)
    assert button.evaluate(OPEN), "it may come back"
    page.clock.run_for(LONG)
    assert button.evaluate(SHUT)
    button.click()
    page.clock.run_for(LONG)  # it would open by resting, were there no click
    page.mouse.move(2, 2)
    page.clock.run_for(LONG)
    assert button.evaluate(OPEN), "what was asked for by a click stays"


def test_it_opens_by_touch_within_a_narrow_screen(address, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = tools.visit(context, f"{address}/{PAGE}")
    for button in page.query_selector_all("button.term")[:6]:
        button.scroll_into_view_if_needed()
        button.tap()
        tools.until(page, OPEN, button)
        place = box(page, button).bounding_box()
        assert place["x"] >= 0 and place["x"] + place["width"] <= 390
        assert place["y"] >= 0 and place["y"] + place["height"] <= 844
        page.touchscreen.tap(385, 840 if place["y"] < 400 else 70)
        tools.until(page, SHUT, button)
    context.close()


def test_without_scripts_it_opens_too(address, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    button = page.query_selector("button.term")
    assert not box(page, button).is_visible()
    button.click()
    assert box(page, button).is_visible()
    context.close()
