"""What the browser does not write into the book on paper: numbers, parts, pictures kept once."""

from typing import Any

import pikepdf
from paper import Parts, anchor
from pikepdf import OutlineItem, Pdf


def page_numbers(book: Pdf, parts: Parts) -> dict[str, int]:
    """Return the number of the page on which each chapter begins, by its id."""
    numbers = {page.objgen: number for number, page in enumerate(book.pages, 1)}
    places = {anchor(page) for _, pages in parts for page in pages}
    found = {str(name).lstrip("/"): place for name, place in book.Root.Dests.items()}
    return {name: numbers[found[name][0].objgen] for name in places}


def nest(book: Pdf, headings: list[tuple[int, str]], parts: Parts) -> None:
    """Put the chapters into their parts, and the words of each heading as the page has them.

    The browser runs the words of a heading together where its line breaks.
    """

    def flat(items: list[OutlineItem]) -> list[OutlineItem]:
        return [one for item in items for one in (item, *flat(item.children))]

    with book.open_outline() as outline:
        _, front, *rest = outline.root  # the cover, the contents
        rest = flat(rest)
        front.children.clear()
        above: list[tuple[int, OutlineItem]] = []
        made: list[OutlineItem] = []
        for item in rest:
            item.children = []
        for (level, title), item in zip(headings, rest, strict=True):
            item.title, item.is_closed = title, True
            above = [(over, one) for over, one in above if over < level]
            (above[-1][1].children if above else made).append(item)
            above.append((level, item))
        outline.root[:] = [front]
        for name, pages in parts:
            own, made = made[: len(pages)], made[len(pages) :]
            if name:
                part = OutlineItem(name, destination=own[0].destination)
                part.children, own = own, [part]
            outline.root += own


def share_images(book: Pdf) -> None:
    """Keep one of pictures that are alike: the browser draws a hatch anew for each bar."""
    kept: dict[tuple, Any] = {}
    for holder in book.objects:
        if isinstance(holder, pikepdf.Stream) and "/XObject" in holder.get("/Resources", {}):
            pictures = holder.Resources.XObject
            for name, picture in pictures.items():
                if picture.get("/Subtype") == "/Image" and "/SMask" not in picture:
                    known = (picture.Width, picture.Height, picture.read_raw_bytes())
                    pictures[name] = kept.setdefault(known, picture)
