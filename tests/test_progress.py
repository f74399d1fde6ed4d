"""Progress: a callback gets fractions at once and seldom, a bar waits for a terminal."""

import sys

import pytest

from ibias import progress
from ibias.progress import INTERVAL, PATIENCE, Bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    time = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


def test_a_callback_hears_of_the_first_step_and_then_at_intervals(clock):
    seen = []
    with progress.reported(lambda *what: seen.append(what)), Bar("counting", 8) as bar:
        bar.at(1)
        clock[0] += 0.9 * INTERVAL
        bar.at(2)
        clock[0] += 0.2 * INTERVAL
        bar.at(4)
        bar.at(5)
        clock[0] += INTERVAL
        bar.at(12)
    assert seen == [("counting", 0.125), ("counting", 0.5), ("counting", 1.0)]


def test_what_ends_at_once_is_done(clock):
    seen = []
    for total in (0, 1e-9):
        with progress.reported(lambda _, part: seen.append(part)), Bar("counting", total) as bar:
            bar.at(0.5e-9)
    assert seen == [1.0, 0.5]


def test_a_report_ends_with_its_context(clock):
    seen = []
    with progress.reported(lambda *_: seen.append("outer")):
        with progress.reported(lambda *_: seen.append("inner")), Bar("a", 1) as bar:
            bar.at(1)
        with Bar("a", 1) as bar:
            bar.at(1)
    with Bar("a", 1) as bar:
        assert bar.report is None
        bar.at(1)
    with pytest.raises(KeyError), progress.reported(lambda *_: 0):
        raise KeyError
    assert seen == ["inner", "outer"] and progress._reported.get() is None


class Screen:
    """Standard error, as a terminal or not; it keeps what is written."""

    def __init__(self, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Drawn:
    """A bar that keeps what it is told."""

    made = ()

    def __init__(self, total, desc, leave, bar_format):
        assert (total, leave) == (1.0, False) and "{percentage:3.0f}%" in bar_format
        self.desc, self.n, self.closed = desc, 0.0, False
        type(self).made = (*self.made, self)

    def update(self, more):
        self.n += more

    def close(self):
        self.closed = True


def test_a_bar_is_drawn_in_a_terminal_after_three_seconds(clock, monkeypatch):
    import tqdm

    monkeypatch.setattr(tqdm, "tqdm", type("OneDrawn", (Drawn,), {}))
    monkeypatch.setattr(sys, "stderr", Screen(terminal=True))
    with Bar("counting", 10) as bar:
        for seconds, at, shown in (
            (0.0, 1, None),
            (PATIENCE - 0.1, 2, None),
            (0.2, 3, 0.3),
            (0.5 * INTERVAL, 4, 0.3),
            (INTERVAL, 7, 0.7),
            (INTERVAL, 20, 1.0),
        ):
            clock[0] += seconds
            bar.at(at)
            assert (bar.bar and bar.bar.n) == (shown and pytest.approx(shown))
    (drawn,) = tqdm.tqdm.made
    assert drawn.desc == "counting" and drawn.closed


def test_where_there_is_no_terminal_nothing_is_drawn(clock, monkeypatch):
    for stderr in (Screen(terminal=False), None):
        monkeypatch.setattr(sys, "stderr", stderr)
        with Bar("counting", 10) as bar:
            clock[0] += 2 * PATIENCE
            bar.at(5)
            assert bar.bar is None and bar.silent
        with progress.reported(lambda *_: None), Bar("counting", 10) as bar:
            assert not bar.silent
