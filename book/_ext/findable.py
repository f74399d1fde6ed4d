"""The search finds theorems, definitions and exercises by their titles, and terms by name.

Sphinx searches the words of a page, its titles, and the *objects* of its domains: the functions
of the package are objects. This domain adds what has a title of its own in the text, so that a
search for "top speed" leads to that theorem and not only to its page.
"""

from collections.abc import Iterator
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains import Domain, ObjType
from sphinx_proof.proof_type import PROOF_TYPES

KINDS = tuple(name.removeprefix("prf:") for name in PROOF_TYPES)
PRIORITY = 1  # that of the package's functions


class Findable(Domain):
    """What has a title in the text, for the search alone: nothing refers to it by this domain."""

    name = "findable"
    label = "Results and terms"
    object_types: ClassVar = {kind: ObjType(kind.capitalize()) for kind in (*KINDS, "term")}
    initial_data: ClassVar = {"found": {}}
    data_version = 1

    def note(self, docname: str, anchor: str, kind: str, title: str) -> None:
        """Keep one place."""
        self.data["found"][docname, anchor] = (kind, title)

    def clear_doc(self, docname: str) -> None:
        """Forget a page that is read again."""
        for place in [place for place in self.data["found"] if place[0] == docname]:
            del self.data["found"][place]

    def merge_domaindata(self, docnames: set[str], otherdata: dict) -> None:
        """Take what another process has found."""
        self.data["found"].update(otherdata["found"])

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield name, shown name, kind, page, anchor and priority."""
        for (docname, anchor), (kind, title) in self.data["found"].items():
            # the search takes the shown name for the place of an object that is named like it
            yield f"{docname}#{anchor}", title, kind, docname, anchor, PRIORITY


def collect(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Note what has a title, when its citations have become words."""
    domain = app.env.get_domain("findable")
    for node in doctree.findall(nodes.Element):
        kind = node.get("realtype")
        if kind in KINDS and node.children and isinstance(node[0], nodes.title):
            # a dot would part the name, as it does those of the package
            title = node[0].astext().strip().removeprefix("(").removesuffix(")").replace(".", "")
            if title and node.get("ids"):
                domain.note(docname, node["ids"][0], kind, title)
    for entry in doctree.findall(nodes.term):
        for anchor in entry.get("ids", []):
            if anchor.startswith("term-"):
                domain.note(docname, anchor, "term", entry.astext().replace(".", ""))


def setup(app: Sphinx) -> dict:
    """Collect from each page as it is written."""
    app.add_domain(Findable)
    app.connect("doctree-resolved", collect)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
