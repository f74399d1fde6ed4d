"""A batch from the command line: graded, interrupted, resumed, and one file more."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from traceback import walk_stack

import grade
import nbformat
import pytest
from conftest import filled, solutions
from grading import batch, make
from grading.assignment import ROOT
from grading.collect import Handed
from grading.result import Limits
from grading.sandbox import Child

SLOW = "import time\nfor _ in range(10**6):\n    time.sleep(0.1)"


@pytest.fixture(scope="module")
def folder(linear, tmp_path_factory):
    """Six submissions, as Moodle leaves them."""
    right = solutions(linear)
    wrong = next(a for a in linear.wrong_answers if a.question == "q2")
    answers = [right, right | {"q2": wrong.code}, {}, right | {"q3": "def"}]
    top = tmp_path_factory.mktemp("submissions")
    for number, given in enumerate(answers):
        place = top / f"Student {number}_{100 + number}_assignsubmission_file"
        place.mkdir()
        nbformat.write(filled(linear, given, f"s{number}"), place / "linear.ipynb")
    (top / "Student 8_108_assignsubmission_file").mkdir()
    (top / "Student 8_108_assignsubmission_file" / "answers.pdf").write_bytes(b"%PDF")
    return top


@pytest.fixture(scope="module")
def run(linear):
    """Return a function that runs the command line on the build of the tests."""
    # A shell that puts the tests into the background lets what they start ignore Ctrl-C.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"import sys; sys.path[:0] = [{str(ROOT / 'tools')!r}]; import grade;"
        f" from grading.assignment import Assignment; from pathlib import Path;"
        f" grade.Assignment = lambda name: Assignment(name, Path({str(linear.root)!r}));"
        " sys.exit(grade.main())"
    )

    def start(*words):
        command = [sys.executable, "-c", program, "linear", *map(str, words), "--in", "child"]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_class_is_graded_interrupted_and_graded_on(folder, run, linear, tmp_path):
    to = tmp_path / "results"
    slow = folder / "Student 9_109_assignsubmission_file"
    slow.mkdir()
    nbformat.write(filled(linear, {"q1": SLOW}, "s9"), slow / "linear.ipynb")
    first = run(folder, "--output", to, "--jobs", "1", "--seconds", "1000")
    while len(list((to / "submissions").glob("*.json"))) < 5:
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    said = first.communicate()[0]
    assert first.returncode == 130 and "interrupted: 5 of 6 are graded" in said
    assert "seed 20261" in said and len(rows(to / "results.csv")) == 5
    times = {p.name: p.stat().st_mtime_ns for p in (to / "submissions").glob("*.json")}
    (slow / "linear.ipynb").unlink()
    late = folder / "Late_110_assignsubmission_file"
    late.mkdir()
    nbformat.write(filled(linear, solutions(linear), "late"), late / "linear.ipynb")
    second = run(folder, "--output", to)
    said = second.communicate()[0]
    assert second.returncode == 0 and "6 of 6" in said, said
    assert "nothing lies in Student 9_109_assignsubmission_file" in said
    after = {p.name: json.loads(p.read_text()) for p in (to / "submissions").glob("*.json")}
    assert len(after) == 6 and set(times) < set(after)
    untouched = {name: (to / "submissions" / name).stat().st_mtime_ns for name in times}
    assert untouched == times
    got = {r["handed in by"]: r for r in rows(to / "results.csv")}
    points = {name: float(row["score"]) for name, row in got.items()}
    assert points == {
        "Student 0 (100)": 22,
        "Student 1 (101)": 19,
        "Student 2 (102)": 0,
        "Student 3 (103)": 19,
        "Student 8 (108)": 0,
        "Late (110)": 22,
    }
    assert got["Student 8 (108)"]["status"] == "not a notebook"
    text = (to / "summary.txt").read_text()
    assert "6 students" in text and "mean" in text
    wrong = next(a for a in linear.wrong_answers if a.question == "q2")
    assert f"1  q2: {wrong.about}" in text
    scores = {r["handed in by"]: r for r in rows(to / "scores.csv")}
    assert scores["Student 8 (108)"]["total"] == "" and scores["Late (110)"]["total"] == "22.0"
    pages = list((to / "feedback").glob("*.html"))
    assert len(pages) == 6 and all("SECRET" not in page.read_text() for page in pages)
    assert len(list((to / "answers").glob("*/answers.py"))) == 6


def test_an_interruption_is_heard_whichever_thread_it_reaches(linear, tmp_path, monkeypatch):
    """One that comes just before a wait, or to another thread, does not end the wait."""
    heard, main = [], threading.main_thread().ident

    def interrupted(one, assignment, limits, runs, known):
        called = []
        while called[:1] != ["wait"] or "submit" in called:  # until the main thread waits for us
            called = [f.f_code.co_name for f, _ in walk_stack(sys._current_frames()[main])]
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        until = time.monotonic() + 60  # it is heard in half a second, or never
        while not runs.stopped and time.monotonic() < until:
            time.sleep(0.01)
        heard.append(runs.stopped)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "grade", interrupted)
    handed = [Handed(tmp_path / "a.ipynb", "a.ipynb")]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended = batch.grade_all(handed, linear, tmp_path, Limits(), Child())
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [True] and not ended


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no nowhere: FROM names the folder"),
        (["{empty}"], "nothing was handed in below"),
        (["{empty}", "--policy", "{policy}"], "policy: counts 'worst'"),
    ],
)
def test_what_cannot_be_is_said(words, said, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "policy.csv").write_text("student,counts\n*,worst\n")
    places = {"empty": tmp_path / "empty", "policy": tmp_path / "policy.csv"}
    process = run(*[word.format(**places) for word in words], "--output", tmp_path / "to")
    assert said in process.communicate()[0] and process.returncode == 1


def test_the_seed_of_an_instructor_survives(tmp_path, monkeypatch):
    """It is read by later builds, and no target but `make coursework SECRET=` writes it."""
    monkeypatch.setattr(make, "SEED_FILE", tmp_path / ".secret")
    assert make.seed() == make.SECRET
    assert make.seed(73519) == make.seed() == 73519
    makefile = (ROOT / "Makefile").read_text()
    assert ".secret" not in makefile.split("\nclean:")[1]
    assert ".secret" in (ROOT / ".gitignore").read_text().split()
    sources = [p.read_text() for p in (ROOT / "tools").rglob("*.py")]
    assert sum("seed(secret)" in text or "seed(given" in text for text in sources) <= 2


def test_marks_and_tests_build_nowhere_near_it(linear):
    """What the tests build lies in a folder of their own; marks build nothing."""
    from grading.assignment import BUILT

    assert BUILT not in linear.built.parents
    text = (ROOT / "tools" / "grading" / "marks.py").read_text()
    assert "assign(" not in text and "write_text" not in text


def test_a_change_of_the_master_is_noticed(linear, tmp_path):
    assert not linear.stale
    assert len(linear.stamp) == 12 and linear.secret == make.SECRET


def test_the_warning_says_what_a_child_is_no_protection_from():
    assert "accidents, not from intent" in grade.WARNING and os.linesep
