"""A batch with everything that can go wrong in it; no submission stops another."""

import csv
import json

import coursework
import grade
import nbformat
import pytest
from coursework import Assignment

LIMITS = grade.Limits(cell=4, seconds=60, memory=4000)
CERTIFICATE = "def certificate(w, Z):\n    "
FOREVER = f"{CERTIFICATE}while True:\n        pass"
STUBBORN = "import signal\n\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True:\n    pass"


@pytest.fixture(scope="session")
def assignment():
    coursework.assign("linear")
    return Assignment("linear")


def submission(assignment, answers, student_id="ada"):
    """Return the student notebook filled in."""
    notebook = nbformat.read(assignment.page, as_version=4)
    places = {source: name for name, source in assignment.blank.items()}
    for cell in notebook.cells:
        if cell.source in places:
            cell.source = answers.get(places[cell.source], cell.source)
        cell.source = coursework.IDENTIFIER.sub(f'student_id = "{student_id}"', cell.source)
    return notebook


def edited(notebook):
    """Weaken one test cell, and drop another."""
    cells = [cell for cell in notebook.cells if not cell.source.startswith("# Check of q3.")]
    for cell in cells:
        if cell.source.startswith("# Check of q2."):
            cell.source = cell.source.partition("\n")[0] + "\nlargest_step = lambda Z: 1"
    notebook.cells = cells
    return notebook


@pytest.fixture(scope="session")
def batch(assignment, tmp_path_factory):
    """Grade one folder of submissions; return the results by name."""
    right = {question.name: assignment.solution(question.name) for question in assignment.graded}
    wrong = assignment.wrong_answers[0]
    notebooks = {
        "a_right": submission(assignment, right),
        "b_empty": submission(assignment, {}, "bea"),
        "c_wrong": submission(assignment, right | {wrong.question: wrong.code}, "cy"),
        "d_syntax": submission(assignment, right | {"q3": "def certificate(w, Z)"}, "dan"),
        "e_loop": submission(assignment, right | {"q3": FOREVER}, "eve"),
        "f_stubborn": submission(assignment, right | {"q3": STUBBORN}, "fay"),
        "g_huge": submission(assignment, right | {"q3": "certificate = np.ones(10**12)"}, "gil"),
        "h_crash": submission(assignment, right | {"q3": "import os\n\nos._exit(1)"}, "hal"),
        "i_nobody": submission(assignment, right, " "),
        "k_edited": edited(submission(assignment, right, "kim")),
        "l_again": submission(assignment, {}, "bea"),
    }
    folder, output = tmp_path_factory.mktemp("batch"), tmp_path_factory.mktemp("results")
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "j_text.ipynb").write_text("my answers")
    paths = sorted(folder.iterdir())
    grade.grade_all(paths, assignment, output, LIMITS, jobs=2)
    with (output / "results.csv").open(encoding="utf-8") as table:
        rows = {row["file"].removesuffix(".ipynb"): row for row in csv.DictReader(table)}
    said = {
        path.name.removesuffix(".ipynb.json"): json.loads(path.read_text())
        for path in output.glob("*.json")
    }
    assert set(rows) == set(said) == {path.stem for path in paths}
    return rows, said


CASES = {
    "a_right": ("graded", 26, ""),
    "b_empty": ("graded", 0, ""),
    "c_wrong": ("graded", 23, ""),
    "d_syntax": ("graded, with errors", 22, "q3: a syntax error"),
    "e_loop": ("graded", 22, ""),
    "f_stubborn": ("time limit", 0, "stopped after 60 s"),
    "g_huge": ("graded, with errors", 22, "q3: needs more memory than the 4000 MB allowed"),
    "h_crash": ("crash", 0, "the notebook's process died"),
    "i_nobody": ("no identifier", 0, 'fill in student_id = "..."'),
    "j_text": ("not a notebook", 0, "submit the .ipynb file itself"),
    "k_edited": ("graded", 26, "q2: its test cell was edited; the original was used"),
    "l_again": ("graded", 0, "the same student_id as b_empty.ipynb"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_gets_its_marks_and_its_reason(name, batch):
    row, said = batch[0][name], batch[1][name]
    status, score, note = CASES[name]
    assert (row["status"], float(row["score"]), row["out_of"]) == (status, score, "26")
    assert note in row["notes"]
    assert said["score"] == score and said["student_id"] == row["student_id"]


def test_a_failed_question_comes_with_its_message(batch):
    assert "Is it the mean?" in str(batch[1]["c_wrong"]["failed"]["q1"])
    assert "an endless loop?" in str(batch[1]["e_loop"]["failed"]["q3"])
    assert "q3: its test cell is missing" in batch[0]["k_edited"]["notes"]


@pytest.mark.parametrize("name", coursework.names())
def test_otter_gives_the_solution_full_marks(name):
    coursework.assign(name)
    built = Assignment(name)
    got = grade.grade(built.built / "solution" / built.page.name, built, LIMITS)
    assert (got.status, got.score, got.notes) == ("graded", got.out_of, []), got


def test_otter_and_the_quick_run_agree(assignment, batch):
    """The harness of the wrong answers gives the marks that otter gives."""
    wrong = assignment.wrong_answers[0]
    quick = coursework.grade(assignment, "cy", {wrong.question: wrong.code})
    assert batch[1]["c_wrong"]["questions"] == quick.points
