"""What reaches the reader's browser: only what a page uses, and nothing from elsewhere."""

import base64
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
FACE = HERE.parents[1] / "node_modules" / "@fontsource" / "source-serif-4" / "files"
FACE_CUTS = ("400-normal", "400-italic", "600-normal")
# The faces of formulas that stand in lines of text; the others are fetched where they are used.
IN_LINE = ("Main-Regular", "Math-Italic", "Size1-Regular", "Size2-Regular")
# All that a page is painted with, as a style names them.
FACES = [
    *(f"{style} 1em 'Source Serif'" for style in ("400", "italic 400", "600")),
    *("900 1em 'Font Awesome 6 Free'", "400 1em 'Font Awesome 6 Brands'"),
    *("1em KaTeX_Main", "italic 1em KaTeX_Math", "1em KaTeX_Size1", "1em KaTeX_Size2"),
]

UNUSED = re.compile(r"thebe|design-tabs|toggle|proof\.css|exercise\.css")
# Parts of a body that no page uses, ids that are written more than once on a page, and roles
# that standards have since withdrawn.
CLUTTER = re.compile(
    r'\s*<script type="text/x-thebe-config">.*?</script>|\s*<script>kernelName = .*?</script>'
    r'| id="(?:proof|exercise|solution)-content"|(?<=") id="proof"'
    r'| role="doc-(?:biblioentry|backlink)"|(?<=<div) role="list"(?= class="citation-list")'
    r'|(?<=<summary) aria-label="Toggle hidden content"',
    re.DOTALL,
)
# The size of a figure, written so that its place is kept while it loads.
SIZE = re.compile(r'style="width: (\d+)px; height: (\d+)px;"')
# An admonition of class dropdown, up to the end of its title.
DROPDOWN = re.compile(
    r'<div((?: id="[^"]*")? class="[^"]*\bdropdown\b[^"]*\badmonition\b[^"]*"(?: id="[^"]*")?)>'
    r'\s*(?:<p class="admonition-title">(.*?)</p>|(?=<))',
    re.DOTALL,
)
# Rules of the icon font: one for each of two thousand icons.
ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')

# The theme's own faces of icons, of files that the site does not serve.
ICON_FACE = re.compile(r"@font-face\{[^}]*webfonts/[^}]*\}")


def with_details(body: str) -> str:
    """Return the body with its dropdowns made into the browser's own <details>."""
    while match := DROPDOWN.search(body):
        end = _closing_div(body, match.end())
        inside = re.sub(r"^\s*<p>Proof\. ", "<p>", body[match.end() : end])
        title = re.sub(r"</?a\b[^>]*>", "", match[2] or "Proof")  # a link would steal the click
        opening = f'<details{match[1]}><summary class="admonition-title">{title}</summary>'
        body = f"{body[: match.start()]}{opening}{inside}</details>{body[end + len('</div>') :]}"
    return body.replace("<p>Proof. ", '<p><span class="proof-word">Proof.</span> ')


def _closing_div(body: str, start: int) -> int:
    """Return where the <div> that is open at `start` closes."""
    depth = 1
    for tag in re.compile(r"<(/?)div\b").finditer(body, start):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.start()
    raise ValueError("a <div> is never closed")


def trim_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Drop the scripts, styles and ids that the page does not need."""
    body = with_details(CLUTTER.sub("", context.get("body", "")))
    context["faces"] = FACES
    body = context["body"] = SIZE.sub(r'width="\1" height="\2"', body)

    def used(asset: Any) -> bool:
        attributes = getattr(asset, "attributes", {})
        text = f"{getattr(asset, 'filename', asset)} {attributes.get('body', '')}"
        if "sphinx-design" in text:
            return 'class="sd-' in body
        return not UNUSED.search(text)

    for kind in ("script_files", "css_files"):
        # the same inline script is sometimes registered twice
        seen = {
            (str(getattr(asset, "filename", asset)), str(getattr(asset, "attributes", ""))): asset
            for asset in context[kind]
        }
        context[kind] = [asset for asset in seen.values() if used(asset)]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Put the faces into the style sheets, the used icons alone; drop what nothing loads."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for cut in FACE_CUTS:
        shutil.copy(FACE / f"source-serif-4-latin-{cut}.woff2", static)
    _reduce_icons(Path(app.outdir), static)
    _with_faces(static / "site.css", "")
    for face in IN_LINE:
        _with_faces(static / "katex" / "katex.css", face)
    shutil.rmtree(static / "vendor" / "fontawesome")
    shutil.rmtree(static / "locales")  # the theme's words in fifty languages
    for path in static.rglob("*.map"):
        path.unlink()
    _drop_unnamed(Path(app.outdir), static)


def _drop_unnamed(site: Path, static: Path) -> None:
    """Delete the files of the theme that no page, style or script names."""
    texts = {
        p: p.read_text("utf-8") for p in site.rglob("*") if p.suffix in (".html", ".css", ".js")
    }
    before = None
    while before != len(texts):
        before = len(texts)
        for path in [p for p in static.rglob("*") if p.is_file()]:
            if not any(path.name in text for other, text in texts.items() if other != path):
                path.unlink()
                texts.pop(path, None)


def _with_faces(sheet: Path, name: str) -> None:
    """Put the faces that a style sheet names, those with `name` in theirs, into the sheet.

    A page is not painted before its style sheets are there. What they hold is there with them,
    so that no line of text moves when a face comes late.
    """

    def inside(match: re.Match) -> str:
        path = sheet.parent / match[1]
        data = base64.b64encode(path.read_bytes()).decode()
        path.unlink()
        return f'url("data:font/{path.suffix[1:]};base64,{data}")'

    style = sheet.read_text(encoding="utf-8")
    face = rf'url\("?([\w./-]*{re.escape(name)}[\w-]*\.woff2?)"?\)'
    sheet.write_text(re.sub(face, inside, style), encoding="utf-8")


def _reduce_icons(site: Path, static: Path) -> None:
    """Write an icon font of the icons in use, and drop the rules of all others."""
    from fontTools import subset

    pages = " ".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    scripts = " ".join(path.read_text(encoding="utf-8") for path in static.rglob("*.js"))
    named = set(re.findall(r"\bfa-[\w-]+", pages + scripts))
    style = static / "styles" / "pydata-sphinx-theme.css"
    css = style.read_text(encoding="utf-8")
    points = {ord(char) for char in re.findall(r'--pst-icon-[\w-]+:"(.)"', css)}

    def keep(match: re.Match) -> str:
        if not named.intersection(re.findall(r"fa-[\w-]+", match[1])):
            return ""
        points.add(int(match[2], 16))
        return match[0]

    style.write_text(ICON_FACE.sub("", ICON_RULE.sub(keep, css)), encoding="utf-8")
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    options = subset.Options(flavor="woff")
    for name in ("solid-900", "brands-400"):
        font = subset.load_font(str(fonts / f"fa-{name}.ttf"), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=points)
        subsetter.subset(font)
        subset.save_font(font, str(static / f"icons-{name}.woff"), options)


def setup(app: Sphinx) -> dict:
    """Run last on each page, and once more when all are written."""
    app.connect("html-page-context", trim_page, priority=950)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
