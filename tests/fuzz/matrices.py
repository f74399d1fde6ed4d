"""The flow of factors on random problems: against `tests/reference/other_flows.py`."""

from types import SimpleNamespace

import numpy as np

from ibias import flow
from ibias.datasets import Completion, Sensing
from ibias.models import matrix_product
from tests.fuzz.linear import judged
from tests.reference import other_flows as right


def observed(rng, shape):
    """A problem, its sensors and observations one by one, their family, whether it is ordinary."""
    rows, columns = shape
    rank = int(rng.integers(1, min(shape) + 1))
    truth = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    size = 10 ** rng.uniform(-3, 3) if rng.random() < 0.2 else 1.0
    truth *= size / np.sqrt(rank)
    family = str(rng.choice(["completion", "sensing", "contradiction", "faint"]))
    if family == "completion":
        mask = rng.random(shape) < rng.uniform(0.3, 1)
        mask[rng.integers(rows), rng.integers(columns)] = True
        i, j = np.nonzero(mask)
        seen = np.zeros((len(i), *shape))
        seen[np.arange(len(i)), i, j] = 1.0
        return Completion(mask, truth), seen, truth[mask], family, size == 1
    seen = rng.standard_normal((int(rng.integers(1, rows * columns + 1)), *shape))
    if family == "contradiction":  # some twice, with other values; or more than there are entries
        more = rng.integers(len(seen), size=int(rng.integers(1, 4)))
        seen = np.concatenate([seen, seen[more]])
    if family == "faint":  # some are seen a thousand times less well
        seen = seen * 10 ** rng.uniform(-3, 0, size=(len(seen), 1, 1))
    y = np.tensordot(seen, truth, axes=2)
    if family == "contradiction":
        y = y + size * rng.standard_normal(len(y))
    return Sensing(seen, y), seen, y, family, size == 1 and family != "faint"


def started(rng, shape, truth_size):
    """Arguments of `matrix_flow` and the factors that they mean."""
    depth = int(rng.integers(2, 5))
    if rng.random() < 0.5:
        scale = truth_size * 10 ** rng.uniform(-3, 0.3)
        factors = matrix_product.scaled_identity(scale, shape, depth)
        return {"scale": scale, "depth": depth}, factors
    sizes = [shape[0], *(int(k) for k in rng.integers(1, 6, depth - 1)), shape[1]]
    size = truth_size ** (1 / depth) * 10 ** rng.uniform(-1, 0.2)
    factors = [size * rng.standard_normal((sizes[j], sizes[j + 1])) for j in range(depth)]
    return {"start": factors}, factors


def problem(rng):
    """One random problem."""
    shape = tuple(int(k) for k in rng.integers(1, 6, 2))
    given, seen, y, family, ordinary = observed(rng, shape)
    typical = max(np.abs(y / np.linalg.norm(seen, axis=(1, 2))).max(), 1e-3)
    arguments, start = started(rng, shape, typical)
    depth, tolerance = len(start), 10 ** rng.uniform(-8, -2)
    steep = np.linalg.norm(seen.reshape(len(seen), -1), 2) ** 2
    largest = max(typical, max(np.linalg.norm(W, 2) for W in start) ** depth)
    pace = depth * steep * largest ** (2 - 2 / depth)
    late = 9 if rng.random() < 0.1 else 5
    log_t = np.sort(rng.uniform(-4, late, size=3)) - np.log(pace)
    truth = right.factors(seen, y, start, np.exp(log_t))
    size = None if truth is None else np.linalg.norm(truth, axis=1)

    def run():
        path = flow.matrix_flow(given, **arguments, log_t=log_t, tolerance=tolerance)
        flat = path.iterates.reshape(len(log_t), -1)
        estimate = path.error_estimate * np.linalg.norm(flat, axis=1)
        return SimpleNamespace(iterates=flat, error_estimate=estimate, status=path.status)

    said = f"{family} {shape} {len(y)} seen, depth {depth}, size {typical:.0e}, tol={tolerance:.0e}"
    return judged(f"matrix_flow, {family}", ordinary, run, truth, tolerance, said, 1e-9, size)
