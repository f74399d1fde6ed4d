# %% q1: the sum of the losses, not their mean
def risk(w, Z):
    return np.logaddexp(0, -Z @ w).sum()


def gradient(w, Z):
    return -expit(-Z @ w) @ Z


# %% q1: the direction of descent taken for the gradient
def risk(w, Z):
    return np.logaddexp(0, -Z @ w).mean()


def gradient(w, Z):
    return expit(-Z @ w) @ Z / len(Z)


# %% q1: the well classified samples weigh most
def risk(w, Z):
    return np.logaddexp(0, -Z @ w).mean()


def gradient(w, Z):
    return -expit(Z @ w) @ Z / len(Z)


# %% q1: exponentials that overflow
def risk(w, Z):
    return np.log(1 + np.exp(-Z @ w)).mean()


def gradient(w, Z):
    return -(Z / (1 + np.exp(Z @ w))[:, None]).mean(axis=0)


# %% q1: the numbers of this data set written in
def risk(w, Z):
    return np.logaddexp(0, -Z @ w).sum() / 20


def gradient(w, Z):
    return -expit(-Z @ w) @ Z / 20


# %% q1: exponents that are cut off
def risk(w, Z):
    return np.log1p(np.exp(np.clip(-Z @ w, -700, 700))).mean()


def gradient(w, Z):
    return -expit(-Z @ w) @ Z / len(Z)


# %% q2: the numbers of this data set written in
def largest_step(Z):
    return 160 / np.linalg.norm(Z, 2) ** 2


# %% q2: the largest sample for the largest eigenvalue
def largest_step(Z):
    return 8 / (Z**2).sum(axis=1).max()


# %% q2: the bound for a sum of losses
def largest_step(Z):
    return 8 / np.linalg.norm(Z, 2) ** 2


# %% q2: the second derivative of the loss taken for 1
def largest_step(Z):
    return 2 * len(Z) / np.linalg.norm(Z, 2) ** 2


# %% q2: the customary 1/L
def largest_step(Z):
    return 4 * len(Z) / np.linalg.norm(Z, 2) ** 2


# %% q2: the sum of all eigenvalues for the largest
def largest_step(Z):
    return 8 * len(Z) / np.linalg.norm(Z) ** 2


# %% q2: the curvature at one w that is not zero
def largest_step(Z):
    w = np.full(Z.shape[1], 0.3)
    s = expit(Z @ w)
    H = (Z * (s * (1 - s))[:, None]).T @ Z / len(Z)
    return 2 / np.linalg.eigvalsh(H)[-1]


# %% q3 (1 of 3): weights that do not sum to one
def certificate(w, Z):
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(np.exp(-Z @ w) @ Z)


# %% q3 (2 of 3): a margin that is not normalised
def certificate(w, Z):
    return (Z @ w).min(), np.linalg.norm(softmax(-Z @ w) @ Z)


# %% q3 (1 of 3): all samples weigh the same
def certificate(w, Z):
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(Z.mean(axis=0))


# %% q3 (1 of 3): the farthest samples weigh most
def certificate(w, Z):
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(softmax(Z @ w) @ Z)


# %% q3 (1 of 3): exponentials that underflow
def certificate(w, Z):
    shares = np.exp(-Z @ w)
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): the nearest sample alone
def certificate(w, Z):
    nearest = (Z @ w).argmin()
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(Z[nearest])


# %% q3 (1 of 3): exponents that are cut off
def certificate(w, Z):
    shares = np.exp(np.clip((Z @ w).min() - Z @ w, -1, 0))
    return (Z @ w).min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): a threshold below which the naive formula is kept
def certificate(w, Z):
    u = Z @ w
    shares = np.exp(-u) if np.abs(u).max() < 1e5 else np.exp(u.min() - u)
    return u.min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): the weights of the direction, not of w
def certificate(w, Z):
    u = Z @ w / np.linalg.norm(w)
    return u.min(), np.linalg.norm(softmax(-u) @ Z)


# %% q4 (1 of 3): the vector in front of log t has norm one
gamma = optima.max_margin(data).margin
norm_slope = 1.0
time_times_risk = 1 / (b * gamma) ** 2
growth = gamma

# %% q4 (2 of 3): the norm grows with the margin
gamma = optima.max_margin(data).margin
norm_slope = gamma / b
time_times_risk = 1 / (b * gamma) ** 2
growth = 1 / b

# %% q4 (2 of 3): the risk falls like 1/t with the constant 1/(b gamma)
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = 1 / (b * gamma)
growth = 1 / b

# %% q4: what the page says of b = 1
gamma = optima.max_margin(data).margin
norm_slope = 1 / gamma
time_times_risk = 1 / gamma**2
growth = 1.0

# %% q4 (2 of 3): the norm without b
gamma = optima.max_margin(data).margin
norm_slope = 1 / gamma
time_times_risk = 1 / (b * gamma) ** 2
growth = 1 / b

# %% q4 (2 of 3): time times risk without b
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = 1 / gamma**2
growth = 1 / b

# %% q4 (2 of 3): the products of the longer inputs, which grow by 1
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = 1 / (b * gamma) ** 2
growth = 1.0

