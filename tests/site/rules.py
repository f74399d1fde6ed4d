"""What every page of the site must keep, on any engine: each rule returns what breaks it.

The rules read the document that we wrote, and the boxes that it makes. None reads how one
browser reports it, and none depends on the fonts or the speed of the machine.
"""

import re
from typing import Any

import browser as tools  # tools/browser.py
from conftest import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
HEAVIEST = {"prose": 450_000, "mathematics": 850_000, "sliders": 1_200_000}
SCREENS = {"desk": 0.75, "phone": 1.05}  # above which the first picture of a page begins
SHORTEST_ALT, SHORTEST_LABEL = 40, 30
ADVANCE = 0.603  # of a character of code in ems: the widest of the faces that site.css names
SOURCE = re.compile(r"```|:::|\{[\w:]+\}`|\$|\\[a-zA-Z(]|\*\*\w[^*\n]*\*\*")
USES = {  # what a page loads, and what on it needs that
    "katex/katex.css": ".katex",
    "slider.js": ".slider",
    "code.js": "details.code",
    "figures.js": ".vector, .slider",
    "terms.js": "button.term",
    "ledger.js": "#ledger-filter",
    "ledger.css": "#ledger-filter",
    "laboratory.js": "#laboratory",
    "laboratory.css": "#laboratory",
    "sphinx-design.min.css": "[class^=sd-]",
}
# A number of thousands with a comma is two numbers of a list; with a blank it breaks in two.
APART = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![\d.,])\b\d{1,3}(?: \d{3})+\b")
UNFOLD = "document.querySelectorAll('details').forEach(d => { d.open = true; })"
NEVER = re.compile(r"thebe|toggle|searchtools|fontawesome|MathJax")
# Faces that a page is painted with stand in its style sheets: lines would move if they came late.
LATE = re.compile(r"source-serif|icons-|KaTeX_(Main-Regular|Math-Italic|Size[12])")


def loads(page: Any, address: str) -> list[str]:
    """A page loads from its own site, everything once, nothing in vain, and not too much."""
    urls = [response.url.partition("?")[0] for response in page.responses]
    found = [f"from elsewhere: {url}" for url in urls if not url.startswith((address, "data:"))]
    found += [f"answered {r.status}: {r.url}" for r in page.responses if r.status >= 400]
    found += [f"loaded twice: {url}" for url in {url for url in urls if urls.count(url) > 1}]
    names = {url.removeprefix(f"{address}/_static/") for url in urls}
    for name, selector in USES.items():
        if (name in names) != bool(page.query_selector(selector)):
            found.append(f"{name} is {'not ' * (name not in names)}loaded, against {selector}")
    found += [f"never loaded by a page: {name}" for name in names if NEVER.search(name)]
    found += [f"a face that comes after the text: {name}" for name in names if LATE.search(name)]
    weight, most = sum(map(tools.weight, page.responses)), HEAVIEST[tools.kind(page)]
    return found + [f"weighs {weight / 1000:.0f} KB"] * (weight > most)


def source(page: Any) -> list[str]:
    """Nothing is left as source, and mathematics is typeset in its own face."""
    prose = page.evaluate(
        """() => {
            const copy = document.querySelector("article").cloneNode(true);
            copy.querySelectorAll("pre, code, .katex-mathml").forEach(e => e.remove());
            return copy.textContent;
        }"""
    )
    found = [f"left as source: {match[0]!r}" for match in SOURCE.finditer(prose)]
    if page.query_selector(".katex") and not page.evaluate(
        "document.fonts.check('9px KaTeX_Main')"
    ):
        found.append("mathematics without its face")
    return found + ["a formula that does not parse"] * bool(page.query_selector(".katex-error"))


def words(page: Any) -> list[str]:
    """Numbers keep together, and what stands in the place of a hypothesis is said once."""
    prose, verdicts = page.evaluate(
        """() => {
            const copy = document.querySelector("article").cloneNode(true);
            const verdicts = [...copy.querySelectorAll(".checks .verdict")];
            copy.querySelectorAll("pre, code, .katex, .checks, .ledger-entry")
                .forEach(e => e.remove());
            return [copy.textContent, verdicts.map(e => e.textContent)];
        }"""
    )
    found = [f"write it with a no-break space: {match[0]}" for match in APART.finditer(prose)]
    return found + [f"instead, twice: {one}" for one in verdicts if one.count("instead") > 1]


