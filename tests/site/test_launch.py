"""The button that runs a page in the browser: there with JupyterLite, and only with it."""

import json
from pathlib import Path

import browser as tools  # tools/browser.py
from nbformat.v4 import new_code_cell
from test_gate import build, menu, plant


def test_buttons_are_where_jupyterlite_is(tmp_path, visit):
    """And nowhere else: test_gate looks at a book without it."""
    plant(tmp_path, new_code_cell("print(1)"))
    html = tmp_path / "_build" / "html"
    beside = tmp_path / "_build" / "lite"
    (beside / "notebooks").mkdir(parents=True)
    (beside / "notebooks" / "index.html").write_text("the interface")
    (beside / "weight.json").write_text(json.dumps({"a": 46_000_001, "b": 1_000_000}))
    done = build(tmp_path)
    assert done.returncode == 0, done.stdout
    text, address = menu(tmp_path)[0]
    assert text == "In this browser (48 MB)"
    opened, _, page = address.partition("?path=")
    place = tmp_path / "_build" / "html" / "book" / opened
    assert Path(place).resolve().read_text() == "the interface"
    assert (tmp_path / page).exists()

    # Below the experiment stands "Try it". Here its files are missing, and it says so in words.
    said = ".try-it [role=status]"
    with tools.served(html) as served:
        tab = visit(f"{served}/book/index.html")
        assert not [one.url for one in tab.responses if "/lite/" in one.url]
        assert tab.inner_text(said).endswith("(loads 48 MB, once).")
        code = tab.evaluate(
            "fetch('../' + document.querySelector('.try-it').dataset.code).then(r => r.json())"
        )
        assert code == {"before": "", "code": "print(1)"}

        def refused(prepare=lambda tab: None):
            """Click on a new page, prepared in some way; return what is said when it fails."""
            tab = visit(f"{served}/book/index.html")
            prepare(tab)
            tab.click(".try-it button")
            tab.wait_for_selector(".try-it[data-state=failed]")
            assert tab.is_enabled(".try-it button"), "one may try again"
            assert not tab.query_selector(".try-it iframe")
            return tab.inner_text(said)

        assert "could not be loaded (404)" in refused()
        offline = refused(lambda tab: tab.context.set_offline(True))
        assert "could not be loaded. Is there still a connection?" in offline
        assert "runs no WebAssembly" in refused(lambda tab: tab.evaluate("delete WebAssembly"))
        held = []
        tab = visit(f"{served}/book/index.html")
        tab.route("**/lite/b", lambda route: held.append(route))
        tab.click(".try-it button")
        tab.wait_for_selector(".try-it[data-state=failed]")
        (html / "lite" / "b").write_text("a file")
        held[0].continue_()
        tab.evaluate("fetch(location).then(answer => answer.text())")
        assert "a could not be loaded (404)" in tab.inner_text(said), (
            "what comes later says nothing"
        )
        for name in ("a", "b"):
            (html / "lite" / name).write_text("a file")
        assert "the editor could not be loaded (404)" in refused()
        (html / "lite" / "repl").mkdir()
        (html / "lite" / "repl" / "index.html").write_text("an editor")
        cut = refused(lambda tab: tab.route("**/lite/repl/**", cut_after_the_first()))
        assert "the editor could not be loaded. Is there still a connection?" in cut
        (html / "_static" / "try" / "book-index.json").unlink()
        assert "the experiment could not be loaded (404)" in refused()
        (html / "lite" / "weight.json").unlink()
        assert "the list of its files could not be loaded (404)" in refused()
    tab = visit((html / "book" / "index.html").as_uri())
    tab.click(".try-it button")
    tab.wait_for_selector(".try-it[data-state=failed]")
    assert "it needs the page from a server" in tab.inner_text(said)


def cut_after_the_first():
    """Return what answers the first request, and cuts the connection of all others."""
    answered = []

    def answer(route):
        answered.append(route)
        route.continue_() if len(answered) == 1 else route.abort()

    return answer
