"""The least nuclear norm: forged answers, the bound of the matrix by hand, each step alone."""

import numpy as np
import pytest

from ibias import datasets, progress
from ibias.datasets import Completion, Sensing, gaussian_sensing
from ibias.optima import min_nuclear_norm, nuclear

E11 = np.diag([1.0, 0.0])
E22 = np.diag([0.0, 1.0])


def forge(monkeypatch, W, nu):
    """The solver answers this, in its own units, and nobody polishes it."""
    answer = np.array(W, float), np.array(nu, float)
    monkeypatch.setattr(nuclear, "_solve_dual", lambda *_: answer)
    monkeypatch.setattr(nuclear, "_polished", lambda sensors, y, W, nu, semidefinite: (W, nu))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("length", [1e-9, 0.5, 2.0])
def test_one_entry_is_seen(size, length):
    """length W_11 = size: W = (size / length) E_11 and the dual matrix has norm one."""
    best = min_nuclear_norm(Sensing([length * E11], [size]))
    assert pytest.approx(size / length * E11, abs=1e-6 * size) == best.W
    assert best.value == pytest.approx(size / length)
    assert best.dual_variables == pytest.approx([1 / length])
    assert best.dual_matrix == pytest.approx(E11, abs=1e-9)
    assert best.dual_norm == pytest.approx(1)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("semidefinite", [False, True])
@pytest.mark.parametrize(("short", "passes"), [(0.8e-6, True), (1.2e-6, False)])
def test_multipliers_that_fall_short_leave_a_gap(size, semidefinite, short, passes, monkeypatch):
    forge(monkeypatch, E11, [1 - short])
    problem = Sensing([2 * E11], [size])
    if passes:
        best = min_nuclear_norm(problem, semidefinite=semidefinite)
        assert best.duality_gap == pytest.approx(short * size / 2, rel=1e-6)
        assert best.dual_norm == pytest.approx(1 - short, rel=1e-9)
        assert best.value == pytest.approx(size / 2)
        return
    with pytest.raises(RuntimeError, match="the solver left a duality gap of"):
        min_nuclear_norm(problem, semidefinite=semidefinite)


@pytest.mark.parametrize("semidefinite", [False, True])
def test_multipliers_that_are_too_long_are_shortened(semidefinite, monkeypatch):
    forge(monkeypatch, E11, [1.5])
    best = min_nuclear_norm(Sensing([2 * E11], [1.0]), semidefinite=semidefinite)
    assert best.dual_variables.tolist() == [0.5] and best.dual_norm == 1
    assert best.dual_matrix == pytest.approx(E11) and best.duality_gap == pytest.approx(0)


@pytest.mark.parametrize(("aside", "passes"), [(1.2e-3, True), (1.6e-3, False)])
def test_a_matrix_that_is_longer_than_it_must_be_leaves_a_gap(aside, passes, monkeypatch):
    """With an entry e beside 1 the norm is 1 + e^2 / 2; the seen entry is set right."""
    forge(monkeypatch, [[3.0, aside], [0.0, 0.0]], [1.0])
    if passes:
        best = min_nuclear_norm(Sensing([E11], [1.0]))
        assert pytest.approx(np.array([[1.0, aside], [0.0, 0.0]])) == best.W
        assert best.duality_gap == pytest.approx(aside**2 / 2, rel=1e-3)
        return
    with pytest.raises(RuntimeError, match="the solver left a duality gap of"):
        min_nuclear_norm(Sensing([E11], [1.0]))


