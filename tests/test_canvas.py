"""Scores find their students in a gradebook of Canvas."""

import canvas
import pytest

COLUMN = "Assignment 1 (4711)"
GRADEBOOK = [
    {"Student": "    Points Possible", "SIS Login ID": "", COLUMN: "30"},
    {"Student": "Noether, Emmy", "SIS Login ID": "Emmy", COLUMN: ""},
    {"Student": "Lovelace, Ada", "SIS Login ID": "ada", COLUMN: ""},
]


def result(student_id, score, file="a.ipynb"):
    return {"file": file, "student_id": student_id, "score": score}


def test_the_best_score_goes_to_its_student_and_the_rest_is_said():
    results = [result("emmy ", "12.0"), result("emmy", "26.0"), result("sofia", "3"), result("", 0)]
    filled, said = canvas.fill(results, GRADEBOOK, COLUMN)
    assert [row[COLUMN] for row in filled] == ["30", "26", ""]
    assert said == [
        "no submission: ada",
        "not in the gradebook: sofia",
        "without an identifier: a.ipynb",
    ]


def test_another_column_is_refused():
    with pytest.raises(ValueError, match="no column 'Assignment 9'"):
        canvas.fill([], GRADEBOOK, "Assignment 9")


def test_files_are_read_and_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "results.csv").write_text("file,student_id,score\nx.ipynb,ada,7.5\n")
    (tmp_path / "book.csv").write_text(f"\ufeffStudent,SIS Login ID,{COLUMN}\nA,ada,\n", "utf-8")
    paths = [str(tmp_path / name) for name in ("results.csv", "book.csv", "out.csv")]
    monkeypatch.setattr("sys.argv", ["canvas.py", *paths[:2], COLUMN, paths[2]])
    assert canvas.main() == 0
    assert canvas.read(paths[2]) == [{"Student": "A", "SIS Login ID": "ada", COLUMN: "7.5"}]
