# %% q1: the exponent of the norm itself, not of its dual
def steepest(g, c, p):
    h = g / c
    u = np.sign(h) * (np.abs(h) / np.abs(h).max()) ** (min(p, 50) - 1)
    return u / np.linalg.norm(u, ord=p) / c


# %% q1: along the gradient in every norm
def steepest(g, c, p):
    return g / np.linalg.norm(c * g, ord=p)


# %% q1: the signs are lost
def steepest(g, c, p):
    h = g / c
    q = 1.0 if np.isinf(p) else p / (p - 1)
    u = (np.abs(h) / np.abs(h).max()) ** (q - 1)
    return u / np.linalg.norm(u, ord=p) / c


# %% q1: the Euclidean length
def steepest(g, c, p):
    h = g / c
    q = 1.0 if np.isinf(p) else p / (p - 1)
    u = np.sign(h) * (np.abs(h) / np.abs(h).max()) ** (q - 1)
    return u / np.linalg.norm(u) / c


# %% q1: the direction of the page, which has no prices
def steepest(g, c, p):
    q = 1.0 if np.isinf(p) else p / (p - 1)
    v = np.sign(g) * (np.abs(g) / np.abs(g).max()) ** (q - 1)
    return v / np.linalg.norm(c * v, ord=p)


# %% q1: the prices multiply the gradient
def steepest(g, c, p):
    h = g * c
    q = 1.0 if np.isinf(p) else p / (p - 1)
    u = np.sign(h) * (np.abs(h) / np.abs(h).max()) ** (q - 1)
    return u / np.linalg.norm(u, ord=p) / c


# %% q1: the steepest direction without prices, shortened to length one
def steepest(g, c, p):
    q = 1.0 if np.isinf(p) else p / (p - 1)
    v = np.sign(g) * (np.abs(g) / np.abs(g).max()) ** (q - 1) / c
    return v / np.linalg.norm(c * v, ord=p)


# %% q1: one norm for all above two
def steepest(g, c, p):
    h = g / c
    q = 2.0 if p >= 2 else p / (p - 1)
    u = np.sign(h) * (np.abs(h) / np.abs(h).max()) ** (q - 1)
    return u / np.linalg.norm(u, ord=p) / c


# %% q2: the entropy of the page, which has one wall
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        w = w * np.exp(-step_size * g)
    return w


# %% q2: the natural gradient, which is the same to first order only
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        w = w - step_size * w * (1 - w) * g
    return w


# %% q2: gradient descent, cut off at the walls
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        w = np.clip(w - step_size * g, 1e-9, 1 - 1e-9)
    return w


# %% q2: the sum over the samples, not their mean
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        odds = w / (1 - w) * np.exp(-step_size * len(y) * g)
        w = odds / (1 + odds)
    return w


# %% q2: the number of this data set written in
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        odds = w / (1 - w) * np.exp(-step_size * X.T @ (X @ w - y) / 4)
        w = odds / (1 + odds)
    return w


# %% q2: the exponential to second order
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        a = -step_size * g
        odds = w / (1 - w) * (1 + a + a**2 / 2)
        w = odds / (1 + odds)
    return w


# %% q2: the gradient stays that of the start
def bounded_descent(X, y, start, step_size, n_steps):
    g = X.T @ (X @ start - y) / len(y)
    odds = start / (1 - start) * np.exp(-n_steps * step_size * g)
    return odds / (1 + odds)


# %% q2: both weights of a pair move by the factor, and are normalised wrongly
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        g = X.T @ (X @ w - y) / len(y)
        odds = w / (1 - w) * np.exp(-2 * step_size * g)
        w = odds / (1 + odds)
    return w


# %% q3 (1 of 3): the mirror of the page's entropy
def certificate(X, y, start, w):
    moved = np.log(w) - np.log(start)
    along = np.linalg.lstsq(X.T, moved)[0] @ X
    return np.linalg.norm(X @ w - y), np.linalg.norm(moved - along)


# %% q3 (1 of 3): the displacement of w itself, as for gradient descent
def certificate(X, y, start, w):
    moved = w - start
    along = np.linalg.lstsq(X.T, moved)[0] @ X
    return np.linalg.norm(X @ w - y), np.linalg.norm(moved - along)


# %% q3 (1 of 3): the start is forgotten
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w))
    along = np.linalg.lstsq(X.T, moved)[0] @ X
    return np.linalg.norm(X @ w - y), np.linalg.norm(moved - along)


