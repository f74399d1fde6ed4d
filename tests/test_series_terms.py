"""The series log(1 + Delta), term by term: coefficients, pulls, and how many terms are seen."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from ibias import losses
from ibias.flow.log_time import LogTimeField
from ibias.flow.series import (
    LOG_SERIES,
    MAX_ORDER,
    SEEN,
    SLOWLY,
    Series,
    Terms,
    ahead,
    log_series,
    neglected_term,
)

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((4, 2))
ETA, S = 0.8, 1.7


def field_of(order, Z=Z, eta=ETA, least=1, loss="logistic"):
    scale = np.log(eta / len(Z))
    return Series(Z, losses.named(loss), scale, np.zeros(len(Z)), Terms(order, least))


@pytest.mark.parametrize("order", range(MAX_ORDER + 1))
def test_the_coefficients_of_every_order(order):
    """Exact for the increments of a polynomial of that degree, and not of the next one."""
    for c in (log_series(order), LOG_SERIES[order]):
        assert c.shape == (order,)
        for degree in range(1, order + 2):
            p = Polynomial.basis(degree)(Polynomial([0.3, 1.0]))
            increments = np.diff(p(np.arange(order + 1.0)))
            slope = p.deriv()(0.0)
            if degree <= order:
                assert c @ increments == pytest.approx(slope, abs=1e-9)
            else:  # Delta^(order + 1) of it is (order + 1)!
                last = np.prod(np.arange(1.0, order + 2)) * (-1) ** order / (order + 1)
                assert slope - c @ increments == pytest.approx(last)


def test_the_increments_ahead():
    increment, step = (lambda w: np.cos(w) * [1.0, 2.0]), 0.25
    w, right = np.array([0.3, -0.4]), []
    for _ in range(3):
        right.append(increment(w))
        w = w + step * right[-1]
    assert ahead(increment, step, np.array([0.3, -0.4]), 3) == pytest.approx(np.array(right))
    several = np.array([[0.25], [0.5]])
    found = ahead(increment, several, np.tile([0.3, -0.4], (2, 1)), 3)
    assert found.shape == (3, 2, 2) and found[:, 0] == pytest.approx(np.array(right))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_first_term_beyond(order):
    """The difference of that order, over one more, over it: along both columns."""
    rows = RNG.standard_normal((order + 1, 2))
    difference = rows.copy()
    for _ in range(order):
        difference = difference[1:] - difference[:-1]
    right = difference[0] / (order + 1) / order
    assert neglected_term(rows) == pytest.approx(right)


def test_how_many_terms_are_taken():
    terms = Terms(4, least=2)
    assert terms.taken == 4 and Terms(3).least == 1
    for seen, taken in [(1, 2), (2, 2), (3, 3), (4, 4)]:
        terms.take(seen)
        assert terms.taken == taken


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_field_is_the_sum_of_its_terms(n, loss):
    field, w = field_of(4, loss=loss), np.array([0.3, -0.2])
    field.terms.taken = n
    scale = np.exp(S) * ETA / 4
    here, right = w, []
    for _ in range(n):
        right.append(scale * -field.loss.slope(Z @ here) @ Z)
        here = here + np.exp(-S) * right[-1]
    assert field.pulls(S, w, n) == pytest.approx(np.array(right))
    assert field(S, w) == pytest.approx(log_series(n) @ right)
    assert field.flow(S, w) == pytest.approx(right[0])
    assert type(field.flow) is LogTimeField


def test_the_flow_has_the_offset_too():
    offset = np.array([0.1, -2.0, 0.3, 0.0])
    field = Series(Z, losses.Logistic(), 0.3, offset, Terms(1))
    w = np.array([0.3, -0.2])
    assert field(S, w) == pytest.approx(field.flow(S, w))
    assert field.pulls(S, w, 1)[0] == pytest.approx(field.flow(S, w))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_jacobian_is_a_series_in_that_of_the_flow(n):
    """J (1 - A/2 + A^2/3 - ...), A = e^-s J: log(1 + A), cut off."""
    field, w = field_of(4), np.array([0.3, -0.2])
    field.terms.taken = n
    J = field.flow.jacobian(S, w)
    A = np.exp(-S) * J
    right = sum((-1) ** j * J @ np.linalg.matrix_power(A, j) / (j + 1) for j in range(n))
    assert field.jacobian(S, w) == pytest.approx(right)


# How many terms are seen.


class Told:
    """Pulls by a script, in place of those of the samples; how often they were asked for."""

    def __init__(self, monkeypatch, pulls):
        self.pulls, self.asked = pulls, []
        monkeypatch.setattr(LogTimeField, "__call__", lambda field, s, w: self.next(w))

    def next(self, w):
        self.asked.append(np.array(w))
        return self.pulls[len(self.asked) - 1]


def geometric(q, order):
    """Pulls whose j-th difference is 1000 q^j, with another entry that is smaller."""
    powers = (1 + q) ** np.arange(order + 1.0)
    return 1000 * powers[:, None] * [-0.5, 1.0]


@pytest.mark.parametrize("order", [1, 2, 4, 6])
@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("small", [1.1e3, 13.0, 0.17, 1.3e-4])
@pytest.mark.parametrize("q", [-0.4, 0.05, 1.5])
@pytest.mark.parametrize("slow", [True, False])
def test_a_look_at_differences_that_are_known(order, least, small, q, slow, monkeypatch):
    least = min(least, order)
    told = Told(monkeypatch, geometric(q, order))
    s, w = 0.3, np.array([2.0, -3.0])  # so few steps: what is not small is not held
    # Weights change by the steepness 1 times |Z (e^-s F)|.
    size = (0.99 if slow else 1.01) * SLOWLY / (np.exp(-s) * 1000)
    field = field_of(order, np.array([[0.0, size], [0.0, -size / 2]]), 1.0, least, "exponential")
    seen, neglected = field.look(s, w, small)
    sizes = 1000 * np.abs(q) ** np.arange(order + 1.0)
    parts = sizes / np.arange(1.0, order + 2)
    assert seen == max([least, *(j + 1 for j in range(least, order) if parts[j] > SEEN * small)])
    # One difference is at most twice the one before: as soon as one is so small that none of the
    # others can be seen, and the neglected one is small, it is enough.
    enough = SEEN * small if least < order else small * order * (order + 1)
    fine = [j for j in range(1, order + 1) if sizes[j] * 2.0 ** (order - j) <= enough]
    last = fine[0] if slow and fine else order
    assert len(told.asked) == last + 1
    bound = sizes[last] * 2.0 ** (order - last) / (order * (order + 1))
    assert neglected == pytest.approx(bound)
    # At the iterates themselves.
    here = w
    for at, pull in zip(told.asked, told.pulls, strict=False):
        assert at == pytest.approx(here)
        here = here + np.exp(-s) * pull


@pytest.mark.parametrize("k", [3.9, 4.1])
@pytest.mark.parametrize("small", [1.0, 1e9])
def test_what_is_not_small_is_by_how_much_it_moves_w(k, small, monkeypatch):
    """From twice as many steps on as there are weights."""
    told = Told(monkeypatch, geometric(1.5, 2))
    monkeypatch.setattr(
        Series, "held", lambda field, s, w, push: noted.append((s, w, push)) or 3 * push
    )
    noted, w = [], np.array([2.0, -3.0])
    field = field_of(2, 1e-9 * np.eye(2))
    _, neglected = field.look(np.log(k), w, small)
    size = 1000 * 1.5**2 / 6
    if small == 1e9:
        assert neglected <= small and not noted and told.asked
    elif k < 4:
        assert neglected == pytest.approx(size) and not noted
    else:
        ((s, at, push),) = noted
        assert s == pytest.approx(np.log(k)) and at is w
        assert push == pytest.approx(size * np.array([-0.5, 1.0]))
        assert neglected == pytest.approx(3 * size)


def test_a_steady_push_against_what_holds_w():
    """By (1 - J)^-1, where J pushes back; where it drives on, as if it did not."""
    rows = np.array([[3.0, 1.0], [-1.0, 2.0], [0.5, -2.0]])
    field, w, push = field_of(2, rows), np.array([0.2, 0.1]), np.array([1.0, -2.0])
    J = field.flow.jacobian(S, w)
    assert field.held(S, w, push) == pytest.approx(np.linalg.solve(np.eye(2) - J, push))
    field = field_of(2, rows, loss=losses.Sigmoid())
    w = np.array([-3.0, 0.5])
    J = field.flow.jacobian(S, w)
    rates, basis = np.linalg.eigh(J)
    assert rates[0] < 0 < rates[1]
    right = basis @ (basis.T @ push / [1 - rates[0], 1.0])
    assert field.held(S, w, push) == pytest.approx(right)


def test_a_jacobian_that_is_no_number_holds_nothing(monkeypatch):
    monkeypatch.setattr(LogTimeField, "jacobian", lambda field, s, w: np.full((2, 2), np.inf))
    push = np.array([1.0, -2.0])
    assert field_of(2).held(S, np.zeros(2), push) is push


def test_a_look_where_there_is_no_sample_and_no_weight():
    field = field_of(2, np.zeros((2, 0)))
    assert field.look(S, np.empty(0), 1e-3) == (1, 0.0)
