"""What a changed line is: mathematics, words, or None in the place of a value."""

import pytest

pytest.importorskip("mutmut")

import mutants  # tools/mutants.py


def one(before, after):
    return mutants.Mutant("ibias.a.x_f__mutmut_1", "ibias/entropy.py", "f", before, after)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("return a + b", "return a - b", "mathematics"),
        ("return x**2", "return x**3", "mathematics"),
        ("if n < 1:", "if n <= 1:", "mathematics"),
        ("np.linalg.norm(x, axis=-1)", "np.linalg.norm(x, )", "mathematics"),
        ('positive("step", x)', 'positive("XXstepXX", x)', "words"),
        ('choice("loss", x)', 'choice("LOSS", x)', "words"),
        ("f(a, b)", "f(None, b)", "None"),
        ("w = start", "w = None", "None"),
    ],
)
def test_a_change_is_of_its_kind(before, after, kind):
    assert one(before, after).kind == kind


def test_the_accepted_ones_have_a_reason_and_a_place():
    for entry in mutants.accepted():
        assert len(entry["reason"].split()) >= 4
        assert entry.get("kind") == "measured" or entry["before"] != entry["after"]
        assert bool(entry.get("kind")) != bool(entry.get("function"))


def test_the_accepted_ones_stand_in_the_package():
    root = mutants.ROOT / "ibias"
    lines = {line.strip() for path in root.rglob("*.py") for line in path.read_text().splitlines()}
    for entry in mutants.accepted():
        if "function" in entry:
            assert set(entry["before"].splitlines()) <= lines, entry


def found(before, after, path="ibias/optima/ridge.py", function="f"):
    one = mutants.Mutant("ibias.a.x_f__mutmut_1", path, function, before, after)
    return mutants.reason(one, mutants.accepted())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if not error <= bound:", "if not error < bound:"),
        ("if size > ERROR * length:", "if size >= ERROR * length:"),  # a float of that module
        ("return n > 3 and gap < rest", "return n > 3 and gap <= rest"),
        ("while part > 1e-10:", "while part >= 1e-10:"),
        ("a = b.reshape(n, -1)", "a = b.reshape(n, -2)"),
        ("a = (b @ c).reshape(n, -1, d).T", "a = (b @ c).reshape(n, -2, d).T"),
        ("left.direction = -1", "left.direction = -2"),
        ("left.terminal, left.direction = True, 1", "left.terminal, left.direction = True, 2"),
        ("for a, b in zip(x, y, strict=True):", "for a, b in zip(x, y, strict=False):"),
        ("for a, b in zip(x, y, strict=True):", "for a, b in zip(x, y, ):"),
    ],
)
def test_a_change_that_nobody_could_see_is_accepted(before, after):
    assert found(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if not error <= bound:", "if not error > bound:"),
        ("if error <= bound:", "if error <= 2 * bound:"),
        ("if n <= 3:", "if n < 3:"),
        ("if share > 0.5:", "if share >= 0.5:"),
        ("if len(items) > SHOWN:", "if len(items) >= SHOWN:"),
        ("return n > 3 and gap < rest", "return n >= 3 and gap < rest"),
        ("if terror <= bound:", "if terror < bound:"),
        ("if count > STEPS:", "if count >= STEPS:"),  # a whole number
        ("a = b.reshape(n, -1)", "a = b.reshape(n, +1)"),
        ("a = b[-1].reshape(n)", "a = b[-2].reshape(n)"),
        ("left.direction = -1", "left.direction = +1"),
    ],
)
def test_a_change_that_someone_could_see_is_not(before, after):
    assert found(before, after) is None


def test_a_number_may_be_that_of_a_module_that_is_imported():
    lines = "if near.relative <= ERROR:", "if near.relative < ERROR:"
    assert found(*lines, path="ibias/optima/bregman.py")
    assert found(*lines, path="ibias/optima/kernel.py") is None


def test_a_comment_makes_no_number_of_an_integer():
    """SOONEST = 64, and many words after it."""
    path = "ibias/flow/continuation.py"
    assert found("if k >= SOONEST:", "if k > SOONEST:", path=path) is None
    assert found("if k >= FURTHER:", "if k > FURTHER:", path=path)


def test_an_accepted_mutant_is_that_of_its_function_only():
    """And none stands in the list that a kind covers."""
    for entry in mutants.accepted():
        if "function" in entry:
            assert found(entry["before"], entry["after"], function=entry["function"])
            assert found(entry["before"], entry["after"], function="another") is None


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("ibias.a.x_f__mutmut_12", "ibias.a.x_f"),
        ("ibias.a.b.xǁRestǁway__mutmut_3", "ibias.a.b.xǁRestǁway"),
    ],
)
def test_a_mutant_names_its_function(name, function):
    assert mutants.function_of(name) == function
