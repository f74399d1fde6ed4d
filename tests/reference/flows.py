"""The gradient flow and gradient descent, by code that shares nothing with the package.

Losses are written down again, as functions of the margin; the flow is integrated in t itself,
or solved in closed form where the samples do not see each other; descent is a loop in extended
precision. Slow, short and plain.
"""

import numpy as np
from scipy.integrate import solve_ivp

WIDE = np.longdouble


def minus_slope(loss, u):
    """-l'(u) of the losses of the course, by name and power."""
    name, power = loss
    with np.errstate(over="ignore", under="ignore"):
        if name == "exponential":
            return np.exp(-u)
        if name == "logistic":
            small = np.exp(-np.abs(u))
            return np.where(u > 0, small, 1.0) / (1 + small)
        if name == "sigmoid":
            small = np.exp(-np.abs(u))
            return small / (1 + small) ** 2
        if name == "polynomial":
            right, left = np.maximum(u, 0), np.minimum(u, 0)
            return np.where(
                u >= 0, power * (1 + right) ** -(power + 1), power * (1 - (power + 1) * left)
            )
        right, left = np.maximum(u, 1), np.minimum(u, 1) - 1
        tail = power * right ** (power - 1) * np.exp(-(right**power))
        return np.where(u >= 1, tail, power / np.exp(WIDE(1)) * (1 - left))


def loop(Z, loss, step, start, steps):
    """The iterates after `steps` steps, in extended precision."""
    return loops(Z[None], loss, [step], [start], steps)[:, 0]


def loops(Z, loss, step, start, steps):
    """Those of many problems at once: Z of shape (problems, n, d), a step and a start for each."""
    Z, w = Z.astype(WIDE), np.asarray(start, dtype=WIDE)[..., None]
    back, step = Z.swapaxes(1, 2), np.asarray(step, dtype=WIDE)[:, None, None] / Z.shape[1]
    kept, k = [], 0
    for stop in steps:
        for _ in range(int(stop) - k):
            w = w + step * (back @ minus_slope(loss, Z @ w))
        k = int(stop)
        kept.append(w[..., 0].astype(float))
    return np.array(kept)


@np.errstate(over="ignore", invalid="ignore")
def flow(Z, loss, start, times, stiff=False):
    """The flow in the time t itself, by DOP853 or Radau on the equation as it stands."""
    n, size = Z.shape[0], np.linalg.norm(Z, axis=1).max()
    Z = Z / size  # in units of the longest row; the time is then size^2 t

    def velocity(_, v):
        return (minus_slope(loss, Z @ v) @ Z / n).astype(float)

    if not np.isfinite(velocity(0, size * np.asarray(start, dtype=float))).all():
        return None  # out of the range of this reference
    v, clock = size * np.asarray(start, dtype=float), size**2 * np.asarray(times)
    method, relative = ("Radau", 1e-11) if stiff else ("DOP853", 2.5e-14)
    try:
        states = integrated(velocity, v, clock, method, relative, 1e-15)
    except ValueError:
        return None
    return None if states is None else states / size


def integrated(velocity, state, times, method, relative, absolute, begin=0.0, most=np.inf):
    """The states at the times, or None where the integrator gives up, or after `most` calls.

    Each time is the end of a step: what lies within a step is less well known.
    """
    states, calls = [], 0

    def counted(t, x):
        nonlocal calls
        calls += 1
        if calls > most:
            raise OverflowError
        return velocity(t, x)

    for end in times:
        try:
            answer = solve_ivp(counted, (begin, end), state, method, rtol=relative, atol=absolute)
        except OverflowError:
            return None
        begin, state = end, answer.y[:, -1]
        if not (answer.success and np.isfinite(state).all()):
            return None
        states.append(state)
    return np.array(states)


def alone(z, loss, start, log_t, n):
    """The margin u(t) of one sample that no other sees: u' = z^2 (-l'(u)) / n, at any time.

    G(u) = integral of 1/(-l') is known: G(u) = G(u_0) + z^2 t / n, solved by bisection, in
    logarithms where exp(u) overflows.
    """
    log_c = 2 * np.log(z) - np.log(n) + log_t

    def log_gap(u):
        # log of (G(u) - G(u_0)), for u > u_0
        a, b = max(u, start), min(u, start)
        log_exp = a + np.log(-np.expm1(b - a)) if a > b else -np.inf
        if loss == "exponential":
            return log_exp
        linear = np.log(a - b) if a > b else -np.inf
        if loss == "logistic":
            return np.logaddexp(log_exp, linear)
        other = -b + np.log(-np.expm1(b - a)) if a > b else -np.inf
        return np.logaddexp(np.logaddexp(log_exp, linear + np.log(2)), other)

    low, high = start, start + 1.0
    while log_gap(high) < log_c:
        high = start + 2 * (high - start)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if log_gap(middle) < log_c else (low, middle)
    return (low + high) / 2
