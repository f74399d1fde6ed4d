# %% q1: eigenvectors of the curvature, where both cases are written down
def flow(X, y, start, t):
    H, b = X.T @ X / len(y), X.T @ y / len(y)
    values, V = np.linalg.eigh(H)
    c, g = V.T @ start, V.T @ b
    small = values < 1e-12 * values.max()
    safe = np.where(small, 1.0, values)
    decay = (1 + t) ** -safe
    return V @ np.where(small, c, decay * c + (1 - decay) * g / safe)


# %% q1: from the limit backwards, a list
def flow(X, y, start, t):
    limit = start + np.linalg.pinv(X) @ (y - X @ start)
    values, V = np.linalg.eigh(X.T @ X / X.shape[0])
    s = np.log(1 + t)
    return list(limit + V @ (np.exp(-np.maximum(values, 0) * s) * (V.T @ (start - limit))))


# %% q1: the residual's flow
def flow(X, y, start, t):
    values, Q = np.linalg.eigh(X @ X.T / len(X))
    c = Q.T @ (X @ start - y)
    small = values < 1e-12 * values.max()
    fall = -np.expm1(-values * np.log1p(t))
    weights = np.where(small, 0.0, fall / np.where(small, 1.0, values))
    return start - X.T @ (Q @ (weights * c)) / len(X)


# %% q1: eigenvectors, those of eigenvalue zero apart
def flow(X, y, start, t):
    n = X.shape[0]
    values, vectors = np.linalg.eigh(X.T @ X / n)
    c = vectors.T @ (X.T @ (X @ start - y) / n)
    moved = [0.0 if v < 1e-10 else (1 - (1 + t) ** (-v)) / v for v in values]
    return (start - vectors @ (np.array(moved) * c)).reshape(-1, 1)


# %% q1: one number after the other
def flow(X, y, start, t):
    values, V = np.linalg.eigh(X.T @ X / len(y))
    g = X.T @ (X @ start - y) / len(y)
    w = list(start)
    for k in range(len(values)):
        if values[k] > 1e-12:
            step = -np.expm1(-values[k] * np.log1p(t)) / values[k] * (V[:, k] @ g)
            w = [w[j] - step * V[j, k] for j in range(len(w))]
    return w


# %% q1: the exponential of a small matrix, and the limit of least distance
def flow(X, y, start, t):
    away = np.linalg.pinv(X) @ (X @ start - y)
    rows = np.linalg.svd(X, full_matrices=False)[2]
    decay = rows.T @ expm(-np.log1p(t) * rows @ X.T @ X @ rows.T / len(y)) @ rows
    return (start - away + decay @ away)[:, None]


# %% q2: the pseudoinverse, in the units of the prices
def nearest(X, y, start, c):
    root = np.sqrt(c)
    return start - np.linalg.pinv(X / root) @ (X @ start - y) / root


# %% q2: least squares, a list
def nearest(X, y, start, c):
    v = np.linalg.lstsq(X @ np.diag(c**-0.5), y - X @ start)[0]
    return list(start + v * c**-0.5)


# %% q2: a QR decomposition
def nearest(X, y, start, c):
    Q, T = np.linalg.qr((X / np.sqrt(c)).T)
    return start + Q @ np.linalg.solve(T.T, y - X @ start) / np.sqrt(c)


# %% q2: the whole system of Lagrange, a column
def nearest(X, y, start, c):
    n, d = X.shape
    system = np.block([[np.diag(c), X.T], [X, np.zeros((n, n))]])
    return np.linalg.solve(system, np.concatenate([c * start, y]))[:d].reshape(d, 1)


# %% q2: any solution, and then the best step along the free directions
def nearest(X, y, start, c):
    some = np.linalg.lstsq(X, y)[0]
    free = np.linalg.svd(X)[2][len(y) :]
    step = np.linalg.solve((free * c) @ free.T, (free * c) @ (start - some))
    return tuple(some + step @ free)


# %% q3: a loop, an array
def violations(w, multipliers, Z):
    gradient, missed, negative, slack = np.array(w, dtype=float), 0.0, 0.0, 0.0
    for z, m in zip(Z, multipliers, strict=True):
        gradient -= m * z
        missed = max(missed, 1 - z @ w)
        negative = max(negative, -m)
        slack = max(slack, abs(m * (z @ w - 1)))
    return np.array([np.linalg.norm(gradient), missed, negative, slack])


