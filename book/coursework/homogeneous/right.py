# %% q1: loops over samples and neurons
def soft_minimum(W, a, X, y):
    q = np.array(
        [
            yi * sum(aj * max(wj @ x, 0) for wj, aj in zip(W, a, strict=True))
            for x, yi in zip(X, y, strict=True)
        ]
    )
    p = np.exp(q.min() - q)
    m = q.min() - np.log(p.sum())
    p = p / p.sum()
    dW, da = np.zeros(W.shape), np.zeros(a.shape)
    for pi, x, yi in zip(p, X, y, strict=True):
        for j in range(len(a)):
            if W[j] @ x > 0:
                dW[j] += pi * yi * a[j] * x
                da[j] += pi * yi * (W[j] @ x)
    return m, dW, da


# %% q1: einsum, a list
def soft_minimum(W, a, X, y):
    active = (np.einsum("jk,ik->ij", W, X) > 0).astype(float)
    after = active * (X @ W.T)
    q = y * after.dot(a)
    p = softmax(-q)
    dW = np.einsum("i,i,ij,j,ik->jk", p, y.astype(float), active, a.astype(float), X)
    return [-logsumexp(-q), dW, list(np.einsum("i,i,ij->j", p, y.astype(float), after))]


# %% q1: heaviside, a scalar of numpy
def soft_minimum(W, a, X, y):
    u = X @ W.T
    q = y * (np.clip(u, 0, None) @ a)
    shift = np.min(q)
    weights = np.exp(-(q - shift))
    m = np.float64(shift) - np.log(np.sum(weights))
    s = (weights / weights.sum() * y).reshape(-1, 1)
    return (
        np.array([m]),
        (s * np.heaviside(u, 0.0) * a).T @ X,
        (s * np.clip(u, 0, None)).sum(axis=0),
    )


# %% q1: one neuron after the other
def soft_minimum(W, a, X, y):
    after = [np.maximum(X @ w, 0) for w in W]
    q = y * sum(aj * s for aj, s in zip(a, after, strict=True))
    p = np.exp(-q - np.logaddexp.reduce(-q))
    dW = [aj * ((p * y)[X @ w > 0] @ X[X @ w > 0]) for aj, w in zip(a, W, strict=True)]
    return -np.logaddexp.reduce(-q), dW, [[(p * y) @ s] for s in after]


# %% q2: the sum of a geometric series
def degree(depth, power, extra):
    if extra == "all biases" or extra == "skip":
        return None
    return sum(power**k for k in range(depth))


# %% q2: a recursion, numbers with a point
def degree(depth, power, extra):
    if extra not in ("none", "first bias"):
        return None
    return 1.0 if depth == 1 else power * degree(depth - 1, power, extra) + 1.0


# %% q2: integers of numpy
def degree(depth, power, extra):
    powers = np.full(depth, power) ** np.arange(depth)
    return {"none": powers.sum(), "first bias": powers.sum()}.get(extra)


# %% q2: a closed form, an array of no dimension
def degree(depth, power, extra):
    if extra[0] in "as":
        return None
    return np.array(depth if power == 1 else (power**depth - 1) / (power - 1))


# %% q3: piece by piece
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / (np.linalg.norm(W) ** 2 + a @ a)
    p = p / p.sum()
    edges = np.arctan2(X[:, 1], X[:, 0])
    edges = np.sort(np.mod(np.concatenate([edges - np.pi / 2, edges + np.pi / 2]), 2 * np.pi))
    best = 0.0
    for left, right in zip(edges, np.append(edges[1:], edges[0] + 2 * np.pi), strict=True):
        middle = (left + right) / 2
        on = X @ [np.cos(middle), np.sin(middle)] > 0
        v = (p * y * on) @ X
        top = np.arctan2(v[1], v[0])
        tried = [left, right] + [
            t for t in (top, top + np.pi, top + 2 * np.pi, top + 3 * np.pi) if left < t < right
        ]
        best = max([best, *(abs(v @ [np.cos(t), np.sin(t)]) for t in tried)])
    return lower, best / 2