def figures(page: Any) -> list[str]:
    """Each figure is a drawing that is there and says what it shows; no pixels stand for one."""
    return page.evaluate(
        """shortest => [...document.querySelectorAll("article :is(img, .vector svg)")].filter(e =>
            (e.alt ?? e.getAttribute("aria-label") ?? "").length < shortest
            || e.closest(".cell_output img")
            || (e.matches("img") && (e.naturalWidth === 0
                || !e.getAttribute("width") || !e.getAttribute("height")))
            || (e.matches("svg") && (!e.getAttribute("viewBox") || e.querySelector("style")
                || e.getBoundingClientRect().height < 40))
        ).map(e => `figure: ${e.outerHTML.slice(0, 160)}`)""",
        SHORTEST_ALT,
    )


def first_screen(page: Any) -> list[str]:
    """The first picture begins where its reader is: above so many screens, as the page opens."""
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    most = SCREENS["desk" if width > 640 else "phone"]
    place = page.evaluate(
        """() => {
            const first = document.querySelector("article :is(.slider, figure, .vector)");
            return first && first.getBoundingClientRect().top + scrollY;
        }"""
    )
    if place is None or place < most * height:
        return []
    return [f"the first picture begins at {place / height:.2f} screens, not above {most}"]


def code(page: Any) -> list[str]:
    """The lines of code fit their boxes, by the size of the type and not by a machine's face."""
    page.evaluate(UNFOLD)
    return page.evaluate(
        """advance => [...document.querySelectorAll(".cell_input pre, article .highlight pre")]
            .filter(box => !box.closest(".cell_output")).filter(box => {
            const style = getComputedStyle(box);
            const inside = box.clientWidth - parseFloat(style.paddingLeft)
                - parseFloat(style.paddingRight);
            const lines = box.textContent.split("\\n")  // of an example, what is typed
                .filter(line => !box.closest("dl") || /^(>>>|\\.\\.\\.) /.test(line));
            const longest = Math.max(0, ...lines.map(line => line.length));
            return longest * advance * parseFloat(style.fontSize) > inside + 1;
        }).map(box => `a line of code is wider than its box: ${box.textContent.slice(0, 80)}`)""",
        ADVANCE,
    )


def folds(page: Any) -> list[str]:
    """Code folds, the result of a check never; each line of it has the code of its own cell."""
    return page.evaluate(
        """() => {
            const folds = document.querySelectorAll("details.code");
            const found = [...document.querySelectorAll(".cell_output > *")]
                .filter(e => !e.checkVisibility()).map(e => `hidden: ${e.textContent}`);
            for (const line of document.querySelectorAll(".cell .checks > li")) {
                const code = line.querySelector(".to-code")?.getAttribute("aria-controls");
                const own = code && document.getElementById(code)?.closest(".cell");
                if (own !== line.closest(".cell"))
                    found.push(`a check without its code: ${line.textContent}`);
            }
            if (!document.querySelector(".code-switch") !== !folds.length)
                found.push("the switch is on pages with code, and on no other");
            return found.map(problem => problem.slice(0, 160));
        }"""
    )


STATE = """slider => {
    const control = slider.querySelector("input"), said = slider.querySelector("output");
    const shown = [...slider.querySelectorAll(".frames > div")].filter(e => e.checkVisibility());
    const picture = shown[0]?.querySelector("svg");
    return {
        visible: shown.length,
        at: control.valueAsNumber,
        height: picture ? picture.getBoundingClientRect().height : 0,
        label: picture?.getAttribute("aria-label") ?? "",
        output: said.textContent,
        announced: control.getAttribute("aria-valuetext"),
        name: [...control.labels].map(label => label.textContent).join(" ").trim(),
        again: said.getAttribute("aria-live"),
        place: slider.querySelector(".frames").getBoundingClientRect().height,
    };
}"""


