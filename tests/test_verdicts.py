"""What the browser said beside what is stored: alike, lacking a package, or a trouble."""

import in_browser  # tools/in_browser.py
import pytest
from contents import notebooks_in_order  # tools/contents.py
from verdicts import compare, lacks, marked, verdicts  # tools/verdicts.py

HELD = "check   S000-6 | limit | slope = 1 (tolerance 0.001) | holds | [measured 1]"


def said(*lines):
    """Return the outputs of a cell that has printed these lines."""
    text = "".join(f"{line}\n" for line in lines)
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def failed(name, value, *traceback):
    return [{"output_type": "error", "ename": name, "evalue": value, "traceback": [*traceback]}]


def cell(source, outputs=()):
    return {"source": source, "outputs": list(outputs)}


def test_a_verdict_is_compared_but_for_the_digits_measured():
    other = HELD.replace("[measured 1]", "[measured 0.999]")
    assert verdicts(said(HELD, "a line of prose")) == verdicts(said(other))
    for change in ("fails: wide", "holds not"):
        assert verdicts(said(HELD)) != verdicts(said(HELD.replace("holds", change)))
    assert verdicts(said(HELD)) != verdicts(said(HELD.replace("0.001", "0.002")))


def test_cells_are_compared_one_by_one():
    stored = [cell("a = 1", said(HELD)), cell("b = 2")]
    found = compare(stored, [said(HELD), []])
    assert (found.same, found.cells, found.of, found.troubles) == (1, 2, 2, [])
    assert len(compare(stored, [[], said(HELD)]).troubles) == 4  # the right line in another cell
    assert compare(stored, [said(HELD, HELD), []]).troubles == ["cell 1 judges 2 times, not 1"]
    wrong = compare(stored, [said(HELD.replace("holds", "fails")), []])
    assert wrong.same == 0 and len(wrong.troubles) == 2
    broken = compare(stored, [failed("ValueError", "no"), []])
    assert broken.troubles == ["cell 1 fails: ValueError: no"] and broken.cells == 1


MISSES = failed("ModuleNotFoundError", "No module named 'clarabel'")
HIDES = failed(
    "ModuleNotFoundError", "this optimum needs the package clarabel, which is not installed"
)


@pytest.mark.parametrize("error", [MISSES, HIDES])
def test_what_a_runtime_lacks_is_counted_apart_if_it_was_named(error):
    stored = [cell("best = f(1)", said(HELD)), cell("g(best)"), cell("h(other)")]
    follows = failed("NameError", "name 'best' is not defined")
    found = compare(stored, [error, follows, []], ["clarabel"])
    assert found.lacking == ["cell 1 needs clarabel", "cell 2 uses best of a cell that lacks a package"]  # fmt: skip # noqa: E501
    assert found.troubles == [] and found.cells == 1
    for without in ([], ["cvxpy"]):
        assert len(compare(stored, [error, follows, []], without).troubles) == 2
    other = failed("NameError", "name 'other' is not defined")
    assert len(compare(stored, [error, follows, other], ["clarabel"]).troubles) == 1


def test_another_error_is_not_excused_by_a_package_that_is_left_out():
    assert lacks("No module named 'clarabel'", ["clarabel"]) == "clarabel"
    assert not lacks("No module named 'clarabella'", ["clarabel"])
    assert not lacks("the solver found none", ["clarabel"])


def test_in_the_coursework_every_visible_test_is_passed():
    stored = [cell("def f(): ..."), cell("# Check\ndef test_a():\n    f()\n\n\ncheck(test_a)")]
    assert marked(stored, [[], said("✓ it is")]).same == 1
    assert marked(stored, [[], said("✗ it is: no")]).troubles == ["cell 2: ✗ it is: no"]
    assert marked(stored, [[], []]).troubles == ["cell 2 says 0 marks for 1 tests"]
    missing = said("✗ it is: ModuleNotFoundError(\"No module named 'clarabel'\")")
    assert marked(stored, [[], missing], ["clarabel"]).lacking == ["cell 2 needs clarabel"]
    assert marked(stored, [[], missing]).troubles


def test_each_blank_of_the_coursework_is_filled_once():
    for page in notebooks_in_order():
        if page.startswith("book/coursework/"):
            given = in_browser.answers(page)
            assert sum("student_id = " in new for new in given.values()) == 1
            assert all(old != new for old, new in given.items())


def test_one_number_of_an_experiment_is_changed_and_nothing_else():
    code = "é = f(3, step=0.5)\nflag = True"
    assert in_browser.changed(code) == [
        ("é = f(3, step=0.55)\nflag = True", "0.5 -> 0.55"),
        ("é = f(4, step=0.5)\nflag = True", "3 -> 4"),
    ]
    assert in_browser.changed("f(0.0)") == [("f(0.1)", "0.0 -> 0.1")]
    assert in_browser.changed("show()") == []
