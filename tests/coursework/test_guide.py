"""The guide for instructors: each of its sentences is a promise with a test, or none, in words."""

import csv
import pickle
import re

import coursework
import nbformat
import numpy as np
import pytest
from grading import batch, marks, policy, sandbox, submission
from grading.assignment import PAGES, ROOT, Assignment, names
from grading.collect import Handed
from grading.marks import Bench, full
from grading.result import Limits, Result, grade, store
from grading.runs import Runs

NO_BREAK = "\N{NO-BREAK SPACE}"  # keeps a number together
GUIDE = (PAGES / "guide.md").read_text(encoding="utf-8").replace(NO_BREAK, " ")
TESTS = ("assignments", "grade", "guide", "monday", "printed", "runs")

# Words of a sentence that promises something, and the tests of it.
PROMISES = {
    "one assignment for each chapter that has": "the_table_of_assignments",
    "can open in Binder, Colab": "how_to_begin_and_hand_in, visible_tests_need_this_package",
    "`make grade` grades a class": "a_class_is_graded",
    "Students derive something small": "the_questions_are_whole",
    "asks for one proof": "asks_for_a_proof_and_for_a_text",
    "Their rubrics stand below": "the_questions_are_whole",
    "two students have different numbers": "two_students_have_different_numbers",
    "properties within tolerances": "may_be_written_in_other_types, off_by_one_in_ten_thousand",
    "tried on answers that are right": "works_for_a_hundred_students, work_for_other_students",
    "`make marks` prints both": "marks_prints_right_and_wrong",
    "a failed test says what it measured": "a_failed_test_says_what_is_wrong, taken_by_hand",
    "all its points or none": "the_questions_are_whole, an_error_costs_its_own_question",
    "takes each master notebook": "a_build_leaves_three_things",
    "in the file `.secret`": "seed_of_an_instructor_survives, build_nowhere_near, a_class_is",
    "The tests of the tests": "each_answer_gets_what_it_deserves",
    "an answer written for the published": "another_secret_is_other_data",
    "Hand out `_build": "a_build_leaves_three_things",
    "Its links lead to": "how_to_begin_and_hand_in",
    "To collect, use the exchange": "each_platform_s_folder_is_read, a_collected_folder",
    "upload `autograder.zip`": "otter_gives_what_this_harness_gives",
    "Its image is built from": "what_gradescope_is_told",
    "hidden tests are not shown": "what_gradescope_is_told",
    "tested here with otter's own": "otter_gives_what_this_harness_gives",
    "`FROM` is the folder as it came": "each_platform_s_folder_is_read",
    "Notebooks run on all cores": "a_class_is_graded, all_cores_are_the_default",
    "One Ctrl-C ends it": "a_class_is_graded, runs_can_be_stopped",
    "the same command goes on": "a_class_is_graded",
    "learns the known wrong answers": "a_class_is_graded, known_errors_are_recognised",
    "It also grades what came in": "a_class_is_graded",
    "`AGAIN=1` grades everything": "what_is_graded_again",
    "`results` then holds": "a_class_is_graded",
    "- `results.csv`": "a_class_is_graded",
    "- `scores.csv`": "a_class_is_graded, all_thirty_points_arrive",
    "- `summary.txt`": "a_class_is_graded, in_the_policy_that_nobody_has",
    "- `written.html`": "written_answers_are_read_marked",
    "Fill in numbers from 0 to 1": "written_answers_are_read_marked",
    "The column `by hand`": "points_are_given_and_taken_by_hand",
    "- `feedback/`": "feedback_holds_nothing_of_the_hidden, a_class_is_graded",
    "- `answers/`": "a_class_is_graded",
    "A total stays empty": "written_answers_are, could_not_be_run, one_identifier_of_two",
    "never a zero by default": "could_not_be_run_has_no_total, totals_find_their",
    "A file beside a notebook": "a_file_beside_the_notebook, a_class_is_graded",
    "**Deadlines and attempts**": "being_late_costs_what_the_table_says",
    "The row `*` is for everybody": "a_row_of_a_student_comes_before",
    "`grace` is in minutes": "being_late_costs_what_the_table_says",
    "`counts` is `last`": "the_attempt_that_counts",
    "says when a file was submitted": "each_platform_s_folder_is_read",
    "into the column `submitted`": "one_time_for_two_attempts",
    "are not chosen among": "attempts_without_times_are_not",
    "without its zone is in UTC": "a_time_without_its_zone, two_rows_of_one_student",
    "names the students of the table": "a_name_in_the_policy_that_nobody",
    "writes the totals into that": "totals_find_their_students_in_canvas, in_moodle",
    "found by login, number": "totals_find_their, one_submission_fills_one_row",
    "Case, blanks and characters": "totals_find_their, an_identifier_must_be_there",
    "would run as a formula": "no_formula_reaches_a_table, no_formula_begins_behind",
    "The cells that were handed out": "what_was_handed_out_is_restored, given_names_in_other",
    "each in a process of its own": "an_accident_costs_its_question",
    "is put back after it": "an_accident_costs_its_question, an_alarm_left_behind",
    "What a test replaces": "an_accident_costs_its_question",
    "`pip` does nothing": "nothing_is_installed_while_grading",
    "A question has 30 seconds": "the_numbers_of_the_guide, an_accident_costs",
    "costs that question": "an_accident_costs_its_question",
    "together have 4000 MB": "the_numbers_of_the_guide, memory_counts_for_all, many_processes",
    "What it started ends with it": "what_it_started_ends_with_it, told_to_end_takes_all",
    "above 50 MB is refused": "the_numbers_of_the_guide, a_large_file_is_refused",
    "more than 300 code cells": "the_numbers_of_the_guide, so_much_code, what_is_no_notebook",
    "cut after 20 000": "the_numbers_of_the_guide, halves_of_characters",
    "A fault in reading one file": "a_fault_costs_one_file",
    "held against the points there are": "what_comes_back_is_held_against",
    "A report that nobody waited for": "reports_of_its_own_are_noticed",
    "runs in a container of its own": "a_container_is_the_default, podman_is_taken",
    "It is thrown away": "a_container_is_the_default, that_is_stopped_is_removed, outlives",
    "The image is made once": "an_image_is_made_once",
    "a stand-in checks how it is called": "a_container_is_the_default",
    "and `make grade` says so": "the_warning_says_what_a_child, that_does_not_answer_is_none",
    "Otter has containers": "otter_takes_the_command",
    "protects you from accidents": "an_accident_costs_its_question",
    "does not protect you from intent": "nothing_is_known_of_the_parent_s",
    "What is easy is undone": "an_accident_costs, each_answer_gets, reports_of_its_own",
    "is named among those to read": "what_looks_into_the_grader_is_named",
    "feedback withholds a message": "feedback_does_not_tell_what",
}
# Words of the sentences that promise nothing: advice, what others do, and what is not prevented.
OTHERS = (
    "In the capstone a student takes",
    "In the capstone tests see numbers",
    "This repository is public",
    "Anybody can find",
    "What helps",
    "private copy",
    "Take another",
    "does not hide what",
    "question weight",
    "`CONTRIBUTING.md` says",
    "their login as",
    "**JupyterHub.",
    "Build the image",
    "Then a link",
    "gives each student a copy",
    "Let it point",
    "Public Binder",
    "**Gradescope.",
    "`make grade` is not involved",
    "For similar submissions",
    "Into Canvas or Moodle",
    "Export the gradebook",
    "On a Linux machine all",
    "On macOS",
    "Try it once",
    "They have a time limit",
    "Neither protects",
    "The tests run in the same",
    "What is determined",
    "So: read a sample",
    "Never grade in child",
    "For an examination",
)
SECTIONS = (
    "For instructors",
    "What there is",
    "Make it yours",
    "Hand it out",
    "Grade it",
    "What happens to a submission",
    "What the sandbox protects against, and",
)


