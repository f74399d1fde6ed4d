"""The outlines of letters, which all pictures of a page share."""

import re

GLYPH = re.compile(r'<path id="(?P<id>(?:DejaVu|STIX|Cm|cm)[^"]*)"[^>]*/>')


class Glyphs:
    """The outlines that the pictures of one page have used so far."""

    def __init__(self) -> None:
        self.outlines: dict[str, str] = {}

    def taken_from(self, svg: str) -> str:
        """Return a picture without its outlines, which are kept."""

        def take(match: re.Match) -> str:
            same = self.outlines.setdefault(match["id"], match[0]) == match[0]
            return "" if same else match[0]

        return GLYPH.sub(take, svg).replace("<defs></defs>", "")

    def shared(self) -> str:
        """Return the element that holds the outlines."""
        outlines = "".join(self.outlines.values())
        return f'<svg class="glyphs" aria-hidden="true"><defs>{outlines}</defs></svg>'
