# %% q1: logarithms of the sizes
def steepest(g, c, p):
    h = g / c
    with np.errstate(divide="ignore"):
        size = np.log(np.abs(h))
    power = 0.0 if np.isinf(p) else 1 / (p - 1)
    u = np.where(h == 0, 0.0, np.sign(h) * np.exp(power * (size - size.max())))
    return list(u / (c * np.linalg.norm(u, ord=p)))


# %% q1: two cases, and the dual norm
def steepest(g, c, p):
    h = np.asarray(g, dtype=float) / np.asarray(c)
    if p == np.inf:
        return np.sign(h) / c
    q = p / (p - 1)
    return np.sign(h) * np.abs(h) ** (q - 1) / np.linalg.norm(h, q) ** (q - 1) / c


# %% q1: one coordinate after the other
def steepest(g, c, p):
    q = 1 if np.isinf(p) else p / (p - 1)
    total = sum(abs(a / b) ** q for a, b in zip(g, c, strict=True))
    length = 1.0 if np.isinf(p) else total ** (1 / p)
    v = [np.sign(a) * abs(a / b) ** (q - 1) / b for a, b in zip(g, c, strict=True)]
    return np.array(v) / length


# %% q1: the subgradient of the dual norm, a column
def steepest(g, c, p):
    h = np.abs(g / c)
    if p == float("inf"):
        return (np.sign(g) / c).reshape(-1, 1)
    q = 1 / (1 - 1 / p)
    dual = (h**q).sum() ** (1 / q)
    return (np.sign(g) * (h / dual) ** (q / p) / c).reshape(-1, 1)


# %% q2: the images move
def bounded_descent(X, y, start, step_size, n_steps):
    mirror = np.log(start) - np.log1p(-start)
    for _ in range(n_steps):
        residual = X @ (1 / (1 + np.exp(-mirror))) - y
        mirror -= step_size * residual @ X / X.shape[0]
    return 1 / (1 + np.exp(-mirror))


# %% q2: two weights that sum to one, in place
def bounded_descent(X, y, start, step_size, n_steps):
    w, v = start, 1 - start
    for _ in range(n_steps):
        w *= np.exp(-step_size / len(X) * (X.T @ (X @ w - y)))
        w, v = w / (w + v), v / (w + v)
    return w


# %% q2: a recursion, a list, the mean of the samples' gradients
def bounded_descent(X, y, start, step_size, n_steps):
    w = list(start)
    for _ in range(n_steps):
        g = np.mean([(x @ np.array(w) - t) * x for x, t in zip(X, y, strict=True)], axis=0)
        w = [a / (a + (1 - a) * np.exp(step_size * b)) for a, b in zip(w, g, strict=True)]
    return w


# %% q2: columns throughout, hyperbolic tangents
def bounded_descent(X, y, start, step_size, n_steps):
    w, y = np.reshape(start, (-1, 1)), np.reshape(y, (-1, 1))
    for _ in range(n_steps):
        g = np.mean((X @ w - y) * X, axis=0, keepdims=True).T
        w = (1 + np.tanh(np.arctanh(2 * w - 1) - step_size * g / 2)) / 2
    return w


# %% q3: a QR decomposition
def certificate(X, y, start, w):
    Q = np.linalg.qr(X.T)[0]
    m = np.log(w * (1 - start) / start / (1 - w))
    return [np.linalg.norm(X @ w - y), np.linalg.norm(m - Q @ (Q.T @ m))]


# %% q3: the null space, arrays of no dimension
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w)) - np.log(start / (1 - start))
    off = np.linalg.svd(X)[2][np.linalg.matrix_rank(X) :] @ moved
    return np.array(np.sqrt(((X @ w - y) ** 2).sum())), np.array(np.sqrt(off @ off))


# %% q3: the pseudoinverse, hyperbolic tangents
def certificate(X, y, start, w):
    moved = 2 * (np.arctanh(2 * w - 1) - np.arctanh(2 * start - 1))
    off = moved - np.linalg.pinv(X) @ (X @ moved)
    return np.array([np.linalg.norm(y - X @ w), np.linalg.norm(off)])


