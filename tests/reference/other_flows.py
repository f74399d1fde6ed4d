"""Mirror, network, parametrised, multiclass, accelerated and adaptive flows, plainly.

Each velocity is written down again from its definition, in the time t itself, and integrated by
DOP853 with tight tolerances; AdaGrad is a loop in extended precision; next tokens are followed to
late times in other variables. Nothing of the package.
"""

import numpy as np

from tests.reference.flows import WIDE, integrated, minus_slope

EXPONENTIAL = ("exponential", 1.0)


@np.errstate(over="ignore", invalid="ignore")
def solved(velocity, start, times, begin=0.0, relative=1e-12, absolute=1e-14):
    """The states at the times, shape (n_times, n), or None where this integrator gives up."""
    return integrated(velocity, start, times, "DOP853", relative, absolute, begin, most=100_000)


def mirror(Z, inverse, m0, times):
    """d m/dt = Z^T exp(-Z w) / n, w = inverse(m); the weights."""
    m = solved(lambda _, m: np.exp(-Z @ inverse(m)) @ Z / len(Z), m0, times)
    return None if m is None else np.array([inverse(one) for one in m])


def tanh_network(X, y, width, start, times):
    """Two layers, tanh between them, exponential loss; theta = (W_1 row after row, W_2)."""
    d = X.shape[1]

    def velocity(_, theta):
        W, a = theta[: width * d].reshape(width, d), theta[width * d :]
        h = np.tanh(X @ W.T)
        pull = y * np.exp(-y * (h @ a)) / len(y)
        return np.concatenate([((pull[:, None] * (1 - h**2) * a).T @ X).ravel(), pull @ h])

    return solved(velocity, start, times)


def squares(X, y, start, times):
    """w = u^2 - v^2 entry by entry, mean squared error over two."""
    d = X.shape[1]

    def velocity(_, theta):
        u, v = theta[:d], theta[d:]
        g = X.T @ (X @ (u**2 - v**2) - y) / len(y)
        return np.concatenate([-2 * u * g, 2 * v * g])

    return solved(velocity, start, times)


@np.errstate(over="ignore", invalid="ignore")
def logarithms(X, pull, start, log_t):
    """w = u^2 - v^2, u and v positive, u' = 2 u X^T pull(X w) / n, by the logarithms of u and v.

    So every one is known relative to itself, however small it is while it waits.
    """
    d, signs = X.shape[1], np.repeat([2.0, -2.0], X.shape[1])

    def velocity(s, a):
        w = np.exp(2 * a[:d]) - np.exp(2 * a[d:])
        return np.exp(s) * signs * np.tile(X.T @ pull(X @ w) / len(X), 2)

    begin = min(-35.0, log_t[0] - 1)
    ends = integrated(velocity, np.log(start), log_t, "LSODA", 1e-12, 1e-12, begin, most=100_000)
    return None if ends is None else np.exp(ends)


def cross_entropy(X, labels, n_classes, start, times):
    """Softmax regression, W flat."""
    hot = np.eye(n_classes)[labels]

    def velocity(_, w):
        scores = X @ w.reshape(n_classes, -1).T
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        return ((hot - p).T @ X / len(X)).ravel()

    return solved(velocity, start, times)


