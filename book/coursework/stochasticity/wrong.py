# %% q1: the step of two layers, as the pages have it
def sgd_step(u, v, X, y, step_size, depth):
    a = 2 * step_size * X.T @ (X @ (u**2 - v**2) - y) / len(y)
    return u * (1 - a), v * (1 + a)


# %% q1: the step of w itself, spread over u and v
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u - step_size * g, v + step_size * g


# %% q1: the factor of the power is lost
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u - step_size * u ** (depth - 1) * g, v + step_size * v ** (depth - 1) * g


# %% q1: the power is not lowered
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u - step_size * depth * u**depth * g, v + step_size * depth * v**depth * g


# %% q1: both parameters move the same way
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u - step_size * depth * u ** (depth - 1) * g, v - step_size * depth * v ** (
        depth - 1
    ) * g


# %% q1: one parameter after the other
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    u = u - step_size * depth * u ** (depth - 1) * g
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u, v + step_size * depth * v ** (depth - 1) * g


# %% q1: the sum over the batch, not its mean
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y)
    return u - step_size * depth * u ** (depth - 1) * g, v + step_size * depth * v ** (
        depth - 1
    ) * g


# %% q1: a step that is cut to be small
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    g = np.clip(g, -0.5, 0.5)
    return u - step_size * depth * u ** (depth - 1) * g, v + step_size * depth * v ** (
        depth - 1
    ) * g


# %% q1: the loss without its half
def sgd_step(u, v, X, y, step_size, depth):
    g = 2 * X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    return u - step_size * depth * u ** (depth - 1) * g, v + step_size * depth * v ** (
        depth - 1
    ) * g


# %% q1: the exponential step, right only to first order
def sgd_step(u, v, X, y, step_size, depth):
    g = X.T @ (X @ (u**depth - v**depth) - y) / len(y)
    a = step_size * depth * g
    return u * np.exp(-a * u ** (depth - 2)), v * np.exp(a * v ** (depth - 2))


# %% q2: noise alone, as the page has it
def log_scale_change(a, decay):
    return np.log(np.abs(1 - a**2)).sum(axis=0) / 2


# %% q2: noise and decay each on its own
def log_scale_change(a, decay):
    return (np.log(np.abs(1 - a**2)) / 2 + np.log(1 - decay)[:, None]).sum(axis=0)


# %% q2: decay of the product once, not twice
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.abs(keep - a**2)).sum(axis=0) / 2


# %% q2: a product that underflows over many steps
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.abs(np.prod(keep**2 - a**2, axis=0))) / 2


# %% q2: the two parameters one after the other, of which both may underflow
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.sqrt(np.abs(np.prod(keep - a, axis=0) * np.prod(keep + a, axis=0))))


# %% q2: large steps are cut off
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.maximum(keep**2 - a**2, 1e-12)).sum(axis=0) / 2


# %% q2: the product, not its root
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.abs(keep**2 - a**2)).sum(axis=0)


# %% q2: the leading order of both
def log_scale_change(a, decay):
    return -(decay[:, None] + a**2 / 2).sum(axis=0)


# %% q2: the noise averages out
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return (np.log(keep) - a / 2).sum(axis=0)


# %% q2: no absolute value
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(keep**2 - a**2).sum(axis=0) / 2


# %% q2: the mean over the steps
def log_scale_change(a, decay):
    keep = 1 - decay[:, None]
    return np.log(np.abs(keep**2 - a**2)).mean(axis=0) / 2


# %% q2: products of a hundred steps at a time
def log_scale_change(a, decay):
    total, factors = 0, (1 - decay[:, None]) ** 2 - a**2
    for k in range(0, len(a), 100):
        total = total + np.log(np.abs(np.prod(factors[k : k + 100], axis=0)))
    return total / 2


# %% q3 (1 of 4): the weights themselves in the row space
def certificate(w, X, y, scale):
    off = w - X.T @ np.linalg.lstsq(X.T, w)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(w)


# %% q3 (1 of 4): the subgradient of the l1 norm, as if every scale were small
def certificate(w, X, y, scale):
    m = np.sign(w)
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(m)


# %% q3 (1 of 4): the scale is not squared
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale))
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(m)