def sliders(page: Any) -> list[str]:
    """Move every slider by keyboard and by mouse; each move must change what is seen and said.

    A screen reader speaks the name of the control and its text, ``aria-valuetext``: the reader
    of the page and the listener must get the same words, once.
    """
    found = []
    for slider in page.query_selector_all(".slider"):
        control = slider.query_selector("input")
        last = int(control.get_attribute("max"))
        control.scroll_into_view_if_needed()
        control.focus()
        states, places = [], {0, min(1, last), last}
        for key, place in (("Home", 0), ("ArrowRight", 1), ("End", last)):
            page.keyboard.press(key)
            tools.until(page, "([e, place]) => e.valueAsNumber === place", [control, place])
            states.append(slider.evaluate(STATE))
        box = control.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if last > 1:
            tools.until(page, "([e, last]) => e.valueAsNumber !== last", [control, last])
        states.append(slider.evaluate(STATE))
        places.add(control.evaluate("e => e.valueAsNumber"))
        found += [problem for state in states for problem in _wrong(state)]
        least = len(places)
        for what in ("announced", "label"):
            if len({state[what] for state in states}) < least:
                found.append(f"slider: moving it does not change what is {what}")
        if len({state["place"] for state in states}) > 1:
            found.append("slider: the text below it jumps when it moves")
    return found


def _wrong(state: dict) -> list[str]:
    """Return what is wrong with a slider in this state."""
    rules = {
        "one frame is visible": state["visible"] == 1,
        "the picture has a height": state["height"] > 100,
        "the picture says what it shows": len(state["label"]) >= SHORTEST_LABEL,
        "what is seen is what is announced": state["output"] == state["announced"],
        "the value has a text": bool(state["announced"]),
        "the control has a name": bool(state["name"]),
        "the value is not spoken twice": state["again"] == "off",
    }
    return [f"slider at {state['at']}: not so that {rule}" for rule in rules if not rules[rule]]


# Of what is shown to the right: at a desk code may begin where the text does and be wider.
EDGE = """(() => {
    if (innerWidth > 640) return innerWidth;
    const article = document.querySelector("article"), style = getComputedStyle(article);
    return article.getBoundingClientRect().right - parseFloat(style.paddingRight);
})()"""


def wide(page: Any) -> list[str]:
    """On a narrow screen nothing is wider than the text, unless its box scrolls."""
    found = page.evaluate(
        """edge => [...document.querySelectorAll("article *")]
            .filter(e => e.getClientRects().length && !e.closest("svg, .katex-mathml, .headerlink"))
            .filter(e => e.getBoundingClientRect().right > edge + 1)
            .filter(e => {
                for (let box = e.parentElement; box; box = box.parentElement)
                    if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
                return true;
            })
            .map(e => `wider than the text: ${e.outerHTML.slice(0, 120)}`)""",
        page.evaluate(EDGE),
    )
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("the page scrolls sideways")
    return found


def scrolling(page: Any) -> list[str]:
    """On a narrow screen no formula and no table has to scroll, folded-away ones included."""
    page.evaluate(UNFOLD)
    return page.evaluate(
        """() => [...document.querySelectorAll(".formula, .pst-scrollable-table-container")]
            .filter(e => e.scrollWidth > e.clientWidth + 1)
            .map(e => `split it with \\\\quad or in lines: ${e.textContent.slice(0, 120)}`)"""
    )


# What is wider than the paper, and what one would have to scroll to.
OUTSIDE = """() => {
    const article = document.querySelector("article");
    const style = getComputedStyle(article), box = article.getBoundingClientRect();
    const [left, right] = [box.left - 1, box.right + 1], found = [];
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT), range = new Range();
    while (walker.nextNode()) {
        const node = walker.currentNode, parent = node.parentElement;
        if (!node.data.trim() || parent.closest(".katex-mathml, svg") || !parent.checkVisibility())
            continue;
        range.selectNodeContents(node);
        for (const part of range.getClientRects())
            if (part.width && (part.left < left || part.right > right))
                found.push(`cut: ${node.data.trim().slice(0, 80)}`);
    }
    for (const box of article.querySelectorAll("*"))
        if (box.checkVisibility() && !box.closest("span, svg")
            && getComputedStyle(box).overflow !== "visible"
            && (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 4))
            found.push(`scrolls: ${box.className} ${box.textContent.trim().slice(0, 80)}`);
    return found;
}"""