@pytest.mark.parametrize(("gap", "passes"), [(-0.5e-12, True), (-2e-12, False), (2e-6, False)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_gap_below_zero_is_rounding_or_an_error(gap, passes, size, monkeypatch):
    forge(monkeypatch, E11, [1.0])
    monkeypatch.setattr(nuclear, "_gap", lambda *_: gap * size)
    if passes:
        best = min_nuclear_norm(Sensing([E11], [size]))
        assert best.duality_gap == gap * size
        return
    with pytest.raises(RuntimeError, match="the solver left"):
        min_nuclear_norm(Sensing([E11], [size]))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("below", "passes"), [(0.8e-6, True), (1.2e-6, False)])
def test_an_eigenvalue_below_zero_is_rounding_or_an_error(below, passes, size, monkeypatch):
    """Only where positive semidefinite matrices are asked for."""
    forge(monkeypatch, [[1.0, 1e-9], [-1e-9, -below]], [1.0])
    monkeypatch.setattr(nuclear, "_gap", lambda *_: 0.0)
    problem = Sensing([E11], [size])
    assert min_nuclear_norm(problem).W[1, 1] == pytest.approx(-below * size)
    if passes:
        assert min_nuclear_norm(problem, semidefinite=True).W[1, 1] < 0
        return
    with pytest.raises(RuntimeError, match="the solver left"):
        min_nuclear_norm(problem, semidefinite=True)


@pytest.mark.parametrize(("apart", "passes"), [(1.6e-9, True), (2.4e-9, False)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_observations_that_no_matrix_has(apart, passes, size, monkeypatch):
    """Twice the same entry: the mean of both misses each by half of what they are apart."""
    forge(monkeypatch, E11, [1.0])  # the two are one equation
    problem = Sensing([E11, 2 * E11], [size, 2 * size * (1 + apart)])
    if passes:
        assert min_nuclear_norm(problem).W[0, 0] == pytest.approx(size)
        return
    with pytest.raises(ValueError, match="no matrix has these observations"):
        min_nuclear_norm(problem)


def test_among_semidefinite_matrices_a_negative_eigenvalue_of_the_dual_is_no_matter():
    """W_11 - 3 W_22 = 1: E_11 there; of all matrices -E_22 / 3 is shorter."""
    problem = Sensing([np.diag([1.0, -3.0])], [1.0])
    best = min_nuclear_norm(problem, semidefinite=True)
    assert pytest.approx(E11, abs=1e-6) == best.W and best.value == pytest.approx(1)
    assert best.dual_matrix == pytest.approx(np.diag([1.0, -3.0]))
    assert best.dual_norm == pytest.approx(1) and best.matrix_error == np.inf
    free = min_nuclear_norm(problem)
    assert pytest.approx(-E22 / 3, abs=1e-6) == free.W and free.value == pytest.approx(1 / 3)
    assert free.dual_norm == pytest.approx(1)


def test_among_semidefinite_matrices_sensors_count_by_their_symmetric_parts():
    skew = np.array([[0.0, 5.0], [-5.0, 0.0]])
    best = min_nuclear_norm(Sensing([E11 + skew], [2.0]), semidefinite=True)
    assert pytest.approx(2 * E11, abs=1e-6) == best.W and best.value == pytest.approx(2)
    assert best.dual_matrix == pytest.approx(E11, abs=1e-9)


def test_observations_of_zero_and_sensors_that_see_nothing():
    best = min_nuclear_norm(Sensing([E11, E22], [0.0, 0.0]))
    assert best.value == pytest.approx(0, abs=1e-9) and pytest.approx(0 * E11, abs=1e-9) == best.W
    best = min_nuclear_norm(Sensing([E11, 0 * E11], [3.0, 0.0]))
    assert best.value == pytest.approx(3)


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (3, 2), (3, 3)])
def test_all_entries_of_a_matrix_leave_no_choice(shape):
    W = datasets.generator(0).standard_normal(shape)
    best = min_nuclear_norm(Completion(np.ones(shape, bool), W))
    assert pytest.approx(W, abs=1e-9) == best.W
    assert best.value == pytest.approx(np.linalg.svd(W)[1].sum())
    assert best.matrix_error < 1e-3


# ---- the bound of the matrix, by hand


def test_the_bound_where_all_entries_are_seen():
    """diag(1, 1/2): the corner is at most gap / (1/2), two matrices, and a factor 1 + 1."""
    Y = np.diag([1.0, 0.5])
    assert nuclear._matrix_error(np.eye(4), Y, 1.0, 1e-9) == pytest.approx(8e-9)
    assert nuclear._matrix_error(np.eye(4), Y, 3.0, 0.0) == pytest.approx(24 * 2.0**-52)
    assert nuclear._matrix_error(2 * np.eye(4), Y, 1.0, 1e-9) == pytest.approx(8e-9)
    # A sensor three times as long that sees only the corner: 1 + 3.
    assert nuclear._matrix_error(np.diag([1, 1, 1, 3.0]), Y, 1.0, 1e-9) == pytest.approx(16e-9)
    assert nuclear._matrix_error(np.eye(4)[:3], Y, 1.0, 1e-9) == pytest.approx(8e-9)


def test_the_bound_on_the_smaller_face_is_of_the_order_of_the_root():
    """One entry is seen: 2 gap + sqrt(2 gap value) (1 + 2 * 1.5 / 0.5), plus what s_1 lacks."""
    gap, value = 1e-10, 2.0
    mixed = np.sqrt(2 * gap * value)
    for short in (0.0, 0.9e-3):
        Y, rows = np.diag([1.0 - short, 0.5]), np.eye(4)[:1]
        ratio = 1 + 2 * (1.5 - short) / (0.5 - short)
        bound = 4 * (gap / 0.5 + mixed * ratio + short * value)
        assert nuclear._matrix_error(rows, Y, value, gap) == pytest.approx(bound)
    assert nuclear._matrix_error(rows, np.diag([1 - 1.1e-3, 0.5]), value, gap) == np.inf


def test_singular_values_that_are_one_within_a_thousandth_are_of_the_face():
    """diag(1, 1 - d): for d below 1e-3 there is no corner, and nothing but gap."""
    for d, bound in ((0.9e-3, 4e-12), (1.1e-3, 4e-12 / 1.1e-3)):
        Y = np.diag([1.0, 1 - d])
        assert nuclear._matrix_error(np.eye(4), Y, 1.0, 1e-12) == pytest.approx(bound)
    assert nuclear._matrix_error(np.eye(4), np.diag([1 + 5e-13, 0.5]), 1.0, 1e-9) < 1e-8
    assert nuclear._matrix_error(np.eye(4), np.diag([1 + 2e-12, 0.5]), 1.0, 1e-9) == np.inf


@pytest.mark.parametrize("shape", [(2, 4), (4, 2), (3, 3)])
def test_the_bound_of_a_matrix_of_any_shape_and_turned(shape):
    """s = 1, 1/4: gap / (3/4), four times; whatever the singular vectors are."""
    rng = datasets.generator(1)
    P, Q = (np.linalg.qr(rng.standard_normal((k, k)))[0] for k in shape)
    S = np.zeros(shape)
    S[0, 0], S[1, 1] = 1.0, 0.25
    bound = nuclear._matrix_error(np.eye(shape[0] * shape[1]), P @ S @ Q, 1.0, 1e-9)
    assert bound == pytest.approx(4 * 1e-9 / 0.75)


def test_directions_that_no_sensor_sees_have_no_bound():
    Y, rows = np.diag([1.0, 0.5]), np.eye(4)[1:2]  # the entry of the face is not seen
    assert nuclear._matrix_error(rows, Y, 1.0, 1e-9) == np.inf
    assert nuclear._matrix_error(np.vstack([rows, rows, rows, rows]), Y, 1.0, 1e-9) == np.inf


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (3, 3)])
@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_bases_of_both_subspaces(shape, r):
    """Orthonormal, of the right dimension, and with the corner zero or the block symmetric."""
    rng = datasets.generator(2)
    m, n = shape
    P, Q = (np.linalg.qr(rng.standard_normal((k, k)))[0] for k in shape)
    wide, face = nuclear._without_corner(P, Q.T, r), nuclear._face(P, Q.T, r)
    assert wide.shape == (m * n, m * n - (m - r) * (n - r))
    assert face.shape == (m * n, r * (r + 1) // 2)
    for basis in (wide, face):
        assert basis.T @ basis == pytest.approx(np.eye(basis.shape[1]))
        for column in basis.T:
            inside = P.T @ column.reshape(shape) @ Q
            assert np.abs(inside[r:, r:]).max(initial=0) < 1e-12
            if basis is face:
                assert inside[:r, :r] == pytest.approx(inside[:r, :r].T)
                assert np.linalg.norm(inside) == pytest.approx(np.linalg.norm(inside[:r, :r]))


# ---- each step alone


def misfit(sensors, W, y):
    return np.abs(np.tensordot(sensors, W, axes=2) - y).max()


@pytest.mark.parametrize("semidefinite", [False, True])
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_the_solver_alone(semidefinite, shape):
    """In the dual: <y, nu> is the norm of W, and A*(nu) has norm one on it."""
    if semidefinite and shape != (4, 4):
        return
    rng = datasets.generator(3)
    factors = rng.standard_normal((shape[0], 1)), rng.standard_normal((1, shape[1]))
    truth = factors[0] @ (factors[0].T if semidefinite else factors[1])
    sensors = rng.standard_normal((9, *shape))
    sensors = (sensors + sensors.transpose(0, 2, 1)) / 2 if semidefinite else sensors
    y = np.tensordot(sensors, truth, axes=2)
    W, nu = nuclear._solve_dual(sensors, y, semidefinite)
    assert misfit(sensors, W, y) < 1e-5 * np.abs(y).max()
    value, Y = np.linalg.norm(W, "nuc"), np.tensordot(nu, sensors, axes=1)
    assert y @ nu == pytest.approx(value, rel=1e-6)
    top = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, 2)
    assert top == pytest.approx(1, abs=1e-6)
    assert nuclear._gap(W, nu, y) == pytest.approx(value - y @ nu, abs=1e-12)


