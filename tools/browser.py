"""The built site in a real browser: what the tests and the scales share.

python tools/browser.py     names the browser; without one, says how to get it and fails
"""

import gzip
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
# The engine of the browser by itself, from the same source: a page takes as long to be laid out,
# and much less to be opened, for there is no window, and nothing of a window's own.
ENGINES = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
# Whoever looks at no window needs none of its own pages: half of what a visit takes. Chromium
# heeds the last list of these, so that Playwright's own stands here again.
WITHOUT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning",
)
QUIET = [
    f"--{switch}"
    for switch in (
        "disable-background-networking",
        "disable-component-update",
        "disable-default-apps",
        f"disable-features={','.join(WITHOUT)}",
        "disable-gpu",
        "disable-sync",
        "no-first-run",
    )
]
# Playwright's own limit is half a minute on the clock, which a busy machine exceeds.
PATIENCE = 120.0  # seconds for a state to come on a machine with nothing else to do
SETTLED = """async () => {
    await document.fonts.ready;
    return document.readyState === "complete" && document.fonts.status === "loaded"
        && [...document.images].every(image => image.complete);
}"""
# What has moved since the page began, kept from its first moment.
SHIFTS = """window.shifts = {sum: 0, moved: [], add: list => list.forEach(e => {
    shifts.sum += e.value;
    for (const {node, previousRect: from, currentRect: to} of e.sources) shifts.moved.push(
        `${e.value.toFixed(4)} at ${e.startTime.toFixed()} ms: ${node?.nodeName} ${node?.className}`
        + ` from ${[from.x, from.y, from.width, from.height].map(Math.round)}`
        + ` to ${[to.x, to.y, to.width, to.height].map(Math.round)}`);
})};
shifts.observer = new PerformanceObserver(list => shifts.add(list.getEntries()));
shifts.observer.observe({type: "layout-shift", buffered: true});"""
COMPRESSED = (".woff", ".woff2", ".png", ".jpg", ".whl", ".zip")


def executable(window: bool = False) -> str | None:
    """Return the path of Chromium or Chrome, or None: the engine, or what has a `window`."""
    named = filter(None, map(shutil.which, NAMES if window else ENGINES + NAMES))
    return next(named, next((place for place in PLACES if Path(place).exists()), None))


MISSING = """\
No Chromium or Chrome was found, and the tests of the site need one. Install it:
    Debian, Ubuntu    sudo apt-get install chromium      (Ubuntu: chromium-browser)
    Fedora            sudo dnf install chromium
    macOS             brew install --cask chromium
Without it, everything but the site can be tested: make lint unit checks assignments"""


@contextmanager
def browsers() -> Iterator[Callable[[str | None], Any]]:
    """Yield what starts the browser at a path, without showing a window; all end together."""
    from playwright.sync_api import sync_playwright

    as_root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    started = []
    with sync_playwright() as playwright:

        def start(path: str | None) -> Any:
            started.append(playwright.chromium.launch(executable_path=path, args=QUIET + as_root))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser, and end it."""
    with browsers() as start:
        yield start(executable())


def patience() -> float:
    """Return how long to wait for a state, in milliseconds: longer the busier the machine is."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 4.0
    return 1000 * PATIENCE * max(1.0, busy)


def visit(context: Any, url: str) -> Any:
    """Open an address in a new page and wait until all that it names is there.

    The page notes in `troubles` what went wrong, and in `responses` what it loads.
    """
    page = context.new_page()
    page.troubles, page.responses = [], []

    def note(message: Any) -> None:
        # A warning without arguments is the engine's own, of this version and at this moment.
        if message.type == "error" or (message.type == "warning" and message.args):
            page.troubles.append(f"console: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: page.troubles.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: page.troubles.append(f"failed: {request.url}"))
    page.on("response", lambda response: page.responses.append(response))
    page.set_default_timeout(patience())
    page.add_init_script(SHIFTS)
    page.goto(url)
    until(page, SETTLED)
    named = "performance.getEntriesByType('resource').map(resource => resource.name)"
    given_up = time.monotonic() + patience() / 1000
    while missing := set(page.evaluate(named)) - {one.url for one in page.responses}:
        if time.monotonic() > given_up:
            raise TimeoutError(f"{url} names, and nobody answers: {missing}")
        page.wait_for_timeout(20)
    return page


def until(page: Any, state: str, argument: Any = None) -> None:
    """Wait until the page is in a state, which is JavaScript: an expression or a function."""
    page.wait_for_function(state, arg=argument)


def still(page: Any) -> None:
    """Wait until no colour or place that is shown is on its way to another one.

    What is folded away has no clock: its passages never end.
    """
    page.evaluate(
        """async () => {
            const passing = () => document.getAnimations().filter(({effect}) =>
                Number.isFinite(effect.getComputedTiming().endTime)
                && effect.target.checkVisibility());
            do {
                for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
                await Promise.allSettled(passing().map(one => one.finished));
            } while (passing().some(one => one.playState === "running"));
        }"""
    )


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


def sent(name: str, body: bytes) -> int:
    """Return how many bytes a server that compresses sends for a file of this name."""
    return len(body if name.endswith(COMPRESSED) else gzip.compress(body))


_weighed: dict[str, int] = {}  # files that many pages load, by their addresses


def weight(response: Any) -> int:
    """Return the bytes of a response as a server that compresses would send it."""
    url = response.url
    if "/_static/" not in url:
        return sent(url, response.body())
    if url not in _weighed:
        _weighed[url] = sent(url, response.body())
    return _weighed[url]


def kind(page: Any) -> str:
    """Return what a page carries: prose, mathematics or sliders."""
    if page.query_selector(".slider"):
        return "sliders"
    return "mathematics" if page.query_selector(".katex") else "prose"


if __name__ == "__main__":
    sys.exit(None if executable() else MISSING)
