# %% q1: the sum of the losses, not their mean
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - (c * expit(-Z @ w)) @ Z


# %% q1: the direction of descent taken for the gradient
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / c.sum() + price / 2 * w @ w


def gradient(w, Z, c, price):
    return (c * expit(-Z @ w)) @ Z / c.sum() - price * w


# %% q1: the well classified samples weigh most
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / c.sum() + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - (c * expit(Z @ w)) @ Z / c.sum()


# %% q1: exponentials that overflow
def risk(w, Z, c, price):
    return np.average(np.log(1 + np.exp(-Z @ w)), weights=c) + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - np.average(Z / (1 + np.exp(Z @ w))[:, None], axis=0, weights=c)


# %% q1: divided by the number of samples, as if their importances had the mean one
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / len(c) + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - (c * expit(-Z @ w)) @ Z / len(c)


# %% q1: all samples are equally important, as on the pages
def risk(w, Z, c, price):
    return np.logaddexp(0, -Z @ w).mean() + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - expit(-Z @ w) @ Z / len(Z)


# %% q1: the half of the price is lost
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / c.sum() + price * w @ w


def gradient(w, Z, c, price):
    return 2 * price * w - (c * expit(-Z @ w)) @ Z / c.sum()


# %% q1: exponents that are cut off
def risk(w, Z, c, price):
    losses = np.log1p(np.exp(np.clip(-Z @ w, -700, 700)))
    return c @ losses / c.sum() + price / 2 * w @ w


def gradient(w, Z, c, price):
    return price * w - (c * expit(-Z @ w)) @ Z / c.sum()


# %% q2: the formula of the primer, without importances
def largest_step(Z, c, price):
    return 2 / (np.linalg.norm(Z, 2) ** 2 / len(Z) / 4 + price)


# %% q2: the price is forgotten
def largest_step(Z, c, price):
    return 8 * c.sum() / np.linalg.norm(np.sqrt(c)[:, None] * Z, 2) ** 2


# %% q2: the price shortens the step by a factor of its own
def largest_step(Z, c, price):
    return 8 * c.sum() / np.linalg.norm(np.sqrt(c)[:, None] * Z, 2) ** 2 / (1 + price)


# %% q2: the importances squared
def largest_step(Z, c, price):
    return 2 / (np.linalg.norm(c[:, None] * Z, 2) ** 2 / (c @ c) / 4 + price)


# %% q2: the largest sample for the largest eigenvalue
def largest_step(Z, c, price):
    return 2 / ((Z**2).sum(axis=1).max() / 4 + price)


# %% q2: the bound for a sum of losses
def largest_step(Z, c, price):
    return 2 / (np.linalg.norm(np.sqrt(c)[:, None] * Z, 2) ** 2 / 4 + price)


# %% q2: the second derivative of the loss taken for 1
def largest_step(Z, c, price):
    return 2 / (np.linalg.norm(np.sqrt(c)[:, None] * Z, 2) ** 2 / c.sum() + price)


# %% q2: the customary 1/L
def largest_step(Z, c, price):
    return 1 / (np.linalg.norm(np.sqrt(c)[:, None] * Z, 2) ** 2 / c.sum() / 4 + price)


# %% q2: the sum of all eigenvalues for the largest
def largest_step(Z, c, price):
    return 2 / (c @ (Z**2).sum(axis=1) / c.sum() / 4 + price)


# %% q2: the curvature at one w that is not zero
def largest_step(Z, c, price):
    s = expit(Z @ np.full(Z.shape[1], 0.3))
    H = (Z * (c * s * (1 - s))[:, None]).T @ Z / c.sum()
    return 2 / (np.linalg.eigvalsh(H)[-1] + price)


# %% q2: the power method, stopped after three steps
def largest_step(Z, c, price):
    v = np.ones(Z.shape[1])
    for _ in range(3):
        v = Z.T @ (c * (Z @ v))
        v = v / np.linalg.norm(v)
    return 2 / (c @ (Z @ v) ** 2 / c.sum() / 4 + price)


# %% q3 (1 of 3): the weights of the exponential loss, as on the page
def certificate(w, Z):
    u = Z @ w
    return u.min() / np.linalg.norm(w), np.linalg.norm(softmax(-u) @ Z)


# %% q3 (1 of 3): weights that do not sum to one
def certificate(w, Z):
    u = Z @ w
    return u.min() / np.linalg.norm(w), np.linalg.norm(expit(-u) @ Z)


# %% q3 (2 of 3): a margin that is not normalised
def certificate(w, Z):
    u = Z @ w
    return u.min(), np.linalg.norm(softmax(-np.logaddexp(0, u)) @ Z)


