# %% q1: gradients, a list
def sgd_step(u, v, x, y, step_size):
    r = np.dot(u * u - v * v, x) - y
    grad_u, grad_v = 2 * r * u * x, -2 * r * v * x
    return [u - step_size * grad_u, v - step_size * grad_v]


# %% q1: in place
def sgd_step(u, v, x, y, step_size):
    a = 2 * step_size * ((u - v) * (u + v) @ x - y) * x
    u *= 1 - a
    v *= 1 + a
    return u, v


# %% q1: one coordinate after the other
def sgd_step(u, v, x, y, step_size):
    r = sum((p**2 - q**2) * t for p, q, t in zip(u, v, x, strict=True)) - y
    new_u = [p - step_size * 2 * r * t * p for p, t in zip(u, x, strict=True)]
    new_v = [q + step_size * 2 * r * t * q for q, t in zip(v, x, strict=True)]
    return np.array(new_u), new_v


# %% q1: columns
def sgd_step(u, v, x, y, step_size):
    u, v, x = (np.reshape(z, (-1, 1)) for z in (u, v, x))
    r = (x * (u * u - v * v)).sum() - y
    return u - 2 * step_size * r * x * u, v + 2 * step_size * r * x * v


# %% q2: two logarithms
def log_scale_change(a):
    return 0.5 * np.sum(np.log(np.abs(1 - a)) + np.log(np.abs(1 + a)), axis=0)


# %% q2: a loop, a list
def log_scale_change(a):
    total = [0.0] * a.shape[1]
    for row in a:
        total = [t + 0.5 * np.log(abs((1 - x) * (1 + x))) for t, x in zip(total, row, strict=True)]
    return total


# %% q2: logarithms of squares
def log_scale_change(a):
    return np.add.reduce(np.log((1 - np.square(a)) ** 2), axis=0) / 4


# %% q2: factors one by one, a column
def log_scale_change(a):
    factors = np.abs((1 + a) * (1 - a))
    return 0.5 * np.add.reduce(np.log(factors), axis=0)[:, None]


# %% q3: a QR decomposition, arrays of no dimension
def certificate(w, X, y, scale):
    Q = np.linalg.qr(X.T)[0]
    g = 0.25 * np.arcsinh(w / (2 * np.square(scale)))
    off = g - Q @ (Q.T @ g)
    return np.array(np.linalg.norm(X @ w - y)), np.array(np.linalg.norm(off) / np.linalg.norm(g))


# %% q3: the null space, a list
def certificate(w, X, y, scale):
    g = np.arcsinh(np.asarray(w) / (2 * np.asarray(scale) ** 2))
    null = np.linalg.svd(X)[2][len(X) :]
    return [np.sqrt(np.sum((y - X @ w) ** 2)), np.linalg.norm(null @ g) / np.linalg.norm(g)]


# %% q3: the logarithm of the book, and the pseudoinverse
def certificate(w, X, y, scale):
    z = np.abs(w) / (2 * scale**2)
    g = np.sign(w) * np.log(z + np.sqrt(z**2 + 1)) / 4
    off = g - np.linalg.pinv(X) @ (X @ g)
    return np.array([np.linalg.norm(X @ w - y), np.sqrt(off @ off / (g @ g))])


# %% q3: without the quarter, which the share does not see, normal equations
def certificate(w, X, y, scale):
    m = np.arcsinh(np.divide(w, 2 * np.square(scale)))
    left = m - X.T @ np.linalg.solve(X @ X.T, X @ m)
    return [[np.sqrt(sum((X @ w - y) ** 2))], np.sqrt(left @ left) / np.sqrt(m @ m)]


# %% q4: the rate by steps, a scalar of numpy
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    mean_square = 4 * step_size**2 * noise**2 * variance / n_samples
    noisy = 2 * np.log(start / end) / mean_square
    return np.float64(every) * noisy


time_ratio = np.float32(0.5)


# %% q4: the exact logarithm of a small step
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    a2 = (2 * step_size * noise) ** 2 * variance / n_samples * 1e-6
    fall = -0.5 * np.log1p(-a2) * 1e6
    return np.array([(np.log(start) - np.log(end)) * every / fall])


time_ratio = 1 / 2


# %% q4: doublings
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    per_octave = np.log(2) * n_samples * every / (2 * variance * (step_size * noise) ** 2)
    return per_octave * np.log2(start / end)


time_ratio = np.array(0.5)

# %% q5: scalars of numpy
scale = np.float64(0.12)
small_step = np.float32(0.02)
large_step = np.array(0.4)
linear_l1 = np.abs(np.array([1, c]) / (1 + c * c)).sum()

# %% q5: arrays of one entry
scale = np.array([0.1])
small_step = [0.005]
large_step = np.array([0.4])
linear_l1 = np.linalg.norm(np.linalg.pinv([[1, c]]).ravel(), 1)

# %% q5: gradient descent itself
scale = 0.08
small_step = 0.01
large_step = 0.41
end = np.zeros(2)
for _ in range(500):
    end = end - 0.3 * (end[0] + c * end[1] - 1) * np.array([1, c])
linear_l1 = sum(abs(end))

# %% q5: another start, single precision
scale, small_step, large_step = np.float32(0.12), np.float32(0.01), np.float32(0.4)
linear_l1 = np.abs(np.linalg.pinv([[1, c]])).sum()

# %% q6: no model at all, tuples
controls = (kept | {"model": "plain"}, kept | {"weight_decay": 0.2})
decoys = (kept | {"model": "squares"}, kept | {"step_size": 0.01})

# %% q6: dictionaries written out
controls = [dict(kept, weight_decay=0.5), dict(kept, model="shifted")]
decoys = [dict(kept, batch_size=1), dict(kept, model="squares")]

# %% q6: numbers of numpy
controls = [{**kept, "model": "plain"}, {**kept, "weight_decay": np.float64(0.1)}]
decoys = [{**kept, "batch_size": np.int64(1)}, {**kept, "step_size": np.float64(0.01)}]

# %% q6: a decay of another size, a smaller step as the decoy
controls = [dict(kept, weight_decay=0.05), dict(kept, model="plain")]
decoys = [dict(kept, step_size=0.01), dict(kept, model="squares")]


# %% q5: exactly tenfold
scale = 0.1
small_step = 0.035
large_step = 0.35
linear_l1 = (1 + c) / (1 + c**2)


# %% q5: exactly tenfold, in single precision
scale = 0.1
small_step = np.float32(0.05)
large_step = 0.5
linear_l1 = (1 + c) / (1 + c**2)