# %% q3: clipped, a list
def violations(w, multipliers, Z):
    room = Z.dot(w) - 1
    parts = [np.clip(-room, 0, None).max(), np.clip(-multipliers, 0, None).max()]
    return [np.sqrt(((w - multipliers @ Z) ** 2).sum()), *parts, max(abs(room * multipliers))]


# %% q3: scalars of numpy
def violations(w, multipliers, Z):
    room = np.einsum("ij,j->i", Z, w) - 1
    first = np.linalg.norm(np.sum(multipliers[:, None] * Z, axis=0) - w)
    second = np.float64(max(0, -min(room)))
    return first, second, max(0, -min(multipliers)), np.linalg.norm(room * multipliers, np.inf)


# %% q3: entry by entry, in single precision at the end
def violations(w, multipliers, Z):
    gradient = [
        w[j] - sum(m * z[j] for m, z in zip(multipliers, Z, strict=True)) for j in range(len(w))
    ]
    room = [float(z @ w) - 1 for z in Z]
    numbers = (
        sum(g * g for g in gradient) ** 0.5,
        max([0.0] + [-r for r in room]),
        max([0.0] + [-m for m in multipliers]),
        max(abs(m * r) for m, r in zip(multipliers, room, strict=True)),
    )
    return np.array(numbers, dtype=np.float32)


# %% q4: lists
w_star = [1 / a, 0]
multipliers = [0.5 / a**2, 0.5 / a**2, 0]

# %% q4: the equations solved
w_star = np.linalg.solve([[a, b], [a, -b]], [1, 1])
multipliers = np.append(np.linalg.solve([[a, a], [b, -b]], w_star), 0)

# %% q4: the solver of the book
found = optima.max_margin(datasets.Dataset.one_class([[a, b], [a, -b], [c, 0]]))
w_star = found.w / (np.array([[a, b], [a, -b], [c, 0]]) @ found.w).min()
multipliers = np.append(np.linalg.solve(np.array([[a, a], [b, -b]]), w_star), 0.0)

# %% q4: columns
w_star = [[1 / a], [0]]
multipliers = np.linalg.lstsq(np.array([[a, a], [b, -b]]), np.array([1 / a, 0]), rcond=None)[0]
multipliers = np.append(multipliers, 0).reshape(3, 1)


# %% q2: any solution, and the rest in the null space
def nearest(X, y, start, c):
    from scipy.linalg import null_space

    N = null_space(X)
    w0 = np.linalg.pinv(X) @ y
    z = np.linalg.solve(N.T @ (c[:, None] * N), N.T @ (c * (start - w0)))
    return w0 + N @ z


# %% q2: the whole system of the optimality conditions
def nearest(X, y, start, c):
    n, d = X.shape
    K = np.zeros((n + d, n + d))
    K[:d, :d], K[:d, d:], K[d:, :d] = np.diag(c), -X.T, X
    return np.linalg.solve(K, np.concatenate([c * start, y]))[:d]


# %% q3: a column in single precision
def violations(w, multipliers, Z):
    room = np.einsum("ij,j->i", Z, w) - 1
    out = [
        np.linalg.norm(w - np.einsum("i,ij->j", multipliers, Z)),
        np.max([0, *(-room)]),
        -min(0, *multipliers),
        np.linalg.norm(multipliers * room, np.inf),
    ]
    return np.array(out, dtype=np.float32)[:, None]


# %% q4: a solver for the constraints, and the multipliers from its point
def solved(Zs):
    from scipy.optimize import minimize

    how = {"type": "ineq", "fun": lambda w: Zs @ w - 1, "jac": lambda w: Zs}
    return minimize(lambda w: w @ w / 2, [3.0, 0.1], jac=lambda w: w, constraints=how, tol=1e-14).x


w_star = solved(np.array([[a, b], [a, -b], [c, 0]]))
multipliers = np.append(np.linalg.solve([[a, a], [b, -b]], w_star), 0)