# %% q3 (1 of 3): all samples weigh the same
def certificate(w, Z):
    u = Z @ w
    return u.min() / np.linalg.norm(w), np.linalg.norm(Z.mean(axis=0))


# %% q3 (1 of 3): the farthest samples weigh most
def certificate(w, Z):
    u = Z @ w
    return u.min() / np.linalg.norm(w), np.linalg.norm(softmax(-np.logaddexp(0, -u)) @ Z)


# %% q3 (1 of 3): exponentials that underflow
def certificate(w, Z):
    u = Z @ w
    shares = 1 / (1 + np.exp(u))
    return u.min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): the nearest sample alone
def certificate(w, Z):
    u = Z @ w
    return u.min() / np.linalg.norm(w), np.linalg.norm(Z[u.argmin()])


# %% q3 (1 of 3): exponents that are cut off
def certificate(w, Z):
    u = Z @ w
    logs = -np.logaddexp(0, u)
    shares = np.exp(np.clip(logs - logs.max(), -1, 0))
    return u.min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): a threshold below which the naive formula is kept
def certificate(w, Z):
    u = Z @ w
    shares = 1 / (1 + np.exp(u)) if np.abs(u).max() < 1e5 else softmax(-u)
    return u.min() / np.linalg.norm(w), np.linalg.norm(shares @ Z / shares.sum())


# %% q3 (1 of 3): the weights of the direction, not of w
def certificate(w, Z):
    u = Z @ w
    u = u / np.linalg.norm(w)
    return u.min(), np.linalg.norm(softmax(-np.logaddexp(0, u)) @ Z)


# %% q3 (1 of 3): the nearest sample alone where the exponentials underflow
def certificate(w, Z):
    u = Z @ w
    p = 1 / (1 + np.exp(u))
    if not p.sum() > 0:
        p = (u == u.min()).astype(float)
    p = p / p.sum()
    return u.min() / np.linalg.norm(w), np.linalg.norm(p @ Z)


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
        u = Z @ w
        pull = expit(-u) @ Z / len(Z)
        w = w + step * pull
    return w


# %% q5: the exponential loss, as on the page: the same only in the end
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        pull = softmax(-u) @ Z
        w = w + step * pull
    return w


# %% q5: the shares of the logistic loss, as if they summed to one
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        pull = softmax(-np.logaddexp(0, u)) @ Z
        w = w + step * pull
    return w


# %% q5: divided by the norm of the gradient
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        pull = softmax(-np.logaddexp(0, u)) @ Z
        w = w + step * pull / np.linalg.norm(pull)
    return w


# %% q5: the sum over the samples instead of their mean
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        logs = np.where(u > 40, -u, np.log(np.logaddexp(0, -np.minimum(u, 40))))
        w = w + len(Z) * step * np.exp(-np.logaddexp(0, u) - np.logaddexp.reduce(logs)) @ Z
    return w


# %% q5: the schedule 1/sqrt(k), a polynomial gain
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for k in range(n_steps):
        u = Z @ w
        logs = np.where(u > 40, -u, np.log(np.logaddexp(0, -np.minimum(u, 40))))
        w = w + step / np.sqrt(k + 1) * np.exp(-np.logaddexp(0, u) - np.logaddexp.reduce(logs)) @ Z
    return w


# %% q5: exponentials that underflow after some hundred steps
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        pull = expit(-u) @ Z / np.logaddexp(0, -u).sum()
        w = w + step * pull
    return w


# %% q5: as if every loss were small
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).max()
    for _ in range(n_steps):
        u = Z @ w
        logs = -u
        w = w + step * np.exp(-np.logaddexp(0, u) - np.logaddexp.reduce(logs)) @ Z
    return w


# %% q5: the mean squared norm in the step size
def faster(Z, n_steps):
    w, step = np.zeros(Z.shape[1]), 1 / (Z**2).sum(axis=1).mean()
    for _ in range(n_steps):
        u = Z @ w
        logs = np.where(u > 40, -u, np.log(np.logaddexp(0, -np.minimum(u, 40))))
        w = w + step * np.exp(-np.logaddexp(0, u) - np.logaddexp.reduce(logs)) @ Z
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

# %% q7: the control of the pages
control = kept | {"loss": losses.PolynomialTail(1)}


# %% q7: the loss of the pages under another name
class Mine(losses.PolynomialTail):
    pass


control = kept | {"loss": Mine(1.0)}


# %% q7: an exponential tail with other constants
class Own(losses.MarginLoss):
    smoothness = 9.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return np.log(np.logaddexp(0, -np.minimum(3 * u, 40))) + np.minimum(40 - 3 * u, 0)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return np.log(3) - np.logaddexp(0, 3 * u)

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -3 / (1 + np.exp(-np.clip(3 * u, -700, 700)))


control = kept | {"loss": Own()}


