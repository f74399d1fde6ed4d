# %% q1: the sum over the rows, not their mean
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    residual = left.T @ (X @ start - y)
    return start - right.T @ (residual * -np.expm1(-(s**2) * np.log1p(t)) / s)


# %% q1: from zero, as on the page, whatever the start
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    return right.T @ (left.T @ y * -np.expm1(-(s**2) * np.log1p(t) / len(y)) / s)


# %% q1: an inverse that is not there
def flow(X, y, start, t):
    H = X.T @ X / len(y)
    end = np.linalg.inv(H) @ X.T @ y / len(y)
    return end + expm(-np.log1p(t) * H) @ (start - end)


# %% q1: Euler's steps
def flow(X, y, start, t):
    w = start
    for _ in range(2000):
        w = w - np.log1p(t) / 2000 * X.T @ (X @ w - y) / len(y)
    return w


# %% q1: the number of this data set written in
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    residual = left.T @ (X @ start - y)
    return start - right.T @ (residual * -np.expm1(-(s**2) * np.log1p(t) / 3) / s)


# %% q1: the risk without its half, so that the time runs twice as fast
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    residual = left.T @ (X @ start - y)
    return start - right.T @ (residual * -np.expm1(-2 * s**2 * np.log1p(t) / len(y)) / s)


# %% q1: gradient flow as the page has it, at full speed
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    residual = left.T @ (X @ start - y)
    return start - right.T @ (residual * -np.expm1(-(s**2) * t / len(y)) / s)


# %% q1: the speed at the end, as if it had been so all the time
def flow(X, y, start, t):
    left, s, right = np.linalg.svd(X, full_matrices=False)
    residual = left.T @ (X @ start - y)
    return start - right.T @ (residual * -np.expm1(-(s**2) * t / (1 + t) / len(y)) / s)


# %% q1: implicit steps, many of them
def flow(X, y, start, t):
    h, w = np.log1p(t) / 4000, start
    step = np.linalg.inv(np.eye(X.shape[1]) + h * X.T @ X / len(y))
    for _ in range(4000):
        w = step @ (w + h * X.T @ y / len(y))
    return w


# %% q2: the Euclidean one, as on the page, whatever the prices
def nearest(X, y, start, c):
    return start + np.linalg.pinv(X) @ (y - X @ start)


# %% q2: multiplied by the prices, not divided
def nearest(X, y, start, c):
    return start + c * (X.T @ np.linalg.solve((X * c) @ X.T, y - X @ start))


# %% q2: the prices themselves, not their roots
def nearest(X, y, start, c):
    return start + np.linalg.pinv(X / c) @ (y - X @ start) / c


# %% q2: the solution of least norm, wherever the start is
def nearest(X, y, start, c):
    return X.T @ np.linalg.solve(X / c @ X.T, y) / c


# %% q2: the least norm is added to the start
def nearest(X, y, start, c):
    return start + X.T @ np.linalg.solve(X / c @ X.T, y) / c


# %% q2: one projection for each equation
def nearest(X, y, start, c):
    w = start
    for x, t in zip(X, y, strict=True):
        w = w + x / c * (t - x @ w) / (x / c @ x)
    return w


# %% q2: any solution
def nearest(X, y, start, c):
    w = np.zeros(X.shape[1])
    w[: len(y)] = np.linalg.solve(X[:, : len(y)], y)
    return w


# %% q2: ridge
def nearest(X, y, start, c):
    G = X / c @ X.T + 1e-6 * np.eye(len(y))
    return start + X.T @ np.linalg.solve(G, y - X @ start) / c


# %% q3 (5 of 7): the other sign in the Lagrangian
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w + Z.T @ multipliers),
        np.maximum(-room, 0).max(),
        np.maximum(-multipliers, 0).max(),
        np.abs(multipliers * room).max(),
    )


# %% q3 (5 of 7): room to spare counts as a violation
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        np.abs(room).max(),
        np.maximum(-multipliers, 0).max(),
        np.abs(multipliers * room).max(),
    )