# %% q3 (1 of 3): the part along the rows instead of the part off them
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w)) - np.log(start / (1 - start))
    return np.linalg.norm(X @ w - y), np.linalg.norm(np.linalg.lstsq(X.T, moved)[0] @ X)


# %% q3 (2 of 3): the mean misfit
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w)) - np.log(start / (1 - start))
    off = moved - np.linalg.lstsq(X.T, moved)[0] @ X
    return np.linalg.norm(X @ w - y) / np.sqrt(len(y)), np.linalg.norm(off)


# %% q3 (1 of 3): the share of the displacement, not its size
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w)) - np.log(start / (1 - start))
    off = moved - np.linalg.lstsq(X.T, moved)[0] @ X
    size = max(np.linalg.norm(moved), 1e-300)
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / size


# %% q3 (1 of 3): any solution will do
def certificate(X, y, start, w):
    return np.linalg.norm(X @ w - y), 0.0


# %% q3 (1 of 3): the displacement weighted by w, as in the divergence itself
def certificate(X, y, start, w):
    moved = np.log(w / (1 - w)) - np.log(start / (1 - start))
    moved = w * moved
    along = np.linalg.lstsq(X.T, moved)[0] @ X
    return np.linalg.norm(X @ w - y), np.linalg.norm(moved - along)


# %% q4 (2 of 3): gradient descent finds the smallest norm, wherever it starts
euclidean = x * b / (x @ x)
root = (-s[0] + np.sqrt(s[0] ** 2 + 8 * s[1] * b)) / (4 * s[1])
entropic = s * root**x
sparse = np.array([0.0, b / 2])

# %% q4 (2 of 3): mirror descent minimises the potential, wherever it starts
euclidean = s + x * (b - x @ s) / (x @ x)
root = (-1 + np.sqrt(1 + 8 * b)) / 4
entropic = root**x
sparse = np.array([0.0, b / 2])

# %% q4 (2 of 3): small weights sit on the small coefficient
euclidean = s + x * (b - x @ s) / (x @ x)
root = (-s[0] + np.sqrt(s[0] ** 2 + 8 * s[1] * b)) / (4 * s[1])
entropic = s * root**x
sparse = np.array([b, 0.0])

# %% q4 (2 of 3): the geometry changes the path only, not the end
euclidean = s + x * (b - x @ s) / (x @ x)
entropic = euclidean
sparse = np.array([0.0, b / 2])

# %% q5: two short steps
step_sizes = [0.01, 0.02]

# %% q5: a step too short to arrive
step_sizes = [1e-6, 0.5 / (s @ x**2)]

# %% q5: twice the same step
step_sizes = [0.1, 0.1]

# %% q5: steps of either sign
step_sizes = [0.01, -0.1]

# %% q5: a step too long to converge
step_sizes = [0.01, 50.0]


# %% q6 (2 of 3): the l1 norm, as if both signs cost the same
def uneven_price(w):
    return np.abs(w).sum()


def block_price(w, blocks, depth):
    sizes = [np.linalg.norm(w[blocks == block]) for block in np.unique(blocks)]
    return depth * (np.array(sizes) ** (2 / depth)).sum()


# %% q6 (2 of 3): both u and v pay
def uneven_price(w):
    return 5 * np.abs(w).sum()


def block_price(w, blocks, depth):
    sizes = [np.linalg.norm(w[blocks == block]) for block in np.unique(blocks)]
    return depth * (np.array(sizes) ** (2 / depth)).sum()


# %% q6 (2 of 3): the price of an entry twice, not four times
def uneven_price(w):
    return np.maximum(w, 0).sum() + 2 * np.maximum(-w, 0).sum()


def block_price(w, blocks, depth):
    sizes = [np.linalg.norm(w[blocks == block]) for block in np.unique(blocks)]
    return depth * (np.array(sizes) ** (2 / depth)).sum()


# %% q6 (1 of 3): depth makes every entry sparse
def uneven_price(w):
    return np.maximum(w, 0).sum() + 4 * np.maximum(-w, 0).sum()


def block_price(w, blocks, depth):
    return depth * (np.abs(w) ** (2 / depth)).sum()


# %% q6 (1 of 3): one norm for all blocks
def uneven_price(w):
    return np.maximum(w, 0).sum() + 4 * np.maximum(-w, 0).sum()


def block_price(w, blocks, depth):
    return depth * np.linalg.norm(w) ** (2 / depth)