# %% q3: the derivative term by term, normal equations
def certificate(X, y, start, w):
    moved = (1 + np.log(w)) - (1 + np.log1p(-w)) - np.log(start) + np.log1p(-start)
    along = X.T @ np.linalg.solve(X @ X.T, X @ moved)
    return np.linalg.norm(X @ w - y, ord=2), np.hypot.reduce(moved - along)


# %% q4: projections and a polynomial's root, lists
euclidean = list(s - np.linalg.pinv([x]) @ [x @ s - b])
root = max(np.roots([2 * s[1], s[0], -b]).real)
entropic = [s[0] * root, s[1] * root**2]
sparse = [0, b / 2]

# %% q4: bisection
euclidean = s + (b - x @ s) / 5 * x
low, high = 0.0, 10.0
for _ in range(200):
    middle = (low + high) / 2
    low, high = (middle, high) if s[0] * middle + 2 * s[1] * middle**2 < b else (low, middle)
entropic = np.array([s[0] * low, s[1] * low**2])
sparse = np.array([0, b]) / 2

# %% q4: matrices with one column, flattened
euclidean = (s.reshape(2, 1) + x.reshape(2, 1) * (b - x @ s) / 5).ravel()
u = 2 * b / (s[0] + np.sqrt(s[0] ** 2 + 8 * s[1] * b))
entropic = (s * np.array([u, u * u])).astype(np.float64)
sparse = np.array([0.0, 0.5]) * b

# %% q5: an array
step_sizes = np.array([0.005, 0.5 / (s @ x**2)])

# %% q5: the long step first, a tuple
step_sizes = (0.5 / (s @ x**2), 0.005)

# %% q5: scalars of numpy
step_sizes = [np.float64(0.01), np.float64(0.45) / np.sum(s * x * x)]

# %% q5: a column, a longer step
step_sizes = np.array([[0.6 / (s @ x**2)], [0.01]])


# %% q6: loops
def uneven_price(w):
    return sum(x if x > 0 else -4 * x for x in w)


def block_price(w, blocks, depth):
    total = 0
    for block in set(np.asarray(blocks).tolist()):
        size = sum(x**2 for x, b in zip(w, blocks, strict=True) if b == block) ** 0.5
        total += depth * size ** (2 / depth)
    return total


# %% q6: absolute values
def uneven_price(w):
    return np.array(2.5 * np.abs(w).sum() - 1.5 * np.sum(w))


def block_price(w, blocks, depth):
    squares = np.bincount(blocks, weights=np.square(w))
    return np.array([depth * (squares ** (1 / depth)).sum()])


# %% q6: one hot
def uneven_price(w):
    return np.float64(np.where(w > 0, w, -4 * w).sum())


def block_price(w, blocks, depth):
    member = np.unique(blocks)[:, None] == blocks
    return depth * np.sum(np.linalg.norm(member * w, axis=1) ** (2 / depth))


# %% q7: entries that fall a little more slowly
sharp = datasets.Dataset.one_class([0.55 ** np.arange(12)])

# %% q7: inputs and labels by hand, two samples
z_ = np.array([8.0, 4, 2, 1, 0.5, 0.25, 0.1, 0.1])
sharp = datasets.Dataset(np.array([z_, -z_]), np.array([1.0, -1.0]))

# %% q7: one large entry and many small ones
sharp = datasets.Dataset.from_signed(np.array([[2.0] + [0.45] * 11]))

# %% q7: signs that alternate, as a list
sharp = datasets.Dataset.one_class([[(-0.5) ** k for k in range(11)]])


# %% q2: the weights themselves, in one fraction
def bounded_descent(X, y, start, step_size, n_steps):
    w = 1.0 * start
    for _ in range(n_steps):
        e = np.exp(-step_size * np.mean((X @ w - y)[:, None] * X, axis=0))
        w = w * e / (1 - w + w * e)
    return w


# %% q3: twice the inverse hyperbolic tangent, and an orthonormal basis of the rows
def certificate(X, y, start, w):
    d = 2 * (np.arctanh(2 * w - 1) - np.arctanh(2 * start - 1))
    Q, _ = np.linalg.qr(X.T)
    return np.hypot.reduce(X @ w - y), np.hypot.reduce(d - Q @ (Q.T @ d))


# %% q7: one sample with one large entry
sharp = datasets.Dataset.one_class([[4.0] + 11 * [1.0]])
