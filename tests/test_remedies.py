"""An error that names a time has asked for it."""

import numpy as np
import pytest

from ibias import flow
from ibias.flow.estimate import Apart
from ibias.flow.log_time import IntegrationFailed, before
from ibias.flow.remedies import SOONER, tried


def failing(until, asked, apart=-np.inf):
    """Return a flow that stops at `until`, and whose two runs part at `apart` before."""

    @tried("log_t")
    def fails(*, log_t):
        log_t = np.array(log_t)
        asked.append(log_t)
        if log_t[-1] > until:
            error = IntegrationFailed("stopped")
            error.until = before(until)
            raise error
        if log_t[-1] > apart:
            raise Apart(f"they agree up to {log_t[log_t <= apart].max(initial=-np.inf)}")
        return "arrived"

    return fails


def test_a_time_that_works_is_named_as_it_was():
    asked = []
    with pytest.raises(IntegrationFailed, match="stopped") as caught:
        failing(5.0, asked, apart=6.0)(log_t=[1.0, 9.0])
    assert [list(times) for times in asked] == [[1.0, 9.0], [1.0, before(5.0)]]
    assert caught.value.until == before(5.0)


def test_a_time_at_which_the_runs_are_apart_gives_way_to_one_at_which_they_agree():
    asked = []
    named = before(5.0)
    with pytest.raises(Apart, match=f"up to {named - 2}"):
        failing(5.0, asked, apart=3.0)(log_t=[1.0, 9.0])
    assert asked[2].tolist() == np.unique([1.0, *(named - SOONER)]).tolist()


def test_what_names_no_time_is_raised_at_once():
    asked = []
    with pytest.raises(Apart):
        failing(np.inf, asked)(log_t=[1.0])
    assert len(asked) == 1
    assert failing(np.inf, asked, apart=2.0)(log_t=[1.0]) == "arrived"


@pytest.mark.parametrize(
    ("start", "depth", "tolerance"),
    [
        ([[0, -0.5], [-0.5, 0]], 2, 1e-4),
    ],
)
def test_beside_a_saddle_the_time_that_is_named_is_one_at_which_the_runs_agree(
    start, depth, tolerance
):
    times = [1.0, 3.0, 5.0]
    for _ in range(2):
        try:
            run = flow.two_by_two_flow(start, depth=depth, log_t=times, tolerance=tolerance)
            break
        except IntegrationFailed as error:
            said = str(error)
            until = float(said.split("times up to ")[1].split()[0].strip(".,;"))
            times = [until]
    assert (run.error_estimate > 0).all()