# %% q4 (1 of 3): the weights of the longer inputs divided by b once more
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b**2 * gamma)
time_times_risk = 1 / (b * gamma) ** 2
growth = 1 / b**2

# %% q4 (1 of 3): the weights b w taken for w
gamma = optima.max_margin(data).margin
norm_slope = 1 / gamma
time_times_risk = 1 / (b * gamma) ** 2
growth = 1.0

# %% q4 (2 of 3): the b of the derivative forgotten
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = 1 / (b * gamma**2)
growth = 1 / b

# %% q4 (2 of 3): a clock that runs more slowly by b squared, not faster
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = (b / gamma) ** 2
growth = 1 / b

# %% q4: a loss b times as steep moves the weights b times as far
gamma = optima.max_margin(data).margin
norm_slope = b / gamma
time_times_risk = (b / gamma) ** 2
growth = b

# %% q4 (2 of 3): halving the risk taken for a unit of log t
gamma = optima.max_margin(data).margin
norm_slope = 1 / (b * gamma)
time_times_risk = 1 / (b * gamma) ** 2
growth = float(np.log(2)) / b


# %% q5: plain gradient descent
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        w = w + step * np.exp(-(Z @ w)) @ Z / len(Z)
    return w


# %% q5: divided by the norm of the gradient
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        pull = softmax(-Z @ w) @ Z
        w = w + step * pull / np.linalg.norm(pull)
    return w


# %% q5: the sum over the samples instead of their mean
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        w = w + step * len(Z) * softmax(-Z @ w) @ Z
    return w


# %% q5: the schedule 1/sqrt(k), a polynomial gain
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for k in range(n_steps):
        w = w + step / np.sqrt(k + 1) * softmax(-Z @ w) @ Z
    return w


# %% q5: exponentials that underflow after some hundred steps
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        shares = np.exp(-(Z @ w))
        w = w + step * (shares / shares.sum()) @ Z
    return w


# %% q5: the mean squared norm in the step size
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).mean()
    for _ in range(n_steps):
        w = w + step * softmax(-Z @ w) @ Z
    return w


# %% q5: the logistic loss, which is the same only in the end
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        logs = -np.logaddexp(0, u)
        w = w + step * softmax(logs) @ Z
    return w


# %% q6: a step that is not long enough
Z_bad = np.array([point, [point[0], -point[1] / 2]])
start = np.array([0.0, 1.0])
step_size = 0.5

# %% q6: data that are not separable
Z_bad = np.array([point, -point])
start = np.array([0.0, 1.0])
step_size = 30.0

# %% q6: nothing pulls against the point
Z_bad = np.array([point, 2 * point])
start = np.array([0.0, 1.0])
step_size = 30.0

# %% q6: the start is to blame
Z_bad = np.array([point, [point[0], -point[1] / 2]])
start = np.array([0.0, -600.0])
step_size = 30.0

# %% q6: a margin that is too small
Z_bad = np.array([[point[0], point[1]], [point[0], -5 * point[1]], [0.01, 0.3]])
start = np.array([0.0, 1.0])
step_size = 30.0

# %% q7: another start, which the theorem leaves free
control = kept | {"start": np.array([5.0, -5.0, 5.0])}

# %% q7: rescaled inputs, which change no direction
control = kept | {"data": datasets.Dataset(3 * data.X, data.y)}

# %% q7: a tail that is not exponential, but lighter than every power
control = kept | {"loss": losses.StretchedExponential(0.5)}

# %% q7: other separable data
control = kept | {"data": datasets.separable(7, n_samples=20, n_features=3)}

# %% q7: inputs so short that the limit is not reached
control = kept | {"data": datasets.Dataset(1e-42 * data.X, data.y)}

# %% q7: a light tail that only takes longer
control = kept | {"loss": losses.StretchedExponential(0.1)}

# %% q7: a loss that is not convex
control = kept | {"loss": losses.Sigmoid()}

# %% q7: data without support vectors
both = datasets.Dataset(np.vstack([data.X, data.X[:1]]), np.append(data.y, -data.y[0]))
control = kept | {"data": both}

# %% q7: two hypotheses at once
control = kept | {"loss": losses.PolynomialTail(1), "start": np.ones(3)}


# %% q3 (1 of 3): the nearest sample alone where the exponentials underflow
def certificate(w, Z):
    u = Z @ w
    with np.errstate(all="ignore"):
        p = np.exp(-u)
    if not np.isfinite(p.sum()) or p.sum() == 0:
        p = (u == u.min()).astype(float)
    p = p / p.sum()
    return u.min() / np.linalg.norm(w), np.linalg.norm(p @ Z)


# %% q4 (2 of 3): measured on the flow at log t = 200, where the limits are not reached
scaled = datasets.Dataset(b * data.X, data.y)
path = flow.gradient_flow(scaled, log_t=[100.0, 200.0])
norm_slope = np.diff(path.norms)[0] / 100
time_times_risk = np.exp(path.log_risk[-1] + 200)
growth = 1 / b


# %% q2: the power method, stopped after three steps
def largest_step(Z):
    v = np.ones(Z.shape[1])
    for _ in range(3):
        v = Z.T @ (Z @ v)
        v = v / np.linalg.norm(v)
    return 8 * len(Z) / np.linalg.norm(Z @ v) ** 2
