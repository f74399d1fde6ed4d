"""What a link, a preview and a citation of a page say."""

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from plain import plain  # book/_ext/plain.py
from sharing import card_name, description, draw_card  # book/_ext/sharing.py

FORMULA = (
    '<span class="katex"><span class="katex-mathml"><math><semantics><mrow>'
    '<mover accent="true"><mi>w</mi><mo>^</mo></mover><mtext>.</mtext></mrow><annotation'
    ' encoding="application/x-tex">\\hat w</annotation></semantics></math></span>'
    '<span class="katex-html" aria-hidden="true"><span>w</span></span></span>'
)


def test_the_first_paragraph_describes_the_page_formulas_in_words():
    body = f"<h1>Title</h1>\n<p>A limit &amp; <em>one</em> {FORMULA} It stays.</p><p>Not this.</p>"
    assert description(body) == "A limit & one ŵ. It stays."


@pytest.mark.parametrize(
    ("mathml", "text"),
    [
        ("<mi>x</mi><mo>↦</mo><mo>⟨</mo><mi>w</mi><mo>,</mo><mi>x</mi><mo>⟩</mo>", "x ↦ ⟨w,x⟩"),
        ("<mi>log</mi><mo>\u2061</mo><mi>k</mi><mtext>,</mtext>", "log k,"),
        ("<msub><mi>ℓ</mi><mi>∞</mi></msub>", "ℓ_∞"),
        ("<msup><mi>t</mi><mrow><mo>−</mo><mn>1</mn></mrow></msup>", "t^(− 1)"),
        ("<msubsup><mi>W</mi><mn>1</mn><mo>⊤</mo></msubsup>", "W_1^⊤"),
        ("<mfrac><mn>2</mn><mrow><mi>L</mi><mo>+</mo><mn>1</mn></mrow></mfrac>", "2/(L + 1)"),
        ("<msqrt><mi>d</mi></msqrt>", "√d"),
    ],
)
def test_a_formula_in_plain_characters(mathml, text):
    assert plain(BeautifulSoup(f"<math>{mathml}</math>", "html.parser").math) == text


def test_a_long_description_ends_with_a_sentence_or_says_that_it_goes_on():
    sentence = "Sixty characters and a little more stand in this one here. "
    assert description(f"<h1>T</h1><p>{sentence * 6}</p>") == (sentence * 3).strip()
    cut = description(f"<h1>T</h1><p>{'word ' * 100}</p>")
    assert cut.endswith("word …") and len(cut) <= 202


@pytest.mark.parametrize("body", ["", "<p>No title.</p>", "<h1>Only a title</h1>"])
def test_a_page_without_a_paragraph_has_none(body):
    assert description(body) == ""


def test_a_card_has_the_shape_that_previews_ask_for(tmp_path):
    picture = tmp_path / "figure.png"
    Image.new("RGB", (300, 200), "red").save(picture)
    for figure in (None, picture):
        path = tmp_path / card_name("book/linear/rates")
        draw_card(path, "How fast? A rather long title of a page", "The book", figure)
        card = Image.open(path).convert("RGB")
        assert card.size == (1200, 630)
        reds = sum(
            count for count, (r, g, b) in card.getcolors(1 << 20) if r > 200 > 60 > max(g, b)
        )
        assert (reds > 10_000) == bool(figure)
    assert path.name == "book-linear-rates.png"


@pytest.mark.parametrize(
    "title", ["Wide", "Neural collapse: features without constraints, and what decay does"]
)
def test_a_title_does_not_run_into_the_figure(title, tmp_path):
    picture, path = tmp_path / "figure.png", tmp_path / "card.png"
    Image.new("RGB", (460, 480), "red").save(picture)
    draw_card(path, title, "The book", picture)
    card = Image.open(path).convert("RGB").crop((600, 0, 1200, 630))
    other = [n for n, (r, g, b) in card.getcolors(1 << 20) if max(r, g, b) < 100]
    assert sum(other) == 0
