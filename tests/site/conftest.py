"""One browser and one server for all tests of the built site."""

import os
from contextlib import contextmanager
from pathlib import Path

import browser as tools  # tools/browser.py
import pytest

ROOT = Path(__file__).resolve().parents[2]


def need(condition: object, what: str) -> None:
    """Skip without `condition`, with a clear word; where CI is set, fail instead."""
    if condition:
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{what}; under CI this is a failure", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def site():
    need((tools.SITE / "index.html").exists(), "the site is not built: run `make book`")
    return tools.SITE


@pytest.fixture(scope="session")
def address(site):
    with tools.served(site) as address:
        yield address


@pytest.fixture(scope="session")
def browsers():
    need(tools.executable(), tools.MISSING)
    with tools.browsers() as start:
        yield start


@pytest.fixture(scope="session")
def chromium(browsers):
    return browsers(tools.executable())


@pytest.fixture(scope="session")
def with_window(browsers):
    """The browser that readers have, where the engine alone looks at the pages."""
    need(tools.executable(window=True), tools.MISSING)
    return browsers(tools.executable(window=True))


@pytest.fixture
def visit(chromium):
    """Open an address in a page of its own, with an empty cache; see `browser.visit`."""
    with visits(chromium) as open_page:
        yield open_page


@contextmanager
def visits(browser):
    """Yield what opens an address in a page of its own; close them all."""
    contexts = []

    def open_page(url, *, width=1280, height=900, scheme="light"):
        size = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme))
        return tools.visit(contexts[-1], url)

    yield open_page
    for context in contexts:
        context.close()