def test_rounding_is_taken_off_the_observations():
    problem = gaussian_sensing(4, 1, 7, seed=0)
    W = problem.truth + 0.1 * datasets.generator(1).standard_normal((4, 4))
    fitted = nuclear.fitted(problem.sensors, W, problem.observations)
    assert misfit(problem.sensors, fitted, problem.observations) < 1e-11
    rows = problem.sensors.reshape(7, -1)
    moved = (fitted - W).ravel()  # the shortest way: along the sensors
    assert rows.T @ np.linalg.lstsq(rows.T, moved)[0] == pytest.approx(moved)


def optimum(semidefinite, shape=(4, 4), rank=1, seed=0):
    rng = datasets.generator(seed)
    left = rng.standard_normal((shape[0], rank))
    right = left if semidefinite else rng.standard_normal((shape[1], rank))
    n = 9 if rank == 1 else 14
    sensors = rng.standard_normal((n, *shape))
    if semidefinite:
        sensors = (sensors + sensors.transpose(0, 2, 1)) / 2
    y = np.tensordot(sensors, left @ right.T, axes=2)
    best = min_nuclear_norm(Sensing(sensors, y), semidefinite=semidefinite)
    return sensors, y, best


@pytest.mark.parametrize("semidefinite", [False, True])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_newtons_method_makes_a_rough_optimum_exact(semidefinite, rank, shape):
    if semidefinite and shape != (4, 4):
        return
    heard = []
    sensors, y, best = optimum(semidefinite, shape, rank)
    rng = datasets.generator(5)
    W = best.W + 1e-5 * rng.standard_normal(shape)
    nu = best.dual_variables * (1 + 1e-5 * rng.uniform(-1, 1, len(y)))
    rough = nuclear.fitted(sensors, W, y)
    with progress.reported(lambda *said: heard.append(said)):
        W, nu = nuclear._polished(sensors, y, rough, nu, semidefinite)
    assert misfit(sensors, W, y) < 1e-10
    Y = np.tensordot(nu, sensors, axes=1)
    top = np.linalg.eigvalsh(Y).max() if semidefinite else np.linalg.norm(Y, 2)
    assert top == pytest.approx(1, abs=1e-9)
    assert abs(nuclear._gap(W, nu / max(1, top), y)) < 1e-10 * best.value
    assert heard and heard[0][0] == "sharpening the optimum"