def sentences():
    """Return the sentences of the sections that are about the machinery."""
    for part in re.split(r"(?m)^#+ ", re.sub(r"(?s)```.*?```", "", GUIDE))[1:]:
        if part.startswith(SECTIONS):
            lines = [line for line in part.splitlines()[1:] if line and line[0] != "|"]
            for line in lines:
                yield from re.split(r"(?<=[.;:])\*{0,2}\)?\s+(?=[A-Z*`(])", line)


def test_each_sentence_is_a_promise_with_a_test_or_none():
    found = [sentence for sentence in sentences() if len(sentence) > 3]
    assert len(found) > 90
    for sentence in found:
        known = [words for words in (*PROMISES, *OTHERS) if words in sentence]
        assert known, f"a promise? name its test in this file: {sentence}"
    said = "\n".join(found)
    assert not [words for words in (*PROMISES, *OTHERS) if words not in said]


def test_the_tests_of_the_promises_are_there():
    texts = [(ROOT / "tests" / "coursework" / f"test_{name}.py").read_text() for name in TESTS]
    there = re.findall(r"(?m)^def (test_\w+)", "\n".join(texts))
    named = {name for tests in PROMISES.values() for name in tests.split(", ")}
    assert not [name for name in named if not any(name in test for test in there)]


# ---- the promises that no other file tests -----------------------------------------------------


