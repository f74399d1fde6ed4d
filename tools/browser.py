"""The built site in a real browser: what the tests and the scales share."""

import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
QUIET = [
    f"--{switch}"
    for switch in (
        "disable-background-networking",
        "disable-component-update",
        "disable-default-apps",
        "disable-gpu",
        "disable-sync",
        "no-first-run",
    )
]
COMPRESSED = (".woff", ".woff2", ".png", ".jpg")


def executable() -> str | None:
    """Return the path of Chromium or Chrome, or None."""
    named = filter(None, map(shutil.which, NAMES))
    return next(named, next((place for place in PLACES if Path(place).exists()), None))


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser, without a window."""
    from playwright.sync_api import sync_playwright

    as_root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=QUIET + as_root)
        yield browser
        browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing about each request."""


@contextmanager
def served(folder: Path = SITE) -> Iterator[str]:
    """Serve a folder on this machine; yield its address."""
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def pages(folder: Path = SITE) -> list[str]:
    """Return the pages of the book, relative to the site."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("book/**/*.html"))


def weight(response: Any) -> int:
    """Return the bytes of a response as a server that compresses would send it."""
    body = response.body()
    return len(body if response.url.endswith(COMPRESSED) else gzip.compress(body))


def kind(page: Any) -> str:
    """Return what a page carries: prose, mathematics or sliders."""
    if page.query_selector(".slider"):
        return "sliders"
    return "mathematics" if page.query_selector(".katex") else "prose"