def paper(page: Any) -> list[str]:
    """Printed, nothing is cut at the edges of the paper, folded-away parts included."""
    page.set_viewport_size({"width": 660, "height": 900})  # the width of the paper's text
    page.emulate_media(media="print")
    page.evaluate(UNFOLD)
    tools.still(page)
    return page.evaluate(OUTSIDE)


def jumps(page: Any) -> list[str]:
    """The page does not move under its reader, on the browser's own scale."""
    total, moved = page.evaluate(
        """async () => {
            for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
            shifts.add(shifts.observer.takeRecords());
            return [shifts.sum, shifts.moved];
        }"""
    )
    return [f"the page jumps by {total:.3f}", *moved] if total >= 0.05 else []


# Mark one text of each kind: its letters, and the grounds of all that it stands in. What is
# placed out of the flow may lie on something else, and is a kind of its own.
KINDS = """() => {
    const plain = ["rgba(0, 0, 0, 0)", "none", "1", "none", "normal", ""].join();
    const grounds = new Map([[null, ""]]);
    const ground = e => {
        if (!grounds.has(e)) {
            const s = getComputedStyle(e);
            const away = ["absolute", "fixed", "sticky"].includes(s.position);
            const own = [s.backgroundColor, s.backgroundImage, s.opacity, s.filter,
                s.mixBlendMode, away ? grounds.size : ""].join();
            const below = ground(e.parentElement);
            grounds.set(e, own === plain ? below : `${below}/${own}`);
        }
        return grounds.get(e);
    };
    const kinds = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let last = null; walk.nextNode();) {
        const e = walk.currentNode.parentElement;
        if (e === last || !walk.currentNode.data.trim() || !e.checkVisibility()) continue;
        if (e.closest("[aria-hidden=true], svg, math, script, style")) continue;
        last = e;
        const s = getComputedStyle(e);
        const kind = [s.color, s.fontSize, s.fontWeight, s.textShadow, ground(e)].join();
        if (!kinds.has(kind)) e.setAttribute("data-kind", "");
        kinds.add(kind);
    }
}"""
# Take away what has no letters for axe, and nothing that the keyboard gets to: what stands in a
# picture, which is one thing with one name, and the boxes of a formula, of which a listener gets
# the words alone.
LESS = """() => {
    const out_of_reach = ":not(:has(a, [tabindex]))";
    document.querySelectorAll(`:is(svg[role=img], .katex-html)${out_of_reach}`)
        .forEach(e => e.replaceChildren());
    document.querySelectorAll(`math${out_of_reach}`)
        .forEach(e => e.replaceChildren(e.textContent));
}"""
# Take away the letters in code of a kind that is marked elsewhere.
FEWER_KINDS = """() => document.querySelectorAll(
    "pre span:not([data-kind], [id], :has([data-kind]))"
).forEach(e => e.replaceWith(...e.childNodes))"""
VIOLATIONS = """async ([scheme, options]) => {
    axe.configure({rules: [{id: "color-contrast", selector: "[data-kind]"}]});
    return (await axe.run(document, {resultTypes: ["violations"], ...options}))
        .violations.flatMap(v => v.nodes.map(n =>
            `${scheme}: ${v.id}: ${n.html.slice(0, 160)} | ${n.failureSummary}`));
}"""
BY_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}


def accessible(page: Any, unfold: bool = True) -> list[str]:
    """In the light, and when the reader's system turns dark, everything unfolded.

    The contrast of letters on their ground is measured once for each kind of text, and in the
    dark only the rules are tried again that look at colours: nothing else differs.
    """
    if unfold:
        page.evaluate(UNFOLD)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    page.evaluate(LESS)
    for scheme in ("light", "dark"):
        turn(page, scheme)
        page.evaluate(KINDS)
    page.evaluate(FEWER_KINDS)
    found = page.evaluate(VIOLATIONS, ["dark", BY_COLOUR])
    turn(page, "light")
    return found + page.evaluate(VIOLATIONS, ["light", {}])


def turn(page: Any, scheme: str) -> None:
    """Let the reader's system turn light or dark, and wait until the page has followed."""
    page.emulate_media(color_scheme=scheme)
    tools.until(page, "scheme => document.documentElement.dataset.theme === scheme", scheme)
    tools.still(page)