# %% q3 (5 of 7): the sum of the products, in which signs cancel
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        np.maximum(-room, 0).max(),
        np.maximum(-multipliers, 0).max(),
        abs(multipliers @ room),
    )


# %% q3 (4 of 7): negative amounts where nothing is missed
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        (-room).max(),
        (-multipliers).max(),
        np.abs(multipliers * room).max(),
    )


# %% q3 (5 of 7): the length of all that is missed, where the largest is asked
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        np.linalg.norm(np.maximum(-room, 0)),
        np.maximum(-multipliers, 0).max(),
        np.abs(multipliers * room).max(),
    )


# %% q3 (5 of 7): the largest multiplier times the largest room
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        np.maximum(-room, 0).max(),
        np.maximum(-multipliers, 0).max(),
        np.abs(multipliers).max() * np.abs(room).max(),
    )


# %% q4 (3 of 6): the nearest point itself
w_star = np.array([a, 0.0])
multipliers = np.array([1, 1, 0]) / (2 * a**2)

# %% q4 (3 of 6): a unit vector
w_star = np.array([1.0, 0.0])
multipliers = np.array([1, 1, 0]) / (2 * a**2)

# %% q4 (3 of 6): all points share the weight
w_star = np.array([1 / a, 0.0])
multipliers = np.ones(3) / (a * (2 * a + c))

# %% q4 (3 of 6): multipliers that sum to one
w_star = np.array([1 / a, 0.0])
multipliers = np.array([0.5, 0.5, 0.0])

# %% q4: the farthest point decides
w_star = np.array([1 / c, 0.0])
multipliers = np.array([0, 0, 1]) / c**2


# %% q1: integration for short times, the limit for long ones
def flow(X, y, start, t):
    from scipy.integrate import solve_ivp

    if t > 100:
        return start + np.linalg.pinv(X) @ (y - X @ start)
    if t == 0:
        return start

    def slope(s, w):
        return -X.T @ (X @ w - y) / len(y) / (1 + s)

    return solve_ivp(slope, (0, t), start, rtol=1e-12, atol=1e-13, method="DOP853").y[:, -1]


# %% q1: small eigenvalues are taken for zero
def flow(X, y, start, t):
    values, V = np.linalg.eigh(X.T @ X / len(y))
    c, g = V.T @ start, V.T @ (X.T @ y) / len(y)
    small, s = values < 1e-2, np.log1p(t)
    safe = np.where(small, 1.0, values)
    return V @ np.where(small, c, np.exp(-safe * s) * c - np.expm1(-safe * s) * g / safe)


# %% q3 (5 of 7): complementarity only where the multiplier is positive
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - Z.T @ multipliers),
        np.maximum(-room, 0).max(),
        np.maximum(-multipliers, 0).max(),
        np.abs(np.maximum(multipliers, 0) * room).max(),
    )


# %% q4 (3 of 6): a penalty of a thousand instead of the constraints
w_star = np.array([2000 * a / (1 + 2000 * a**2), 0.0])
multipliers = np.array([1, 1, 0]) / (2 * a**2)


# %% q4 (3 of 6): multipliers above zero that give the solution, no complementarity
w_star = np.array([1 / a, 0.0])
multipliers = np.array([0.0, 0.0, 1 / (a * c)])


# %% q4: the numbers of another student
w_star = np.array([1.667, 0])
multipliers = np.array([1.389, 1.389, 0])


# %% q3 (6 of 7): how many multipliers are negative, not by how much
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - multipliers @ Z),
        max(0, -room.min()),
        (multipliers < 0).sum(),
        abs(multipliers * room).max(),
    )


# %% q2: a stiff penalty instead of the equations
def nearest(X, y, start, c):
    rho = 1e7
    return np.linalg.solve(np.diag(c) + rho * X.T @ X, c * start + rho * X.T @ y)


# %% q3 (5 of 7): what is missed, relative to the norm
def violations(w, multipliers, Z):
    room = Z @ w - 1
    return (
        np.linalg.norm(w - multipliers @ Z),
        max(0, -room.min()) / max(1, np.linalg.norm(w)),
        max(0, -multipliers.min()),
        abs(multipliers * room).max(),
    )