# %% q3: complex numbers, a list
def certificate(W, a, p, X, y):
    z, c = X[:, 0] + 1j * X[:, 1], np.asarray(p) / np.sum(p) * y
    turns = np.concatenate([1j * z, -1j * z]) / np.abs(np.concatenate([z, z]))
    turns = turns[np.argsort(np.angle(turns))]
    steps = np.angle(np.roll(turns, -1) / turns) % (2 * np.pi)
    best = 0
    for turn, step in zip(turns, steps, strict=True):
        v = sum(
            ci * zi
            for ci, zi in zip(c, z, strict=True)
            if (zi / turn * np.exp(-0.5j * step)).real > 0
        )
        inside = [
            t
            for t in (np.angle(v / turn) % (2 * np.pi), np.angle(-v / turn) % (2 * np.pi))
            if t < step
        ]
        best = max(
            [best] + [abs((v.conjugate() * turn * np.exp(1j * t)).real) for t in [0, step, *inside]]
        )
    q = y * (np.maximum(X @ W.T, 0) @ a)
    return [min(q) / (np.sum(W * W) + np.sum(a * a)), best / 2]


# %% q3: every piece searched, and its ends, arrays of one entry
def certificate(W, a, p, X, y):
    from scipy.optimize import minimize_scalar

    weights = p / np.sum(p) * y

    def size(t):
        return abs(weights @ np.maximum(X @ [np.cos(t), np.sin(t)], 0))

    own = np.arctan2(X[:, 1], X[:, 0])
    cuts = np.sort(np.mod(np.append(own + np.pi / 2, own - np.pi / 2), 2 * np.pi))
    found = [size(t) for t in cuts]
    for pair in zip(cuts, np.append(cuts[1:], cuts[0] + 2 * np.pi), strict=True):
        found.append(
            -minimize_scalar(
                lambda t: -size(t), bounds=pair, method="bounded", options={"xatol": 1e-10}
            ).fun
        )
    margins = y * (np.maximum(X @ W.T, 0) @ a)
    return margins.min(keepdims=True) / ((W**2).sum() + (a**2).sum()), np.array(0.5 * max(found))


# %% q3: which samples are active, counted from cut to cut, a long double
def certificate(W, a, p, X, y):
    c = np.divide(p, np.sum(p)) * y
    edges = np.vstack([np.column_stack([-X[:, 1], X[:, 0]]), np.column_stack([X[:, 1], -X[:, 0]])])
    tried = list(edges)
    for e in edges:
        for side in (1e-9, -1e-9):
            u = e + side * np.array([-e[1], e[0]])
            v = (c * (X @ u > 0)) @ X
            tried += [v, -v]
    tried = np.array([u / np.hypot(*u) for u in tried if np.hypot(*u) > 0])
    upper = np.abs(np.maximum(tried @ X.T, 0) @ c).max() / 2
    lower = min(y * (np.maximum(X @ W.T, 0) @ a)) / np.sum(np.append(W.ravel(), a) ** 2)
    return np.longdouble(lower), [upper]


# %% q4: costs of the neurons
costs = [2 / np.linalg.norm(x) for x in points.X]
margin_each = 1 / sum(costs)
margin_both = np.float64(h) / 2


def repeated_margin(gamma, k):
    s2 = k / (k + 1)
    return gamma * s2 ** (k / 2) * (1 - s2) ** 0.5


def lead(L, b):
    return np.float64(2 * (1 - 1 / (L * b)))


# %% q4: arrays of no dimension, logarithms
r, s = np.hypot(1, h), np.hypot(c, h)
margin_each = np.array(r * s / (2 * (r + s)))
margin_both = np.array([h / 2])


def repeated_margin(gamma, k):
    return np.exp(np.log(gamma) + k / 2 * np.log(k) - (k + 1) / 2 * np.log(k + 1))


def lead(L, b):
    power = (2 - 2 / L) + 2 * (b - 1)
    return power / b