def test_newtons_method_is_left_out_where_it_is_too_large_or_there_is_nothing(monkeypatch):
    sensors, y, best = optimum(False)
    W, nu = best.W * (1 + 1e-4), best.dual_variables * (1 - 1e-4)
    rank = np.linalg.matrix_rank(best.W, tol=1e-6)
    unknowns = (4 + 4) * rank + len(y)
    monkeypatch.setattr(nuclear, "LARGEST_NEWTON", unknowns - 1)
    stays, same = nuclear._polished(sensors, y, W, nu, False)
    assert stays is W and same is nu
    monkeypatch.setattr(nuclear, "LARGEST_NEWTON", unknowns)
    better, other = nuclear._polished(sensors, y, W, nu, False)
    assert better is not W and other is not nu
    nothing = np.zeros((4, 4))
    stays, same = nuclear._polished(sensors, 0 * y, nothing, nu, False)
    assert stays is nothing and same is nu


def test_a_step_that_is_too_long_ends_newtons_method():
    """From far away: what there was is kept, and it is no worse than before."""
    sensors, y, best = optimum(False)
    W, nu = 1e3 * np.eye(4), np.zeros(len(y))
    stays, same = nuclear._polished(sensors, y, W, nu, False)
    before = abs(nuclear._gap(W, nu, y))
    Y = np.tensordot(same, sensors, axes=1)
    assert abs(nuclear._gap(stays, same / max(1, np.linalg.norm(Y, 2)), y)) <= before
    assert best.value < before


