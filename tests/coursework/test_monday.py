"""From a folder of submissions to grades: who handed in what and when, and what is given back."""

import csv
import json

import gradebook
import nbformat
import pytest
from conftest import filled, solutions
from grading import batch, feedback, policy, summary, table, written
from grading.collect import collected
from grading.result import Result
from grading.submission import Refused, notebook, understood

# ---- what was handed in -------------------------------------------------------------------------

LAYOUTS = {
    "flat": ("a.ipynb", "", "", None),
    "Moodle": (
        "Ada Lovelace_12345_assignsubmission_file/linear.ipynb",
        "Ada Lovelace (12345)",
        "",
        None,
    ),
    "Moodle, older": (
        "Ada_Lo_1_assignsubmission_file_/linear.ipynb",
        "Ada_Lo (1)",
        "",
        None,
    ),
    "Canvas": ("lovelaceada_123_4567_linear-2.ipynb", "lovelaceada (123)", "", False),
    "Canvas, late": ("lovelaceada_LATE_123_4567_linear.ipynb", "lovelaceada (123)", "", True),
    "the exchange of JupyterHub": (
        "ada+linear+2026-10-05 21:14:05.123 UTC+abc/linear.ipynb",
        "ada",
        "2026-10-05T21:14:05.123000+00:00",
        None,
    ),
    "a folder for each student": ("ada/linear.ipynb", "ada", "", None),
    "a folder within each student's": ("ada/work/linear.ipynb", "ada/work", "", None),
    "a folder and one of the assignment": ("ada/linear/linear.ipynb", "ada", "", None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_platform_s_folder_is_read(layout, tmp_path):
    name, owner, when, late = LAYOUTS[layout]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    (path.parent / ".ipynb_checkpoints").mkdir()
    (path.parent / ".ipynb_checkpoints" / "x.ipynb").write_text("{}")
    (one,) = collected([tmp_path], "linear")
    assert (one.path, one.owner, one.submitted, one.late) == (path, owner, when, late)


def test_a_collected_folder_has_a_time_and_other_assignments_are_left_out(tmp_path):
    folder = tmp_path / "ada" / "linear"
    folder.mkdir(parents=True)
    (folder / "linear.ipynb").write_text("{}")
    (folder / "timestamp.txt").write_text("2026-10-05 21:14:05 UTC\n")
    other = tmp_path / "bo+geometry+2026-10-05 21:14:05 UTC"
    other.mkdir()
    (other / "geometry.ipynb").write_text("{}")
    (one,) = collected([tmp_path], "linear")
    assert (one.owner, one.submitted) == ("ada", "2026-10-05T21:14:05+00:00")


def test_one_late_file_keeps_its_owner(tmp_path):
    folder = tmp_path / "Ada_1_assignsubmission_file"
    folder.mkdir()
    (folder / "linear.ipynb").write_text("{}")
    (alone,) = collected([folder / "linear.ipynb"], "linear")
    (among,) = collected([tmp_path], "linear")
    assert alone == among and alone.key("d") == among.key("d") != among.key("e")


def test_results_below_the_submissions_are_not_handed_in(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    (tmp_path / "results" / "feedback").mkdir(parents=True)
    (tmp_path / "results" / "feedback" / "a.html").write_text("x")
    (one,) = collected([tmp_path], "linear", tmp_path / "results")
    assert one.name == "a.ipynb"


def test_folders_of_the_same_name_are_of_different_people(tmp_path):
    """Both unpacked into a folder of one name, with nothing done: the same content."""
    for name in ("ada", "bo"):
        (tmp_path / name / "work").mkdir(parents=True)
        (tmp_path / name / "work" / "linear.ipynb").write_text("{}")
    first, second = collected([tmp_path], "linear")
    assert first.owner != second.owner and first.key("d") != second.key("d")


def test_an_archive_and_a_link_to_elsewhere_are_said(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match="is packed: unpack it"):
        collected([tmp_path / "all.zip"])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ipynb").symlink_to(tmp_path / "all.zip")
    with pytest.raises(ValueError, match="put a copy in its place"):
        collected([tmp_path / "in"])


def test_a_student_s_own_timestamp_is_not_believed(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "a.ipynb").write_text("{}")
    (tmp_path / "ada" / "timestamp.txt").write_bytes(b"2000-01-01 00:00:00 UTC \xff")
    (one,) = collected([tmp_path], "linear")
    assert one.submitted == ""


def test_a_name_that_is_no_text_is_one(tmp_path):
    """Of a folder that was packed on another system, say."""
    (tmp_path / "M\udcfcller_7_assignsubmission_file").mkdir()
    (tmp_path / "M\udcfcller_7_assignsubmission_file" / "a.ipynb").write_text("{}")
    (one,) = collected([tmp_path], "linear")
    assert one.owner == "M?ller (7)" and one.name.encode()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="FROM names the folder"):
        collected([tmp_path / "x"])


# ---- what is restored ---------------------------------------------------------------------------


def tasks_of(assignment, found):
    content = nbformat.writes(found).encode()
    return understood(content, assignment)


def kinds(tasks):
    """The order of what runs: given cells and answers by their first word, tests by question."""
    return [
        (t["kind"], t["question"] if t["kind"] == "test" else t["source"].split("\n")[0])
        for t in tasks
    ]


def changed(found, head, new):
    """Change one cell; drop it if `new` is None."""
    cells = []
    for cell in found.cells:
        if cell.source.startswith(head):
            if new is None:
                continue
            cell.source = new(cell.source)
        cells.append(cell)
    found.cells = cells
    return found


EDITS = {
    "a helper that returns one": (
        "def off_support",
        lambda s: s.replace("return 1 - shares[support].sum()", "return 1.0"),
        "was edited; the original was used",
    ),
    "a helper that is gone": ("def off_support", None, "is missing; the original was used"),
    "a slip of the finger": ("def off_support", lambda s: "x" + s, "was edited"),
    "data of other students": (
        "student_id",
        lambda s: s.replace("n_samples=20", "n_samples=4"),
        "was edited",
    ),
    "a test that asks for nothing": ("# Check of q2.", lambda s: s.split("\n")[0], "q2: its test"),
    "a test that is gone": ("# Check of q2.", None, "q2: its test cell is missing"),
    "imports that are gone": ("import numpy", None, "is missing"),
}


@pytest.mark.parametrize("keep_ids", [True, False])
@pytest.mark.parametrize("edit", EDITS)
def test_what_was_handed_out_is_restored(edit, keep_ids, linear):
    head, new, said = EDITS[edit]
    honest = tasks_of(linear, filled(linear, solutions(linear)))
    assert honest.notes == []
    found = changed(filled(linear, solutions(linear)), head, new)
    if not keep_ids:
        for number, cell in enumerate(found.cells):
            cell["id"] = f"x{number}"
    got = tasks_of(linear, found)
    assert said in "; ".join(got.notes)
    given = [t["source"] for t in honest.tasks if t["kind"] == "given"]
    assert [t["source"] for t in got.tasks if t["kind"] == "given"] == given
    assert kinds(got.tasks) == kinds(honest.tasks)


def test_an_answer_below_its_test_cell_is_found(linear):
    found = filled(linear, solutions(linear))
    place = next(k for k, c in enumerate(found.cells) if c.source.startswith("def largest_step"))
    found.cells[place], found.cells[place + 1] = found.cells[place + 1], found.cells[place]
    order = kinds(tasks_of(linear, found).tasks)
    assert order.index(("cell", "def largest_step(Z, c, price):")) < order.index(("test", "q2"))


def test_given_names_in_other_cells_change_no_test(linear, tmp_path):
    """A wrong control with a helper of its own: at the end of another cell, or in the answer."""
    from test_runs import LIMITS, graded

    own = (
        "\n\n\ndef off_support(*_, **__):\n    return 1.0\n\n\nkept['start'][:] = 9\ndata.Z[:] *= 0"
    )
    answers = solutions(linear) | {"q7": "control = kept | {'start': np.ones(3)}" + own}
    got = graded(linear, tmp_path / "a.ipynb", filled(linear, answers), LIMITS)
    assert got.questions["q7"] == 0 and got.score == 18


NAMES = {
    "'ada'": "ada",
    '"""ada"""': "ada",
    "('Ada')": "Ada",
    '"o\'brien"': "o'brien",
    r'"a\"b"': 'a"b',
    r'"\u0061da"': "ada",
    '"ada"  # or "bo"': "ada",
    '"ada"\nstudent_id = "bo"': "bo",
}


@pytest.mark.parametrize("written_as", NAMES)
def test_an_identifier_is_what_python_reads(written_as, linear):
    """Or the data are another student's, and every answer is wrong."""
    found = filled(linear, {})
    for cell in found.cells:
        cell.source = cell.source.replace('student_id = "ada"', f"student_id = {written_as}")
    found.cells.insert(1, nbformat.v4.new_code_cell('student_id = "nobody"'))
    got = tasks_of(linear, found)
    assert got.student_id == NAMES[written_as]
    assert f"student_id = {NAMES[written_as]!r}" in "".join(t["source"] for t in got.tasks)


LARGE = {
    "lines without anything": "\n" * 150_000,
    "a name, and blanks": 'student_id = "a' + " " * 150_000,
    "brackets": "x = " + "(" * 50_000,
    "a sum of many terms": "x = " + "+".join("1" * 5000),
    "signs": "x = " + "-" * 100_000 + "1",
    "a comment": "# " + "certificate " * 12_000,
}


@pytest.mark.parametrize("case", LARGE)
def test_a_large_cell_is_read_in_the_end(case, linear, tmp_path):
    """No notebook keeps the batch from going on, or ends it."""
    got = tasks_of(linear, filled(linear, {"q3": LARGE[case]}))
    assert LARGE[case] in [task.get("source") for task in got.tasks]
    one = standing(linear, answers={"q3": LARGE[case]}, tests={"q3": {"t": [False, "m"]}})
    assert summary.recognised(one.result, linear, {}) == {}


@pytest.mark.filterwarnings("error")
def test_a_cell_that_was_copied_with_its_id_is_read(linear):
    """As some editors do; the grader needs no id, and complains of none."""
    found = json.loads(nbformat.writes(filled(linear, {"q2": "largest_step = len"})))
    at = next(k for k, c in enumerate(found["cells"]) if "largest_step = len" in c["source"])
    found["cells"].insert(at, found["cells"][at])
    assert "largest_step = len" in understood(json.dumps(found).encode(), linear).answers["q2"]


def test_so_much_code_is_refused(linear):
    with pytest.raises(Refused, match="more than 200000 characters of code"):
        tasks_of(linear, filled(linear, {"q3": "x = 1\n" * 40_000}))
    with pytest.raises(Refused, match="more than 300 code cells"):
        found = filled(linear, {})
        found.cells += [nbformat.v4.new_code_cell("x") for _ in range(300)]
        tasks_of(linear, found)


def test_halves_of_characters_and_odd_pictures_are_written(linear, tmp_path):
    text = nbformat.writes(filled(linear, {}, "ad\\ud800")).replace("ad\\\\ud800", "ad\\ud800")
    found = json.loads(text)
    picture = {"a.png": {"image/png": "QUJD"}}
    head = next(k for k, c in enumerate(found["cells"]) if "Question 8" in "".join(c["source"]))
    cell = {"cell_type": "markdown", "id": "p", "metadata": {}, "attachments": picture}
    cell["source"] = "\ud800 ![](attachment:a.png)" + " ![](attachment:a.png)" * 5000
    found["cells"].insert(head + 1, cell)
    got = understood(json.dumps(found).encode(), linear)
    assert got.student_id == "ad?" and len(got.written["q8"]) < 21_000
    assert "data:image/png;base64,QUJD" in got.written["q8"] and "[cut after" in got.written["q8"]
    table.write(tmp_path / "a.csv", [{"id": got.student_id, "text": got.written["q8"]}])


@pytest.mark.parametrize("text", ["my answers", "{}", '{"cells": [1]}', "[]"])
def test_what_is_no_notebook_is_refused(text):
    with pytest.raises(Refused, match="submit the .ipynb file itself".replace(".", r"\.")):
        notebook(text.encode())


@pytest.mark.parametrize("empty", ["", " ", "\u200b"])
def test_an_identifier_must_be_there(empty, linear):
    with pytest.raises(Refused, match="fill in student_id"):
        tasks_of(linear, filled(linear, {}, empty))


# ---- attempts and deadlines ---------------------------------------------------------------------


def result(key, student="ada", score=20.0, **more):
    questions = {"q1": score}
    return Result(key, f"{key}.ipynb", key, student_id=student, questions=questions, **more)


def rules(**columns):
    return policy.Policy([{"student": "*", **columns}])


DEADLINE = "2026-10-05 20:00 +0000"


@pytest.mark.parametrize(
    ("when", "share"),
    [("19:00", 1), ("20:10", 1), ("20:20", 0.9), ("2026-10-07 19:00", 0.8), ("2026-10-09", 0)],
)
def test_being_late_costs_what_the_table_says(when, share):
    when = when if "-" in when else f"2026-10-05 {when}"
    late = rules(deadline=DEADLINE, grace="15", **{"per day": "10", "days": "3"})
    (got,) = policy.standings([result("a", submitted=policy.moment(when))], late)
    assert got.share == pytest.approx(share)
    assert bool(got.notes) == (share < 1)


def test_a_row_of_a_student_comes_before_the_row_of_all():
    rows = [
        {"student": "*", "deadline": DEADLINE, "per day": "100"},
        {"student": " ADA", "deadline": "2026-10-09 20:00 +0000"},
    ]
    late = [result(k, k, submitted="2026-10-06T00:00:00+00:00") for k in ("ada", "bo")]
    assert [s.share for s in policy.standings(late, policy.Policy(rows))] == [1, 0]


TWO = [
    result("a", score=20, submitted="2026-10-01T00:00:00+00:00"),
    result("b", "Ada ", score=10, submitted="2026-10-02T00:00:00+00:00"),
]


@pytest.mark.parametrize(
    ("columns", "key"),
    [({}, "b"), ({"counts": "best"}, "a"), ({"counts": "first"}, "a"), ({"attempts": "1"}, "a")],
)
def test_the_attempt_that_counts(columns, key):
    (got,) = policy.standings(TWO, rules(**columns))
    assert got.result.key == key and not got.unclear and got.attempts == 2


def test_attempts_without_times_are_not_chosen_among():
    (got,) = policy.standings([result("a"), result("b")], rules())
    assert got.unclear and "which one counts?" in got.notes[0]
    (got,) = policy.standings([result("a"), result("b", score=21)], rules(counts="best"))
    assert not got.unclear and got.result.key == "b"


def test_one_time_for_two_attempts_is_none():
    """A time from the table is a student's, not an attempt's."""
    late = {"student": "ada", "submitted": "2026-10-05 20:00 +0000"}
    (got,) = policy.standings([result("a"), result("b", score=3)], policy.Policy([late]))
    assert got.unclear and "not a time for each" in got.notes[0]


def test_what_asks_for_a_reader_is_said(linear):
    note = "read this notebook: it uses _getframe, which no answer needs"
    (got,) = policy.standings([result("a", notes=[note, "q1: another"])], rules())
    assert got.notes == [note] and not got.unclear


def test_the_same_file_twice_is_one_attempt():
    first, second = result("a"), result("b")
    second.digest = first.digest
    (got,) = policy.standings([first, second], rules())
    assert got.attempts == 1 and not got.unclear


def test_a_file_beside_the_notebook_is_no_attempt():
    pdf = result("b", "", status="not a notebook", owner="A (1)")
    pdf.file = "A_1/proof.pdf"
    (got,) = policy.standings([result("a", owner="A (1)"), pdf], rules())
    assert (got.result.key, got.attempts, got.unclear) == ("a", 1, False)
    assert got.notes == ["also handed in: A_1/proof.pdf"]
    pdf.file = "A_1/broken.ipynb"
    (got,) = policy.standings([result("a", owner="A (1)"), pdf], rules())
    assert got.attempts == 2 and got.unclear


def test_two_rows_of_one_student_are_refused():
    rows = [{"student": "ada", "counts": "best"}, {"student": " Ada", "counts": "first"}]
    with pytest.raises(ValueError, match="policy: two rows for ' Ada'"):
        policy.Policy(rows)


def test_a_name_in_the_policy_that_nobody_has_is_said(linear):
    table_ = policy.Policy([{"student": "*"}, {"student": "Adda"}, {"student": "bo"}])
    got = policy.standings([result("a", "ADA"), result("b", "x", owner="Bo")], table_)
    assert table_.unknown(got) == ["adda"]
    said = summary.text([], [], linear, [], table_.unknown(got))
    assert "in the policy, but nobody handed in as adda" in said


def test_one_identifier_of_two_people_is_looked_at():
    got = policy.standings([result("a", owner="A (1)"), result("b", owner="B (2)")], rules())
    assert [s.unclear for s in got] == [True, True]
    assert "several people handed in as 'ada'" in got[0].notes[0]


@pytest.mark.parametrize(
    "row",
    [
        {"deadline": "tomorrow"},
        {"per day": "ten"},
        {"counts": "worst"},
        {"deadlines": "2026-10-05"},
        {"student": ""},
        {"attempts": "2.5"},
        {"attempts": "0"},
    ],
)
def test_a_policy_that_cannot_be_is_refused(row):
    with pytest.raises(ValueError, match="policy: "):
        policy.Policy([{"student": "*"} | row])


# ---- tables, written answers, totals ------------------------------------------------------------

EVIL = ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "|x"]


@pytest.mark.parametrize("text", EVIL)
def test_no_formula_reaches_a_table(text, tmp_path):
    path = tmp_path / "a.csv"
    table.write(path, [{"x": text, "y": -1.5}])
    (row,) = csv.DictReader(path.open(newline=""))
    assert row["x"].startswith("'") and row["y"] == "-1.5"
    assert table.read(path) == [{"x": text, "y": "-1.5"}]


@pytest.mark.parametrize("text", ["x;=1", "x;@a", "note\t=1", "a,\n=1", "x|=1"])
def test_no_formula_begins_behind_another_separator(text, tmp_path):
    table.write(tmp_path / "a.csv", [{"x": text}])
    written_ = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert "'=" in written_ or "'@" in written_


def test_a_table_in_another_encoding_is_said(tmp_path):
    (tmp_path / "a.csv").write_bytes("student;x\nMüller;1\n".encode("cp1252"))
    with pytest.raises(ValueError, match="save it as 'CSV UTF-8'"):
        table.read(tmp_path / "a.csv")


def standing(linear, key="k", **more):
    questions = {q.name: q.points for q in linear.graded}
    written_ = {"q8": "a proof <script>x</script> $a_b$", "q9": "a text"}
    got = Result(key, "a.ipynb", key, student_id="ada", questions=questions, written=written_)
    for name, value in more.items():
        setattr(got, name, value)
    return policy.standings([got], policy.Policy())[0]


def test_written_answers_are_read_marked_and_read_back(linear, tmp_path):
    one = standing(linear)
    written.export([one], linear, tmp_path)
    page = (tmp_path / "written.html").read_text(encoding="utf-8")
    assert "<script>x" not in page and "a proof" in page and "differential inequality" in page
    (row,) = summary.scores([one], linear, written.points(linear, tmp_path))
    assert row["total"] == "" and "q8 is not marked" in row["notes"]
    (marked,) = table.read(tmp_path / "written.csv")
    columns = written.columns(linear)
    assert len(columns) == 8
    marked |= dict.fromkeys(columns, "1") | {columns[0]: "0,5"}
    table.write(tmp_path / "written.csv", [marked])
    (row,) = summary.scores([one], linear, written.points(linear, tmp_path))
    assert (row["total"], row["out_of"]) == (29.5, 30)
    written.export([one, standing(linear, "l")], linear, tmp_path)
    again = {row["key"]: row for row in table.read(tmp_path / "written.csv")}
    assert again["k"][columns[0]] == "0,5" and again["l"][columns[0]] == ""
    table.write(tmp_path / "written.csv", [marked | {columns[1]: "4"}])
    with pytest.raises(ValueError, match="a point is a number from 0 to 1"):
        written.points(linear, tmp_path)
    table.write(tmp_path / "written.csv", [{k: v for k, v in marked.items() if k != columns[2]}])
    with pytest.raises(ValueError, match="has lost the column"):
        written.points(linear, tmp_path)


def test_points_are_given_and_taken_by_hand(linear, tmp_path):
    """And come back in the total, within what there is, and on the page; a slip is said."""
    one = standing(linear, written={})
    written.export([one], linear, tmp_path)
    (row,) = table.read(tmp_path / "written.csv")

    def total(said):
        table.write(tmp_path / "written.csv", [row | {"by hand": said}])
        changes = written.by_hand(linear, tmp_path)
        (got,) = summary.scores([one], linear, {}, changes)
        return got

    totals = {"": 22, "-2,5": 19.5, "+3": 25, "-30": 0, "30": 30}
    assert {said: total(said)["total"] for said in totals} == totals
    assert "By hand: -2.5 points" in feedback.page(one, total("-2.5"), linear, {}, "")
    assert "By hand" not in feedback.page(one, total(""), linear, {}, "")
    assert total("-4")["by hand"] == -4
    written.export([one], linear, tmp_path)
    assert written.by_hand(linear, tmp_path) == {"k": -4}, "another export keeps it"
    for slip in ("many", "31", "nan", "-1e9"):
        with pytest.raises(ValueError, match="write the points to add"):
            total(slip)
    table.write(tmp_path / "written.csv", [{k: v for k, v in row.items() if k != "by hand"}])
    assert written.by_hand(linear, tmp_path) == {}, "a table of an earlier version"


def test_a_written_answer_keeps_its_formulas_and_loads_nothing(linear, tmp_path):
    text = r"so $\|w_i\|_2 < \{a\}$ and $$x_1 _2$$ \(y_1\) <img src=x> ![](http://x.org/a.png)"
    written.export([standing(linear, written={"q8": text})], linear, tmp_path)
    page = (tmp_path / "written.html").read_text(encoding="utf-8")
    assert r"\(\|w_i\|_2 &lt; \{a\}\)" in page and r"\[x_1 _2\]" in page and r"\(y_1\)" in page
    assert "<img src=x" not in page and "default-src 'none'; img-src data:" in page


def test_no_answer_is_no_work_to_mark(linear, tmp_path):
    (row,) = summary.scores([standing(linear, written={})], linear, {})
    assert row["total"] == 22


def test_what_could_not_be_run_has_no_total(linear):
    (row,) = summary.scores([standing(linear, status="crash", written={})], linear, {})
    assert row["total"] == "" and "look at it: crash" in row["notes"]


def test_feedback_holds_nothing_of_the_hidden_tests(linear):
    tests = {
        q.name: {t.name: [False, f"message of {t.name}"] for t in q.tests} for q in linear.graded
    }
    one = standing(linear, tests=tests, questions=dict.fromkeys(tests, 0))
    (row,) = summary.scores([one], linear, {})
    text = feedback.page(one, row, linear, {"q1": "the sum"}, "**good**")
    hidden = [t for q in linear.graded for t in q.tests if t.hidden]
    public = [t for q in linear.graded for t in q.tests if not t.hidden]
    assert not [t.name for t in hidden if t.name in text or t.about in text]
    assert all(f"message of {t.name}" in text for t in public)
    assert "A known error: the sum" in text and "<strong>good</strong>" in text


def test_feedback_does_not_tell_what_a_submission_read(linear):
    """While it is graded, code can read the tests; an error would carry them home."""
    hidden = next(t for t in linear.question("q1").tests if t.hidden)
    notes = [f"stopped with an error (ValueError: {linear.secret})"]
    tests = {"q1": {t.name: [False, f"see {hidden.name}"] for t in linear.question("q1").tests}}
    one = standing(linear, tests=tests, notes=notes, questions={})
    (row,) = summary.scores([one], linear, {})
    text = feedback.page(one, row, linear, {}, "")
    assert hidden.name not in text and str(linear.secret) not in text
    assert text.count("a message that quotes what is not handed out") == 3


def test_a_fault_costs_one_file_and_is_tried_again(linear, tmp_path, capsys):
    """A file that cannot be read, say."""
    from grading.collect import Handed
    from grading.result import Limits, load
    from grading.sandbox import Child

    class Odd(type(tmp_path)):
        def stat(self, **_):
            raise PermissionError("no")

    handed = [Handed(Odd(tmp_path / "a.ipynb"), "a.ipynb")]
    for _ in range(2):
        assert batch.grade_all(handed, linear, tmp_path, Limits(), Child())
        (path,) = (tmp_path / "submissions").glob("*.json")
        got = load(path)
        assert got.status == "not graded" and "PermissionError" in got.notes[0] and not got.counts
    (row,) = summary.scores(policy.standings([got], policy.Policy()), linear, {})
    assert row["total"] == "" and "look at it: not graded" in row["notes"]


def test_known_errors_are_recognised(linear):
    """By their code in another layout, or by what the common tests said."""
    wrong = next(a for a in linear.wrong_answers if a.question == "q2")
    said = {"q2": {"t": [False, "the message"]}}
    code = wrong.code.replace("(Z):\n", '(Z):\n    """Text."""\n    # a comment\n')
    got = Result("k", "a", tests=said, answers={"q2": code})
    assert summary.recognised(got, linear, {}) == {"q2": wrong.about}
    got = Result("k", "a", tests=said, answers={"q2": "other"})
    known = {"q2": [["the mean", ["the message"]], ["the sum", ["another"]]]}
    assert summary.recognised(got, linear, known) == {"q2": "the mean"}
    assert (
        summary.recognised(got, linear, {"q2": [["x", ["the message"]], ["y", ["the message"]]]})
        == {}
    )


CANVAS = [
    {"Student": "    Points Possible", "SIS Login ID": "", "ID": "", "A": "30"},
    {"Student": "Noether, Emmy", "SIS Login ID": "Emmy", "ID": "7", "A": ""},
    {"Student": "Lovelace, Ada", "SIS Login ID": "ada", "ID": "8", "A": ""},
    {"Student": "Curie, Marie", "SIS Login ID": "marie", "ID": "9", "A": ""},
]


def score(student, total, owner="", notes=""):
    return {"student": student, "handed in by": owner, "total": total, "notes": notes}


def test_totals_find_their_students_in_canvas():
    scores = [score(" EMMY", "29.5"), score("ada", "", notes="q8 is not marked"), score("x", "3")]
    filled_, said = gradebook.fill(scores, CANVAS, "A", "canvas")
    assert [row["A"] for row in filled_] == ["30", "29.5", "", ""]
    assert said == [
        "not complete: ada: q8 is not marked",
        "no submission: marie",
        "not in the gradebook: x",
    ]
    filled_, _ = gradebook.fill([score("nick", "12", "curiemarie (9)")], CANVAS, "A", "canvas")
    assert filled_[3]["A"] == "12"


def test_totals_find_their_students_in_moodle():
    sheet = [{"Identifier": "Participant 12345", "Email address": "a@x.org", "Grade": ""}]
    for one in (score("n", "12", "Ada (12345)"), score("A@X.org", "12"), score("a", "12")):
        filled_, said = gradebook.fill([one], sheet, "Grade", "moodle")
        assert filled_[0]["Grade"] == "12" and said == []


def test_two_results_for_one_student_are_not_chosen_among():
    filled_, said = gradebook.fill([score("ada", "1"), score("8", "2")], CANVAS, "A", "canvas")
    assert filled_[2]["A"] == "" and "several results fit ada" in said[1]


@pytest.mark.parametrize(
    ("kind", "column", "row"),
    [
        ("canvas", "A", {"Student": "Lovelace, Ada", "SIS Login ID": "ada", "ID": "8", "A": ""}),
        ("moodle", "Grade", {"Identifier": "Participant 8", "Grade": ""}),
    ],
)
def test_all_thirty_points_arrive(kind, column, row, linear, tmp_path, monkeypatch):
    """From the tests and the written answers of a class to the file that the platform imports."""
    questions = {q.name: q.points for q in linear.graded}
    texts = {q.name: "a proof" for q in linear.written}
    one = Result("k", "a.ipynb", "d", owner="Ada (8)", questions=questions, written=texts)
    one.student_id = "ada"
    standings = policy.standings([one], rules())
    written.export(standings, linear, tmp_path)
    rows = table.read(tmp_path / "written.csv")
    rows[0] |= {name: "1" for name in written.columns(linear)}
    table.write(tmp_path / "written.csv", rows)
    marked = written.points(linear, tmp_path)
    summary.write_scores(summary.scores(standings, linear, marked), tmp_path)
    table.write(tmp_path / "book.csv", [row])
    paths = [str(tmp_path), str(tmp_path / "book.csv"), column, str(tmp_path / "out.csv")]
    monkeypatch.setattr("sys.argv", ["gradebook.py", kind, *paths])
    assert gradebook.main() == 0
    assert [r[column] for r in table.read(tmp_path / "out.csv")] == ["30"]


def test_one_submission_fills_one_row():
    """Whoever writes another's identifier into the notebook gets no points for both."""
    filled_, said = gradebook.fill([score("emmy", "30", "curiemarie (9)")], CANVAS, "A", "canvas")
    assert [row["A"] for row in filled_] == ["30", "", "", "30"]
    assert said == ["no submission: Emmy", "no submission: ada"]
    filled_, said = gradebook.fill([score("emmy", "30", "work/emmy")], CANVAS, "A", "canvas")
    assert [row["A"] for row in filled_] == ["30", "30", "", ""]


def test_another_column_is_refused():
    with pytest.raises(ValueError, match="no column 'Assignment 9'"):
        gradebook.fill([], CANVAS, "Assignment 9", "canvas")


def test_a_gradebook_is_read_and_written(tmp_path, monkeypatch, capsys):
    table.write(tmp_path / "scores.csv", [score("ada", "7.5")])
    (tmp_path / "book.csv").write_text("\ufeffStudent;SIS Login ID;A\n=A;ada;\n", "utf-8")
    paths = [str(tmp_path), str(tmp_path / "book.csv"), "A", str(tmp_path / "out.csv")]
    monkeypatch.setattr("sys.argv", ["gradebook.py", "canvas", *paths])
    assert gradebook.main() == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "'=A,ada,7.5"


def test_stored_results_are_read_and_others_left_alone(tmp_path):
    from grading.result import store

    (tmp_path / "submissions").mkdir()
    store(result("a", notes=["x"]), tmp_path / "submissions")
    (tmp_path / "submissions" / "b.json").write_text(json.dumps({"x": 1}))
    (tmp_path / "submissions" / "c.json").write_text("{")
    assert batch.stored(tmp_path) == {"a": result("a", notes=["x"])}