def next_tokens(X, P, start, log_t):
    """Softmax regression on frequencies P, W flat, at late times.

    By Radau in s = log t and the variables (x, g): W = W* + e^-s x + g, x in the span F of the
    differences within the supports, where W* has the log-odds of P. Then nothing is lost:
    x' = x + e^s (e^s (p - q) + pull) along F, g' = pull across F.
    """
    m, n_tokens, d = *P.shape, X.shape[1]
    rows, odds = [np.zeros(n_tokens * d)], [0.0]
    for h, p in zip(X, P, strict=True):
        first, *others = np.flatnonzero(p)
        for v in others:
            rows.append(np.kron(np.eye(n_tokens)[v] - np.eye(n_tokens)[first], h))
            odds.append(np.log(p[v] / p[first]))
    settled = np.linalg.pinv(np.array(rows), rcond=1e-10) @ odds
    _, size, basis = np.linalg.svd(np.array(rows))
    k = int((size > 1e-10 * max(1.0, size[0])).sum())
    F, G, follows = basis[:k], basis[k:], P > 0

    def pulls(s, x, g):
        """Those within the supports, on F, and those of the tokens outside."""
        dW = (np.exp(-s) * x @ F).reshape(n_tokens, d)
        W = settled.reshape(n_tokens, d) + dW + (g @ G).reshape(n_tokens, d)
        u, du = X @ W.T, np.where(follows, X @ dW.T, -np.inf)
        log_q = u - np.logaddexp.reduce(u, axis=1, keepdims=True)
        q = np.where(follows, 0.0, np.exp(np.minimum(s - np.log(m) + log_q, 300.0)))
        more = np.expm1(du - du.max(axis=1, keepdims=True))
        mean = (P * more).sum(axis=1, keepdims=True)
        within = np.exp(s) / m * (P * (mean - more) / (1 + mean)).T @ X
        beyond = (q.sum(axis=1, keepdims=True) * P * (1 + more) / (1 + mean) - q).T @ X
        return within.ravel(), beyond.ravel()

    def velocity(s, state):
        within, beyond = pulls(s, state[:k], state[k:])
        x = state[:k] + np.exp(s) * (F @ (within + beyond))
        return np.concatenate([x, G @ beyond])

    def plain(w):
        scores = X @ w.reshape(n_tokens, d).T
        q = np.exp(scores - scores.max(axis=1, keepdims=True))
        return ((P - q / q.sum(axis=1, keepdims=True)).T @ X / m).ravel()

    # To t = 1 plainly, in t itself.
    early = log_t[log_t <= 0]
    begun = solved(lambda _, w: plain(w), np.ravel(start), [*np.exp(early), 1.0])
    late, w = log_t[len(early) :], begun[-1]
    state = np.concatenate([F @ (w - settled), G @ (w - settled)])
    states = integrated(velocity, state, late, "Radau", 1e-11, 1e-11, most=30_000)
    if states is None:
        return None
    x, g = states[:, :k], states[:, k:]
    return np.vstack([begun[:-1], settled + np.exp(-late)[:, None] * (x @ F) + g @ G])


def accelerated(Z, loss, start, times):
    """w'' + (3/t) w' = pull(w), started by the power series at a small t."""
    d = Z.shape[1]

    def pull(w):
        return (minus_slope(loss, Z @ w) @ Z / len(Z)).astype(float)

    def velocity(t, x):
        return np.concatenate([x[d:], pull(x[:d]) - 3 / t * x[d:]])

    t = 1e-4 * min(1.0, times[0])  # the next term is t^4, below rounding
    x = np.concatenate([start + t**2 / 8 * pull(start), t / 4 * pull(start)])
    x = solved(velocity, x, times, begin=t)
    return None if x is None else x[:, :d]


def adam(Z, epsilon, start, times):
    """w_j' = -g_j / (|g_j| + epsilon), exponential loss."""

    def velocity(_, w):
        g = np.exp(-Z @ w) @ Z / len(Z)
        return g / (np.abs(g) + epsilon)

    return solved(velocity, start, times)


def adagrad(Z, loss, step, start, steps):
    """The loop, in extended precision."""
    Z, w = Z.astype(WIDE), np.asarray(start, dtype=WIDE)
    total, kept, k = np.zeros_like(w), [], 0
    for stop in steps:
        for _ in range(int(stop) - k):
            g = minus_slope(loss, Z @ w) @ Z / len(Z)
            total = total + g**2
            w = w + np.divide(WIDE(step) * g, np.sqrt(total), out=0 * g, where=total > 0)
        k = int(stop)
        kept.append(w.astype(float))
    return np.array(kept)


def factors(seen, y, start, times):
    """The factors of W = W_1 ... W_N under (1/2) sum_i (<A_i, W> - y_i)^2; W flat, row by row.

    `seen` holds the A_i; where they contradict each other nothing is done about it.
    """
    shapes = [one.shape for one in start]
    ends = np.cumsum([0, *(one.size for one in start)])

    def parts(x):
        return [x[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True)]

    def chained(some, size):
        W = np.eye(size)
        for one in some:
            W = W @ one
        return W

    def velocity(_, x):
        Ws = parts(x)
        W = chained(Ws, shapes[0][0])
        pull = sum((target - (A * W).sum()) * A for A, target in zip(seen, y, strict=True))
        moves = [
            chained(Ws[:j], shapes[0][0]).T @ pull @ chained(Ws[j + 1 :], shapes[j][1]).T
            for j in range(len(Ws))
        ]
        return np.concatenate([move.ravel() for move in moves])

    # A product of factors of 1e-8 is asked for to nine digits: on its way to a saddle, say.
    begin = np.concatenate([one.ravel() for one in start])
    x = solved(velocity, begin, times, relative=3e-14, absolute=1e-18)
    if x is None:
        return None
    return np.array([chained(parts(one), shapes[0][0]).ravel() for one in x])