# %% q4: a numerical maximum
margin_each = float(1 / (2 * (1 / np.linalg.norm([1, h]) + 1 / np.linalg.norm([c, h]))))
margin_both = 0.5 * h


def repeated_margin(gamma, k):
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(lambda s: -(s**k) * np.sqrt(1 - s**2), bounds=(0, 1), method="bounded")
    return -gamma * best.fun


def lead(L, b):
    return 2 - 2 / L / b


# %% q5: lists and whole numbers
W0 = [[0, 2], [0, 1]]
a0 = [2, -1]
share = (h / 2) * (2 / np.hypot(1, h) + 2 / np.hypot(c, h))

# %% q5: the other point
W0 = np.array([[0.0, 1.0], [-0.15, 0.1]])
a0 = np.array([1.0, -0.4])
share = np.array(h / np.linalg.norm(points.X, axis=1)).sum()

# %% q5: a negative output on both points
W0 = np.array([[0.0, 1.5], [0.0, 0.5]])
a0 = np.array([1.5, -1.0])
share = [2 * h * (1 / (2 * np.sqrt(1 + h * h)) + 1 / (2 * np.sqrt(c * c + h * h)))]

# %% q5: the neurons in the other order, a column
W0 = np.array([[0.25, -0.1], [0.05, 1.2]])
a0 = np.array([[-0.5], [1.2]])
share = [[h / np.linalg.norm([1, h]) + h / np.linalg.norm([c, h])]]

# %% q6: a smooth kink, and a step of a half
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 0.5}]
decoys = [kept | {"scale": 0.1}, kept | {"loss": "logistic"}]

# %% q6: softplus, tuples
controls = (dict(kept, step_size=1.0), dict(kept, activation="softplus"))
decoys = ({**kept, "activation": "linear"}, {**kept, "scale": 0.05})

# %% q6: squares, a number of numpy
controls = [kept | {"activation": "squared_relu"}, kept | {"step_size": np.float64(2.0)}]
decoys = [kept | {"activation": "linear"}, kept | {"loss": "logistic"}]

# %% q6: a number as the second decoy
controls = (dict(kept, step_size=2.0), dict(kept, activation="softplus"))
decoys = (dict(kept, loss="logistic"), dict(kept, step_size=0.0005))


# %% q2: a geometric sum, and its limit at power one
def degree(depth, power, extra):
    if extra in ("skip", "all biases"):
        return
    return float(depth) if power == 1 else (power**depth - 1) / (power - 1)


# %% q4: the largest product found by a search
n1, n2 = np.linalg.norm(points.X, axis=1)
margin_each = 0.5 * n1 * n2 / (n1 + n2)
margin_both = 0.5 * min(abs(points.X[:, 1]))


def repeated_margin(gamma, k):
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda t: -k * np.log(np.sin(t)) - np.log(np.cos(t)),
        bounds=(1e-9, np.pi / 2 - 1e-9),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return gamma * np.exp(-best.fun)


def lead(L, b):
    return 2 * (1 - 1 / L) / b + 2 * (b - 1) / b


# %% q3: angles of cuts, and of a piece where its vector lies in it
def certificate(W, a, p, X, y):
    p = np.asarray(p) / np.sum(p)
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + a @ a)
    th = np.arctan2(X[:, 1], X[:, 0])
    cuts = np.unique(np.concatenate([th + np.pi / 2, th - np.pi / 2]) % (2 * np.pi))
    best = 0.0
    for lo, hi in zip(cuts, np.append(cuts[1:], cuts[0] + 2 * np.pi), strict=True):
        mid = (lo + hi) / 2
        v = (p * y * (X @ np.array([np.cos(mid), np.sin(mid)]) > 0)) @ X
        for t in (lo, hi):
            best = max(best, abs(v @ [np.cos(t), np.sin(t)]))
        for sign in (1, -1):
            ang = np.arctan2(sign * v[1], sign * v[0])
            if (ang - lo) % (2 * np.pi) <= hi - lo:
                best = max(best, np.linalg.norm(v))
    return lower, best / 2