# %% q3 (1 of 4): one scale for all coordinates
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * np.mean(scale) ** 2))
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(m)


# %% q3 (1 of 4): the logarithm, as if every weight were large
def certificate(w, X, y, scale):
    m = np.sign(w) * np.log1p(np.abs(w) / scale**2)
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(m)


# %% q3 (1 of 4): the squared share
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale**2))
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), (off @ off) / (m @ m)


# %% q3 (3 of 4): the mean misfit
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale**2))
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.sqrt(np.mean((X @ w - y) ** 2)), np.linalg.norm(off) / np.linalg.norm(m)


# %% q3 (1 of 4): the part in the rows, not the part off them
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale**2))
    on = X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(on) / np.linalg.norm(m)


# %% q3 (1 of 4): not divided by the norm of the gradient
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale**2)) / 4
    off = m - X.T @ np.linalg.lstsq(X.T, m)[0]
    return np.linalg.norm(X @ w - y), np.linalg.norm(off)


# %% q3 (1 of 4): the projection on the columns of a square root
def certificate(w, X, y, scale):
    m = np.arcsinh(w / (2 * scale**2)) / 4
    off = m - X.T @ (X @ m) / np.linalg.norm(X, 2) ** 2
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(m)


# %% q4: an effect of first order in the step
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size * noise**2 * variance / n_samples / every)


time_ratio = 1.0


# %% q4 (1 of 4): the scale of u v, not of its root
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (4 * step_size**2 * noise**2 * variance / n_samples / every)


time_ratio = 0.5


# %% q4 (1 of 4): more samples a step do not matter
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2 * variance / every)


time_ratio = 0.5


# %% q4 (1 of 4): the deviation of the mean taken for its variance
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (
        2 * step_size**2 * noise**2 * variance / np.sqrt(n_samples) / every
    )


time_ratio = 0.5


# %% q4 (1 of 4): the deviation of the inputs for their variance
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (
        2 * step_size**2 * noise**2 * np.sqrt(variance) / n_samples / every
    )


time_ratio = 0.5


# %% q4 (1 of 4): rare noise counts like noise of every step
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2 * variance / n_samples)


time_ratio = 0.5


# %% q4 (1 of 4): noise spread over the steps, as if its size were smaller
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2 * variance / n_samples / every**2)


time_ratio = 0.5


# %% q4 (1 of 4): the formula of the book
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2)


time_ratio = 0.5


# %% q4 (3 of 4): steps counted as time
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2 * variance / n_samples / every)


time_ratio = 1.0


# %% q4 (3 of 4): the time of half the step alone
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(start / end) / (2 * step_size**2 * noise**2 * variance / n_samples / every)


time_ratio = 2.0

# %% q5 (1 of 3): so small a start that the norm is the least one anyway
scale = 0.05
small_step = 0.02
large_step = 0.2
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (1 of 3): two steps too small to differ
scale = 0.5
small_step = 0.005
large_step = 0.05
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (1 of 3): a step beyond stability
scale = 0.5
small_step = 0.01
large_step = 2.0
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (2 of 3): the linear model is sparse too
scale = 0.5
small_step = 0.01
large_step = 0.18
linear_l1 = 1.0

# %% q5 (2 of 3): the l2 norm of that solution, not its l1 norm
scale = 0.5
small_step = 0.01
large_step = 0.18
linear_l1 = 1 / np.sqrt(1 + c**2)

# %% q5 (1 of 3): two steps that are not tenfold
scale = 0.5
small_step = 0.03
large_step = 0.18
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (2 of 3): the l1 norm of the sparse solution, over c
scale = 0.5
small_step = 0.01
large_step = 0.18
linear_l1 = 1 / c

# %% q6: the control of the page, no normalisation at all
controls = [kept | {"model": "plain"}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]

# %% q6: sampling taken for a broken hypothesis
controls = [kept | {"batch_size": 1}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"model": "squares"}, kept | {"step_size": 0.01}]

# %% q6: large steps taken for a broken hypothesis
controls = [kept | {"step_size": 1.0}, kept | {"model": "shifted"}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]