# %% q7: a slope that is not that of the loss
class Own(losses.MarginLoss):
    smoothness = 1.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.arcsinh(u)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.log(np.hypot(1, u))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -u / np.hypot(1, u) / np.hypot(1, u)


control = kept | {"loss": Own()}

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
class Own(losses.MarginLoss):
    smoothness = 1.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.arcsinh(u)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.arcsinh(u) - np.log(np.hypot(1, u))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -1 / np.hypot(1, u) - u / np.hypot(1, u) / np.hypot(1, u)


control = kept | {"loss": Own(), "start": np.ones(3)}

# %% q4 (2 of 3): the slope measured on the flow, from log t = 10 to 20
scaled = datasets.Dataset(b * data.X, data.y)
norm_slope = np.diff(flow.gradient_flow(scaled, log_t=[10.0, 20.0]).norms)[0] / 10
time_times_risk = 1 / (b * optima.max_margin(data).margin) ** 2
growth = 1 / b


# %% q1: a price for the first three weights alone
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / c.sum() + price / 2 * w[:3] @ w[:3]


def gradient(w, Z, c, price):
    g = -(c * expit(-Z @ w)) @ Z / c.sum()
    g[:3] += price * w[:3]
    return g


# %% q7: a tail of the package under another name
class Mine(losses.MarginLoss):
    inner = losses.PolynomialTail(1.0)
    smoothness = inner.smoothness

    def log_value(self, margins):
        return self.inner.log_value(margins)

    def log_slope(self, margins):
        return self.inner.log_slope(margins)

    def log_slope_derivative(self, margins):
        return self.inner.log_slope_derivative(margins)


control = kept | {"loss": Mine()}


# %% q7: the methods of the package's tail, taken over one by one
class Mine(losses.MarginLoss):
    power, smoothness = 1.0, 2.0
    log_value = losses.PolynomialTail.log_value
    log_slope = losses.PolynomialTail.log_slope
    log_slope_derivative = losses.PolynomialTail.log_slope_derivative


control = kept | {"loss": Mine()}


# %% q7: a tail that is hardly lighter than a power
class Light(losses.MarginLoss):
    smoothness = 4.0
    p = 1.03

    def log_value(self, u):
        u = np.asarray(u, dtype=float)
        left, A = np.minimum(u, 0), 1 + np.log1p(np.maximum(u, 0))
        return np.where(u >= 0, -(A**self.p), -1 + np.log(1 - self.p * left + self.p * left**2))

    def log_slope(self, u):
        u = np.asarray(u, dtype=float)
        left, v = np.minimum(u, 0), np.maximum(u, 0)
        A = 1 + np.log1p(v)
        tail = -(A**self.p) + np.log(self.p) + (self.p - 1) * np.log(A) - np.log1p(v)
        return np.where(u >= 0, tail, -1 + np.log(self.p) + np.log(1 - 2 * left))

    def log_slope_derivative(self, u):
        u = np.asarray(u, dtype=float)
        left, v = np.minimum(u, 0), np.maximum(u, 0)
        A = 1 + np.log1p(v)
        tail = (-self.p * A ** (self.p - 1) + (self.p - 1) / A - 1) / (1 + v)
        return np.where(u >= 0, tail, -2 / (1 - 2 * left))


control = kept | {"loss": Light()}


# %% q3 (1 of 3): all weight on one sample where it underflows
def certificate(w, Z):
    u = Z @ w
    p = expit(-u)
    if p.sum() < 1e-300:
        p = np.zeros(len(u))
        p[u.argmin()] = 1
    return u.min() / np.linalg.norm(w), np.linalg.norm(p @ Z / p.sum())


# %% q5: the exponential loss from margins of three on
def faster(Z, n_steps):
    eta, w = 1 / (Z**2).sum(axis=1).max(), np.zeros(Z.shape[1])
    for _ in range(n_steps):
        u = Z @ w
        if u.min() > 3:
            w = w + eta * softmax(-u) @ Z
        else:
            w = w + eta * expit(-u) @ Z / np.logaddexp(0, -u).sum()
    return w


# %% q5: a floor under the risk, so that the steps vanish
def faster(Z, n_steps):
    eta, w = 1 / (Z**2).sum(axis=1).max(), np.zeros(Z.shape[1])
    for _ in range(n_steps):
        u = Z @ w
        w = w + eta * expit(-u) @ Z / np.maximum(np.logaddexp(0, -u).sum(), 1e-300)
    return w


# %% q1: weights cut off at a hundred, which the price notices
def risk(w, Z, c, price):
    return c @ np.logaddexp(0, -Z @ w) / c.sum() + price / 2 * w @ w


def gradient(w, Z, c, price):
    w = np.clip(w, -100, 100)
    return price * w - (c * expit(-Z @ w)) @ Z / c.sum()