# %% q6 (1 of 3): one layer pays for all
def uneven_price(w):
    return np.maximum(w, 0).sum() + 4 * np.maximum(-w, 0).sum()


def block_price(w, blocks, depth):
    return sum(np.linalg.norm(w[blocks == b]) ** (2 / depth) for b in np.unique(blocks))


# %% q6 (1 of 3): the sum of the norms at every depth
def uneven_price(w):
    return np.maximum(w, 0).sum() + 4 * np.maximum(-w, 0).sum()


def block_price(w, blocks, depth):
    return 2 * sum(np.linalg.norm(w[blocks == b]) for b in np.unique(blocks))


# %% q6: the Euclidean norm for every architecture
def uneven_price(w):
    return np.linalg.norm(w)


def block_price(w, blocks, depth):
    return np.linalg.norm(w)


# %% q7: few dimensions, where all optima lie close together
sharp = datasets.separable(1, n_samples=20, n_features=2)

# %% q7: orthogonal samples, which all margins treat alike
sharp = datasets.Dataset.from_signed(np.eye(12))

# %% q7: more samples than the features can separate
sharp = datasets.Dataset(np.arange(20.0).reshape(20, 1) - 9.5, np.where(np.arange(20) % 2, 1, -1))

# %% q7: a single sample, on which every norm has a margin of its own
sharp = datasets.Dataset.one_class([[3.0, 2.0, 1.0]])

# %% q7: many features, all samples alike
rng_ = np.random.default_rng(0)
sharp = datasets.Dataset.one_class(1 + 0.01 * rng_.standard_normal((10, 12)))


# %% q1: a search that stops a thousandth away, where the value hardly moves
def steepest(g, c, p):
    h = g / c
    q = 1.0 if np.isinf(p) else p / (p - 1)
    u = np.sign(h) * (np.abs(h) / np.abs(h).max()) ** (q - 1)
    u = u * (1 + 1e-3 * np.cos(np.arange(len(u))))
    return u / np.linalg.norm(u, ord=p) / c


# %% q4 (2 of 3): from a start that is small, but not vanishing
euclidean = s + x * (b - x @ s) / (x @ x)
root = (-s[0] + np.sqrt(s[0] ** 2 + 8 * s[1] * b)) / (4 * s[1])
entropic = s * root**x
u = (np.sqrt(1 + 8 * b / 1e-8) - 1) / 4
sparse = 1e-8 * np.array([u, u**2])

# %% q7: the wide data of the page
sharp = datasets.wide(seed=0)

# %% q7: a single sample, whose entries fall slowly
sharp = datasets.Dataset.one_class([0.9 ** np.arange(12)])

# %% q7: a single sample, whose entries fall too quickly for two of the norms
sharp = datasets.Dataset.one_class([0.3 ** np.arange(10)])

# %% q4 (1 of 3): the numbers of the exercise on the page, for its own line and start
euclidean = s + x * (b - x @ s) / (x @ x)
entropic = np.array([0.5, 0.25])
sparse = np.array([0.0, 0.5])


# %% q2: weights kept a hundredth away from the walls
def bounded_descent(X, y, start, step_size, n_steps):
    w = start
    for _ in range(n_steps):
        o = w / (1 - w) * np.exp(-step_size * X.T @ (X @ w - y) / len(y))
        w = np.clip(o / (1 + o), 0.01, 0.99)
    return w


# %% q3 (1 of 3): a projection that stops before it has converged
def certificate(X, y, start, w):
    d = np.log(w / (1 - w)) - np.log(start / (1 - start))
    R = X / np.linalg.norm(X, axis=1)[:, None]
    for _ in range(200):
        d = d - 0.2 * R.T @ (R @ d)
    return np.linalg.norm(X @ w - y), np.linalg.norm(d)


# %% q2: one sample after the other
def bounded_descent(X, y, start, step_size, n_steps):
    t = np.log(start / (1 - start))
    for _ in range(n_steps):
        for x, z in zip(X, y, strict=True):
            t = t - step_size / len(y) * x * (x @ (1 / (1 + np.exp(-t))) - z)
    return 1 / (1 + np.exp(-t))


# %% q1: an optimiser that stops early, by default
def steepest(g, c, p):
    from scipy.optimize import minimize

    def f(v):
        return -(g @ v) / np.linalg.norm(c * v, ord=p)

    v = minimize(f, g / c**2, method="Nelder-Mead").x
    return v / np.linalg.norm(c * v, ord=p)