def test_the_table_of_assignments_is_that_of_the_masters():
    rows = re.findall(r"\]\((\w+)\.ipynb\) \|.*\| (\d+) by tests, (\d+) by you \|", GUIDE)
    points = {}
    for name in names():
        assignment = Assignment(name)
        by_tests = sum(question.points for question in assignment.graded)
        points[name] = by_tests, sum(question.points for question in assignment.written)
    assert {name: (float(tests), float(you)) for name, tests, you in rows} == points


@pytest.mark.parametrize("name", names())
def test_visible_tests_need_this_package_alone(name):
    cells = nbformat.read(Assignment(name).page, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    imported = re.findall(r"(?m)^\s*(?:from|import) (\w+)", code)
    assert set(imported) <= {"numpy", "scipy", "ibias", "sys"}, imported


@pytest.mark.parametrize("name", names())
def test_two_students_have_different_numbers(name):
    one, two, again = (Bench(marks.read(name), student).given for student in ("a", "b", "A "))
    numbers = [n for n, v in one.items() if not callable(v) and type(v).__module__ != "builtins"]
    numbers += [n for n, v in one.items() if isinstance(v, float | list)]
    numbers = [n for n in numbers if not isinstance(one[n], np.random.Generator)]
    own = [n for n in numbers if pickle.dumps(one[n]) != pickle.dumps(two[n])]
    assert own
    assert all(pickle.dumps(one[n]) == pickle.dumps(again[n]) for n in own)


@pytest.mark.parametrize("name", names())
def test_another_secret_is_other_data(name):
    """What is right stays right, and what is wrong for the published seed stays wrong."""
    bench = Bench(marks.read(name), seed=73519)
    assert bench.whole().points == full(marks.read(name))
    for answer in marks.read(name).wrong_answers:
        assert marks.as_meant(answer, bench.of(answer)), answer.about


def test_marks_prints_right_and_wrong_and_what_is_not_as_meant(capsys):
    rows = marks.table("warm_up")
    assert coursework.print_marks("warm_up", rows)
    said = capsys.readouterr().out
    for kind, answer, _ in rows:
        assert f"{kind:9} {answer.about}" in said
    assert "NOT AS MEANT" not in said
    kind, answer, _ = rows[1]
    assert not coursework.print_marks("warm_up", [(kind, answer, marks.Marks({"q1": 0}))])
    assert "NOT AS MEANT" in capsys.readouterr().out


def test_a_build_leaves_three_things(linear):
    found = {str(path.relative_to(linear.built)) for path in linear.built.rglob("*")}
    assert {"student/linear.ipynb", "solution/linear.ipynb", "autograder.zip"} <= found


def test_what_gradescope_is_told():
    """Hidden results stay hidden; what is installed is what Binder installs."""
    settings = (PAGES / "otter.yml").read_text()
    assert "show_hidden: false" in settings and "requirements: requirements.txt" in settings
    source = (ROOT / "tools" / "grading" / "make.py").read_text()
    assert '"binder" / "requirements.txt"' in source


def test_all_cores_are_the_default():
    source = (ROOT / "tools" / "grade.py").read_text()
    assert '"--jobs", type=int, default=os.cpu_count()' in source


def test_what_is_graded_again(linear, tmp_path, monkeypatch):
    """Everything where it is asked for, and after a new build; else what has no result."""
    path = tmp_path / "a.ipynb"
    path.write_text("no notebook")
    handed = Handed(path, path.name)
    key = handed.key(submission.read(path)[1])
    old = Result(key, "a.ipynb", build=linear.stamp, notes=["kept"])
    runs = Runs(sandbox.Child())
    assert grade(handed, linear, Limits(), runs, {key: old}) is old
    old.build = "another"
    assert grade(handed, linear, Limits(), runs, {key: old}).status == "not a notebook"
    (tmp_path / "submissions").mkdir()
    store(old, tmp_path / "submissions")
    seen = []
    monkeypatch.setattr(batch, "grade", lambda *given: seen.append(given[4]) or old)
    for again in (False, True):
        batch.grade_all([handed], linear, tmp_path, Limits(), sandbox.Child(), 1, again)
        assert (key in seen[-1]) != again


def test_a_time_without_its_zone_is_in_utc():
    assert policy.moment("2026-10-05 20:00") == policy.moment("2026-10-05 22:00 +0200")


def test_the_numbers_of_the_guide_are_those_of_the_grader(monkeypatch):
    monkeypatch.syspath_prepend(str(sandbox.PROGRAM[0].parent))
    import watcher

    limits = Limits()
    assert f"A question has {limits.seconds:g} seconds of a core" in GUIDE
    assert watcher.IDLE == 3 and "three times as long to wait" in GUIDE
    assert f"together have {limits.memory} MB" in GUIDE
    assert watcher.PROCESSES == 100 and "a hundred of them" in GUIDE
    assert f"above {submission.LARGEST / 1e6:g} MB is refused" in GUIDE
    assert f"more than {submission.MOST_CELLS} code cells or 200 000 characters" in GUIDE
    assert submission.MOST_CODE == 200_000
    assert submission.MOST_TEXT == 20_000 and "cut after 20 000 characters" in GUIDE
    assert watcher.POLL == 0.2 and "five times a second" in GUIDE


def test_otter_takes_the_command_of_the_guide(linear, tmp_path, monkeypatch):
    """As far as the containers, which are not there: its options, the archive and the files."""
    from otter import grade as otter_grade
    from otter.cli import cli

    class Reached(Exception):
        pass

    def launch(autograder, paths, **options):
        raise Reached(autograder, paths, options["tag"], options["network"])

    monkeypatch.setattr(otter_grade, "launch_containers", launch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "autograder.zip").write_bytes(linear.autograder.read_bytes())
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "ada.ipynb").write_text("{}")
    (words,) = re.findall(r"`otter (grade [^`]+)`", GUIDE)
    with pytest.raises(Reached) as got:
        cli.main(words.split(), standalone_mode=False)
    assert got.value.args == ("autograder.zip", ["submissions/ada.ipynb"], "linear", False)


def test_the_example_of_a_policy_is_read(tmp_path):
    (example,) = re.findall(r"(?s)```\n(student,deadline.*?)```", GUIDE)
    (tmp_path / "policy.csv").write_text(example)
    rows = list(csv.DictReader(example.splitlines()))
    assert len(rows) == 2 and policy.read(tmp_path / "policy.csv")
