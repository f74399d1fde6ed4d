"""A term of the glossary says what it means where it stands.

On each page the first place of each term becomes a button, and so does every ``{term}`` that is
written. It opens the term's definition, copied from the page of notation: by a click, a tap or a
key without any script, and under a pointer by terms.js. On that page itself nothing changes.
"""

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

GLOSSARY = "book/notation"
PAGES = re.compile(r"book/(?!notation$|references$|api$|coursework/)")
# Everyday words: only where the page says so, by the role.
EVERYDAY = {"smooth", "lazy", "homogeneous", "check, control"}
NOT_IN = (
    *(nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.raw),
    *(nodes.math_block, nodes.caption, nodes.rubric, nodes.footnote, addnodes.pending_xref),
)


class glossed(nodes.Inline, nodes.TextElement):
    """A word that opens its definition."""


class meaning(nodes.General, nodes.Element):
    """What a term means, hidden until it is asked for."""


def meanings(glossary: nodes.document) -> dict[str, nodes.definition_list_item]:
    """Return the entries of the glossary by the id of each of their terms."""
    return {
        name: item
        for item in glossary.findall(nodes.definition_list_item)
        for one in item.findall(nodes.term)
        for name in one["ids"]
        if name.startswith("term-")
    }


def words(entries: dict[str, nodes.definition_list_item]) -> dict[str, str]:
    """Return the id of each term by its words, without those of everyday use."""
    named = {
        one.astext().lower(): next(name for name in one["ids"] if name.startswith("term-"))
        for item in entries.values()
        for one in item.findall(nodes.term)
    }
    return {word: name for word, name in named.items() if word not in EVERYDAY}


def pattern(named: Iterable[str]) -> re.Pattern:
    """Return what finds a term, the longest first, in the singular or the plural."""
    longest = sorted(named, key=len, reverse=True)
    either = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in longest)
    return re.compile(rf"(?<![\w-])({either})(s|es)?(?![\w-])", re.IGNORECASE)


def key(found: str) -> str:
    """Return a term as the glossary writes it."""
    return re.sub(r"[\s-]+", " ", found).lower()


def mark(doctree: nodes.document, named: dict[str, str]) -> None:
    """Make the first place of each term that the page does not mark itself into a button."""
    seen = {one["definition"] for one in doctree.findall(glossed)}
    if not (find := pattern(named) if named else None):
        return
    spelled = {key(word): name for word, name in named.items()}
    for text in list(doctree.findall(nodes.Text)):
        above, inside = text.parent, []
        while above is not None:
            inside.append(above)
            above = above.parent
        if any(isinstance(one, (*NOT_IN, glossed, meaning)) for one in inside):
            continue
        if not any(isinstance(one, nodes.section) for one in inside):
            continue
        pieces, last = [], 0
        for match in find.finditer(text):
            name = spelled[key(match[1])]
            if name not in seen:
                seen.add(name)
                pieces.append(nodes.Text(text[last : match.start()]))
                pieces.append(glossed("", match[0], definition=name))
                last = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[last:])])


def explain(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn the terms of a page into buttons, and put their definitions at its end."""
    if app.builder.format != "html" or not PAGES.match(docname):
        return
    if GLOSSARY not in app.env.found_docs:
        return
    entries = meanings(app.env.get_doctree(GLOSSARY))
    for link in list(doctree.findall(nodes.reference)):
        name = link.get("refuri", "").partition("#")[2] or link.get("refid", "")
        if any("std-term" in one.get("classes", []) for one in link.findall(nodes.inline)):
            link.replace_self(glossed("", link.astext(), definition=name))
    mark(doctree, words(entries))
    used = dict.fromkeys(one["definition"] for one in doctree.findall(glossed))
    for name in used:
        box = meaning(ids=[name], name=entries[name].children[0].astext())
        means = next(iter(entries[name].findall(nodes.definition))).deepcopy()
        for cross in list(means.findall(addnodes.pending_xref)):
            cross.replace_self(nodes.Text(cross.astext()))
        box += means.children
        box["more"] = app.builder.get_relative_uri(docname, GLOSSARY) + f"#{name}"
        next(doctree.findall(nodes.section)).append(box)


def visit_glossed(self: HTML5Translator, node: glossed) -> None:
    """Open the button."""
    name = node["definition"]
    self.body.append(
        f'<button type="button" class="term" popovertarget="{name}" aria-describedby="{name}">'
    )


def depart_glossed(self: HTML5Translator, node: glossed) -> None:
    """Close the button."""
    self.body.append("</button>")


def visit_meaning(self: HTML5Translator, node: meaning) -> None:
    """Open the box; the browser shows and hides it."""
    self.body.append(
        f'<div class="definition" popover id="{node["ids"][0]}" role="note">'
        f'<p class="lead"><a href="{node["more"]}">{self.encode(node["name"])}</a></p>'
    )


def depart_meaning(self: HTML5Translator, node: meaning) -> None:
    """Close the box."""
    self.body.append("</div>\n")


def skip(self: Any, node: nodes.Node) -> None:
    """Write the word alone, in other formats."""


def hide(self: Any, node: nodes.Node) -> None:
    """Write no definition, in other formats."""
    raise nodes.SkipNode


def add_script(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Load the script on the pages that have terms."""
    if doctree is not None and next(doctree.findall(glossed), None) is not None:
        app.add_js_file("terms.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Work on a page when its references are resolved."""
    plain, none = (skip, skip), (hide, skip)
    app.add_node(glossed, html=(visit_glossed, depart_glossed), latex=plain, text=plain, man=plain)
    html = (visit_meaning, depart_meaning)
    app.add_node(meaning, html=html, latex=none, text=none, man=none)
    app.connect("doctree-resolved", explain)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
