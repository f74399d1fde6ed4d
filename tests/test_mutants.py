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
    for (function, before, after), reason in mutants.accepted().items():
        assert function and before != after and len(reason.split()) >= 4


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("ibias.a.x_f__mutmut_12", "ibias.a.x_f"),
        ("ibias.a.b.xǁRestǁway__mutmut_3", "ibias.a.b.xǁRestǁway"),
    ],
)
def test_a_mutant_names_its_function(name, function):
    assert mutants.function_of(name) == function
