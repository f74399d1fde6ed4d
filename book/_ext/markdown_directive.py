"""A directive that writes Markdown: what the atlas, the ledger and the boxes of pages share."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


class Markdown(SphinxDirective):
    """A directive that writes Markdown."""

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Return the nodes of some lines of Markdown."""
        holder = nodes.Element()
        source = self.get_source_info()[0]
        self.state.nested_parse(StringList(lines, source), self.content_offset, holder)
        return holder.children

    def inline(self, text: str) -> list[nodes.Node]:
        """Return the nodes of a line of Markdown, without its paragraph."""
        return [node for paragraph in self.parsed([text]) for node in paragraph.children]
