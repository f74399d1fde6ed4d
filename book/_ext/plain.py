"""A formula in the characters that a preview, a list or a search can show."""

import re
import unicodedata

from bs4 import NavigableString, Tag

APART = set("=≠<>≤≥≪≫≈∼→↦∈⊂+−±×⇒⇔↓↑")  # operators with a space on each side
ACCENTS = {"^": "\u0302", "~": "\u0303", "ˉ": "\u0304", "˙": "\u0307", "¨": "\u0308", "⃗": "\u20d7"}
APPLIED = re.compile("\u2061+(?=\\w)")  # stands between a function and its argument
UNSEEN = re.compile("[\u200b\u2061-\u2064]")


def plain(math: Tag) -> str:
    """Return a formula, as its MathML says it, on one line."""
    text = UNSEEN.sub("", APPLIED.sub(" ", _text(math)))
    return " ".join(unicodedata.normalize("NFC", text).split())


def _held(text: str) -> str:
    """Return an exponent, an index or a part of a fraction, in parentheses if it is long."""
    return text if len(text) == 1 or text.isalnum() else f"({text})"


def _text(node: Tag | NavigableString) -> str:
    if isinstance(node, NavigableString):
        return str(node)
    if node.name == "annotation":
        return ""
    inside = [_text(child) for child in node.children]
    if node.name == "mo" and inside and inside[0] in APART:
        return f" {inside[0]} "
    if node.name == "mspace":
        return " "
    if node.name in ("msup", "mover") and len(inside) == 2:
        base, over = inside
        accent = ACCENTS.get(over.strip()) if node.name == "mover" else None
        return base + accent if accent else f"{base}^{_held(over.strip())}"
    if node.name in ("msub", "munder"):
        return f"{inside[0]}_{_held(inside[1].strip())}"
    if node.name in ("msubsup", "munderover"):
        return f"{inside[0]}_{_held(inside[1].strip())}^{_held(inside[2].strip())}"
    if node.name == "mfrac":
        return "/".join(_held(part.strip()) for part in inside)
    if node.name in ("msqrt", "mroot"):
        return f"√{_held(inside[0].strip())}"
    return "".join(inside)