# %% q6: invariant only where v is divided by its own norm
controls = [kept | {"model": "squares"}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"batch_size": 1}, kept | {"step_size": 0.01}]

# %% q6: any division makes it invariant
controls = [kept | {"model": "shifted"}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"model": "shifted"}, kept | {"batch_size": 1}]

# %% q6: weight decay changes no function, so it changes nothing
controls = [kept | {"model": "shifted"}, kept | {"step_size": 1.0}]
decoys = [kept | {"weight_decay": 0.1}, kept | {"batch_size": 1}]

# %% q6: two hypotheses at once
controls = [kept | {"model": "shifted", "weight_decay": 0.1}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]

# %% q6: a step so small that rounding spoils the measurement
controls = [kept | {"step_size": 1e-9}, kept | {"model": "shifted"}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]

# %% q6: a decay too small to be seen
controls = [kept | {"weight_decay": 1e-6}, kept | {"model": "shifted"}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]

# %% q6: the same entry twice
controls = [kept | {"model": "shifted"}, kept | {"model": "plain"}]
decoys = [kept | {"model": "squares"}, kept | {"batch_size": 1}]


# %% q4 (1 of 4): the start of the book
def steps_needed(start, end, step_size, noise, n_samples, variance, every):
    return np.log(0.3 / end) / (2 * step_size**2 * noise**2 * variance / n_samples / every)


time_ratio = 0.5

# %% q5 (2 of 3): the linear model trained for ten steps
scale, small_step, large_step = 0.5, 0.01, 0.18
w, inputs = np.zeros(2), np.array([1.0, c])
for _ in range(10):
    w = w - 0.3 * (w @ inputs - 1) * inputs
linear_l1 = np.abs(w).sum()

# %% q5 (1 of 3): the scale and the steps of the page
scale, small_step, large_step = 0.1, 0.02, 0.3
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (1 of 3): the larger pair of the page
scale, small_step, large_step = 0.1, 0.006, 0.06
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (1 of 3): a jump across the solutions
scale, small_step, large_step = 0.1, 0.01, 0.25
linear_l1 = (1 + c) / (1 + c**2)

# %% q5 (2 of 3): the solution in which both weights are equal
scale, small_step, large_step = 0.5, 0.01, 0.18
linear_l1 = 2 / (1 + c)


# %% q1: absolute values of u and v, so that their signs are lost
def sgd_step(u, v, X, y, step_size, depth):
    N = depth
    g = X.T @ (X @ (abs(u) ** N - abs(v) ** N) - y) / len(y)
    return u - step_size * N * abs(u) ** (N - 1) * g, v + step_size * N * abs(v) ** (N - 1) * g


# %% q1: differences of the loss
def sgd_step(u, v, X, y, step_size, depth):
    def loss(u, v):
        return ((X @ (u**depth - v**depth) - y) ** 2).mean() / 2

    h = 1e-6
    E = h * np.eye(len(u))
    gu = np.array([(loss(u + e, v) - loss(u - e, v)) / 2 / h for e in E])
    gv = np.array([(loss(u, v + e) - loss(u, v - e)) / 2 / h for e in E])
    return u - step_size * gu, v - step_size * gv


# %% q2: a floor below the logarithm of each factor
def log_scale_change(a, decay):
    return 0.5 * np.log(np.maximum(np.abs((1 - decay[:, None]) ** 2 - a**2), 1e-2)).sum(axis=0)


# %% q2: noise and decay one after the other
def log_scale_change(a, decay):
    return np.log(abs(1 - decay)).sum() + 0.5 * np.log(np.abs(1 - a**2)).sum(axis=0)


# %% q3 (1 of 4): one scale for all is one for the first coordinate
def certificate(w, X, y, scale):
    scales = np.ones(len(w))
    scales[: np.size(scale)] = scale
    g = np.arcsinh(w / (2 * scales**2))
    off = g - np.linalg.pinv(X) @ (X @ g)
    return np.linalg.norm(X @ w - y), np.linalg.norm(off) / np.linalg.norm(g)


# %% q6: steps uphill
controls = [kept | {"model": "shifted"}, kept | {"weight_decay": 0.1}]
decoys = [kept | {"model": "squares"}, kept | {"step_size": -0.1}]
