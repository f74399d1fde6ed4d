# %% q1: gradients, a list
def sgd_step(u, v, X, y, step_size, depth):
    r = np.dot(X, np.power(u, depth) - np.power(v, depth)) - y
    grad_u = depth * np.power(u, depth - 1) * np.mean(r[:, None] * X, axis=0)
    grad_v = -depth * np.power(v, depth - 1) * np.mean(r[:, None] * X, axis=0)
    return [u - step_size * grad_u, v - step_size * grad_v]


# %% q1: in place
def sgd_step(u, v, X, y, step_size, depth):
    g = (X @ (u**depth - v**depth) - y) @ X
    u -= step_size * depth / len(X) * u ** (depth - 1) * g
    v += step_size * depth / len(X) * v ** (depth - 1) * g
    return u, v


# %% q1: one sample and one coordinate after the other
def sgd_step(u, v, X, y, step_size, depth):
    new_u, new_v = list(u), list(v)
    for x, t in zip(X, y, strict=True):
        r = sum((p**depth - q**depth) * s for p, q, s in zip(u, v, x, strict=True)) - t
        for j, s in enumerate(x):
            new_u[j] = new_u[j] - step_size * depth * u[j] ** (depth - 1) * r * s / len(y)
            new_v[j] = new_v[j] + step_size * depth * v[j] ** (depth - 1) * r * s / len(y)
    return np.array(new_u), new_v


# %% q1: columns, the derivative of a polynomial
def sgd_step(u, v, X, y, step_size, depth):
    power = np.polynomial.Polynomial.basis(int(depth))
    slope = power.deriv()
    g = (X.T @ (X @ (power(u) - power(v)) - y) / len(y)).reshape(-1, 1)
    u, v = (np.reshape(z, (-1, 1)) for z in (u, v))
    return u - step_size * slope(u) * g, v + step_size * slope(v) * g


# %% q2: two logarithms
def log_scale_change(a, decay):
    keep = 1 - decay.reshape(-1, 1)
    return 0.5 * np.sum(np.log(np.abs(keep - a)) + np.log(np.abs(keep + a)), axis=0)


# %% q2: a loop, a list
def log_scale_change(a, decay):
    total = [0.0] * a.shape[1]
    for row, d in zip(a, decay, strict=True):
        parts = [0.5 * np.log(abs((1 - d - x) * (1 - d + x))) for x in row]
        total = [t + part for t, part in zip(total, parts, strict=True)]
    return total


# %% q2: logarithms of squares
def log_scale_change(a, decay):
    return np.add.reduce(np.log((np.square(1 - decay)[:, None] - np.square(a)) ** 2), axis=0) / 4


# %% q2: the decay taken out first, a column
def log_scale_change(a, decay):
    keep = 1 - decay
    ratio = (a.T / keep).T
    factors = np.abs((1 + ratio) * (1 - ratio))
    return (np.log(np.abs(keep)).sum() + 0.5 * np.add.reduce(np.log(factors), axis=0))[:, None]


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
scale = np.float64(0.45)
small_step = np.float32(0.01)
large_step = np.array(0.18)
linear_l1 = np.abs(np.array([1, c]) / (1 + c * c)).sum()

# %% q5: arrays of one entry
scale = np.array([0.6])
small_step = [0.005]
large_step = np.array([0.17])
linear_l1 = np.linalg.norm(np.linalg.pinv([[1, c]]).ravel(), 1)

# %% q5: gradient descent itself
scale = 0.4
small_step = 0.01
large_step = 0.2
end = np.zeros(2)
for _ in range(500):
    end = end - 0.3 * (end[0] + c * end[1] - 1) * np.array([1, c])
linear_l1 = sum(abs(end))

# %% q5: another start, single precision
scale, small_step, large_step = np.float32(0.55), np.float32(0.01), np.float32(0.18)
linear_l1 = np.abs(np.linalg.pinv([[1, c]])).sum()

# %% q5: a search for the longest step that train allows
scale, small_step = 0.5, 0.01
large_step = max(s for s in np.linspace(0.1, 0.3, 41) if abs(train(scale, s) @ [1, c] - 1) < 1e-6)
linear_l1 = (1 + c) / (1 + c**2)

# %% q6: tuples
controls = (kept | {"model": "shifted"}, kept | {"weight_decay": 0.2})
decoys = (kept | {"model": "squares"}, kept | {"step_size": 0.01})

# %% q6: dictionaries written out
controls = [dict(kept, weight_decay=0.5), dict(kept, model="shifted")]
decoys = [dict(kept, batch_size=1), dict(kept, model="squares")]

# %% q6: numbers of numpy
controls = [{**kept, "model": "shifted"}, {**kept, "weight_decay": np.float64(0.1)}]
decoys = [{**kept, "batch_size": np.int64(1)}, {**kept, "step_size": np.float64(0.01)}]

# %% q6: a decay of another size, a smaller step as the decoy
controls = [dict(kept, weight_decay=0.05), dict(kept, model="shifted")]
decoys = [dict(kept, step_size=0.01), dict(kept, model="squares")]

# %% q5: exactly tenfold
scale = 0.5
small_step = 0.02
large_step = 0.2
linear_l1 = (1 + c) / (1 + c**2)

# %% q5: exactly tenfold, in single precision
scale = 0.5
small_step = np.float32(0.02)
large_step = 0.2
linear_l1 = (1 + c) / (1 + c**2)


# %% q3: the null space, and the logarithm for the inverse sine
def certificate(w, X, y, scale):
    from scipy.linalg import null_space

    z = abs(w) / (2 * np.asarray(scale) ** 2)
    g = 0.25 * np.sign(w) * np.log(z + np.sqrt(1 + z * z))
    return [np.sqrt(sum((X @ w - y) ** 2)), np.sqrt(((null_space(X).T @ g) ** 2).sum() / (g @ g))]


# %% q1: u and v as the rows of one array
def sgd_step(u, v, X, y, step_size, depth):
    both = np.vstack([u, v])
    sign = np.array([[1], [-1]])
    w = (sign * np.power(both, depth)).sum(axis=0)
    g = np.mean((X @ w - y)[:, None] * X, axis=0)
    return both - step_size * depth * sign * np.power(both, depth - 1) * g