def test_the_optimum_is_refined_in_the_units_of_the_problem():
    """Sensors of any length and observations of any size: the same W, and its error in units."""
    problem = gaussian_sensing(4, 1, 12, seed=2)
    best = min_nuclear_norm(problem)
    lengths = 10.0 ** datasets.generator(0).uniform(-9, 3, 12)
    other = Sensing(problem.sensors * lengths[:, None, None], problem.observations * lengths * 1e4)
    scaled = min_nuclear_norm(other)
    assert pytest.approx(1e4 * best.W, rel=1e-7, abs=1e-4) == scaled.W
    assert scaled.value == pytest.approx(1e4 * best.value)
    assert np.linalg.norm(scaled.dual_matrix, 2) <= 1 + 1e-12
    assert scaled.matrix_error < 1e-2 * scaled.value
    assert np.linalg.norm(scaled.W - 1e4 * problem.truth) <= scaled.matrix_error


def test_an_eigenvalue_below_minus_one_is_no_matter_to_newtons_method():
    """W_11 - 3 W_22 = 1 among the semidefinite: a rough E_11 is polished, although ||Y|| = 3."""
    sensors, y = np.array([np.diag([1.0, -3.0])]), np.array([1.0])
    W, nu = nuclear._polished(sensors, y, np.diag([1.0, 0.0]), np.array([1 - 1e-5]), True)
    assert nu == pytest.approx([1], abs=1e-12) and pytest.approx(E11, abs=1e-12) == W


def test_a_polish_that_spoils_it_is_not_taken(monkeypatch):
    sensors, y, best = optimum(False)
    monkeypatch.setattr(nuclear, "fitted", lambda sensors, W, y: 1.1 * W)
    W, nu = nuclear._polished(sensors, y, best.W, best.dual_variables, False)
    assert W is best.W and nu is best.dual_variables


@pytest.mark.parametrize(
    ("sensor", "nu", "semidefinite"), [(E11, 1.5, False), (np.diag([1.0, -3.0]), 1.0, True)]
)
def test_what_is_exact_after_it_is_shortened_is_kept(sensor, nu, semidefinite, monkeypatch):
    """Multipliers that are too long; or a dual matrix whose eigenvalue of -3 is no matter."""
    start, multipliers = E11.copy(), np.array([nu])
    monkeypatch.setattr(nuclear, "fitted", lambda sensors, W, y: 1.1 * W)
    W, same = nuclear._polished(sensor[None], np.array([1.0]), start, multipliers, semidefinite)
    assert W is start and same is multipliers


def test_the_bar_of_the_polish_counts_its_steps(monkeypatch):
    """Ten for each rank that is tried: here there is one, and it arrives before."""
    heard = []
    monkeypatch.setattr(progress, "INTERVAL", -1.0)
    sensors, y = np.array([E11]), np.array([1.0])
    with progress.reported(lambda what, fraction: heard.append(fraction)):
        nuclear._polished(sensors, y, 1.001 * E11, np.array([0.999]), False)
    assert heard[:3] == pytest.approx([0, 0.1, 0.2]) and len(heard) <= 10


def test_a_rank_that_is_too_large_does_not_keep_a_smaller_one_from_being_tried(monkeypatch):
    """The values drop by 500 each time: after the fourth to zero, and three are above 1e-6."""
    heard = []
    W = np.diag([1.0, 2e-3, 4e-6, 8e-9, 0.0])
    monkeypatch.setattr(progress, "INTERVAL", -1.0)
    for largest, tried in ((3, True), (2, False)):
        heard.clear()
        monkeypatch.setattr(nuclear, "LARGEST_NEWTON", (5 + 5) * largest + 1)
        with progress.reported(lambda what, fraction: heard.append(fraction)):
            nuclear._polished(W[None], np.array([1.0]), W, np.array([0.9]), False)
        assert bool(heard) == tried
