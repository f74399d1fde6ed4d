# %% q1: loops over the samples
import math


def risk(w, Z, c, price):
    total = 0.0
    for z, ci in zip(Z, c, strict=True):
        u = float(np.dot(z, w))
        total += ci * (max(-u, 0.0) + math.log1p(math.exp(-abs(u))))
    return total / sum(c) + price * sum(x * x for x in w) / 2


def gradient(w, Z, c, price):
    rows = [-ci * z / (1 + math.exp(min(z @ w, 700.0))) for z, ci in zip(Z, c, strict=True)]
    return list(sum(rows) / sum(c) + price * w)


# %% q1: two branches, of which one overflows unused
def risk(w, Z, c, price):
    u = np.dot(Z, w)
    losses = np.where(u > 0, np.log1p(np.exp(-u)), -u + np.log1p(np.exp(u)))
    return np.average(losses, weights=c) + 0.5 * price * np.linalg.norm(w) ** 2


def gradient(w, Z, c, price):
    return -(Z.T @ (c / (1 + np.exp(Z @ w)))) / np.sum(c) + price * w


# %% q1: tanh for the sigmoid, arrays of one entry
def risk(w, Z, c, price):
    losses = np.logaddexp(0, -(Z @ np.reshape(w, (-1, 1))))
    return np.array([(c / c.sum()) @ losses[:, 0] + price * np.sum(np.square(w)) / 2])


def gradient(w, Z, c, price):
    weights = c / c.sum() * (1 - np.tanh(Z @ w / 2)) / 2
    return np.multiply(price, w) - np.einsum("i,ij->j", weights, Z)


# %% q1: scipy's logarithm of the sigmoid, columns
def risk(w, Z, c, price):
    from scipy.special import log_expit

    return price / 2 * np.dot(w, w) - np.average(log_expit(Z.dot(w)), weights=c, keepdims=True)


def gradient(w, Z, c, price):
    shares = (1 / 2 - np.tanh(Z.dot(w) / 2) / 2) * c / c.sum()
    return (price * w - Z.T @ shares).reshape(-1, 1)


# %% q1: in place
def risk(w, Z, c, price):
    c /= c.sum()
    w *= -1
    return c @ np.logaddexp(0, Z @ w) + price * w @ w / 2


def gradient(w, Z, c, price):
    c /= c.sum()
    Z *= -1
    return c @ (expit(Z @ w)[:, None] * Z) + price * w


# %% q2: eigenvalues of the Hessian
def largest_step(Z, c, price):
    H = price * np.eye(Z.shape[1])
    for z, ci in zip(Z, c, strict=True):
        H += ci * np.outer(z, z) / (4 * sum(c))
    return 2 / np.linalg.eigvalsh(H).max()


# %% q2: the Gram matrix, and an array of one entry
def largest_step(Z, c, price):
    root = np.sqrt(c / c.sum())
    values = np.linalg.eigvals(root[:, None] * (Z @ Z.T) * root / 4).real + price
    return 2 / np.sort(values)[-1:]


# %% q2: singular values, a scalar of numpy
def largest_step(Z, c, price):
    s = np.linalg.svd(Z.T * np.sqrt(c / np.sum(c)), compute_uv=False)
    return np.float64(8 / (s[0] ** 2 + 4 * price))


# %% q2: power iteration on the Hessian at zero, single precision
def largest_step(Z, c, price):
    H = np.einsum("i,ij,ik->jk", c / c.sum(), Z, Z) / 4
    v = np.ones(Z.shape[1])
    for _ in range(20000):
        v = H @ v / np.linalg.norm(H @ v)
    return np.float32(2 / (v @ H @ v + price))


# %% q3: a shift by the smallest product, a list
def certificate(w, Z):
    u = Z @ w
    least = max(u.min(), 0)
    p = np.exp(least - np.maximum(u, 0)) / (1 + np.exp(-abs(u)))
    p /= p.sum()
    return [min(u) / np.sqrt(w @ w), np.sqrt(((p @ Z) ** 2).sum())]


# %% q3: scipy's logarithm of the sigmoid
def certificate(w, Z):
    from scipy.special import log_expit, logsumexp

    a = log_expit(-(Z @ w))
    p = np.exp(a - logsumexp(a))
    direction = w / np.linalg.norm(w)
    return np.array([np.min(Z @ direction), np.linalg.norm(Z.T @ p)])


# %% q3: the dual variables of the package
def certificate(w, Z):
    p = losses.Logistic().dual_variables(Z @ w)
    return (Z @ w / np.linalg.norm(w)).min(), np.linalg.norm(p @ Z)


# %% q3: a loop, arrays of no dimension and of one entry
def certificate(w, Z):
    products = [float(z @ w) for z in Z]
    logs = [-max(u, 0.0) - np.log1p(np.exp(-abs(u))) for u in products]
    weights = [np.exp(a - max(logs)) for a in logs]
    mean = sum(a * z for a, z in zip(weights, Z, strict=True)) / sum(weights)
    return np.array(min(products) / np.linalg.norm(w)), np.array([np.linalg.norm(mean)])


# %% q3: long doubles
def certificate(w, Z):
    u = (Z @ w).astype(np.longdouble)
    p = -np.logaddexp(np.longdouble(0), u)
    p = np.exp(p - p.max())
    p /= p.sum()
    return u.min() / np.sqrt(np.sum(np.square(w))), np.sqrt(sum((p @ Z) ** 2))


# %% q4: scalars of numpy
gamma = np.float64(optima.max_margin(data).margin)
norm_slope = np.float64(1) / gamma / b
time_times_risk = norm_slope**2
growth = norm_slope * gamma

# %% q4: the least vector with smallest product 1/b
hat = optima.max_margin(data).w
hat = hat / (b * (Z @ hat).min())
norm_slope = np.linalg.norm(hat)
time_times_risk = hat @ hat
growth = (Z @ hat).min()

# %% q4: the logistic loss on longer inputs, arrays of no dimension and of one entry
longer = optima.max_margin(datasets.Dataset(b * data.X, data.y))
norm_slope = np.array(1 / longer.margin)
time_times_risk = np.array([1 / longer.margin**2])
growth = [1 / b]

# %% q4: other weights and another clock, single precision
best = optima.max_margin(data)
gamma_ = np.min(Z @ best.w) / np.sqrt(best.w @ best.w)
norm_slope = [[1 / gamma_ / b]]
time_times_risk = gamma_**-2 / b**2
growth = np.float32(1 / b)


# %% q4: measured with the loss itself
class Scaled(losses.MarginLoss):
    smoothness = b**2 / 4

    def log_value(self, margins):
        return losses.Logistic().log_value(b * margins)

    def log_slope(self, margins):
        return np.log(b) + losses.Logistic().log_slope(b * margins)

    def log_slope_derivative(self, margins):
        return b * losses.Logistic().log_slope_derivative(b * margins)


path = flow.gradient_flow(data, loss=Scaled(), log_t=[10000.0, 10001.0, 20000.0])
norm_slope = (path.norms[2] - path.norms[0]) / 10000
time_times_risk = np.exp(path.log_risk[2] + 20000)
growth = np.diff((path.iterates @ Z.T).min(axis=1))[0]


# %% q5: the logarithms of the package
def faster(Z, n_steps):
    from scipy.special import logsumexp

    eta, loss = 1 / max(np.linalg.norm(z) ** 2 for z in Z), losses.Logistic()
    w = np.zeros(Z.shape[1])
    for _ in range(n_steps):
        u = Z @ w
        w += eta * (Z.T @ np.exp(loss.log_slope(u) - logsumexp(loss.log_value(u))))
    return w


# %% q5: the products are followed, not the weights
def faster(Z, n_steps):
    eta, G = 1 / np.max(np.sum(Z * Z, axis=1)), Z @ Z.T
    u, total = np.zeros(len(Z)), np.zeros(len(Z))
    for _ in range(n_steps):
        m = max(u.min(), 0)
        x = np.exp(-u)
        over = np.where(
            x < 1e-16, 1, np.log1p(np.where(x < 1e-16, 1, x)) / np.where(x < 1e-16, 1, x)
        )
        p = np.exp(m - u) / (1 + x) / (np.exp(m - u) * over).sum()
        total += p
        u = u + eta * (G @ p)
    return list(eta * (total @ Z))


# %% q5: a loop over the samples, a column
def faster(Z, n_steps):
    from math import exp, log1p

    w = np.zeros((Z.shape[1], 1))
    for _ in range(n_steps):
        u = [float(value) for value in (Z @ w)[:, 0]]
        m = max(min(u), 0.0)
        slopes = [exp(m - a) / (1 + exp(-a)) for a in u]
        sizes = [exp(m - a) if a > 50 else exp(m) * log1p(exp(-a)) if m < 50 else 0.0 for a in u]
        pull = sum(s * z for s, z in zip(slopes, Z, strict=True)) / sum(sizes)
        w = w + pull[:, None] / np.max(np.sum(Z * Z, axis=1))
    return w


# %% q5: a method of the package
def faster(Z, n_steps):
    objective = Objective(datasets.Dataset.one_class(Z), "logistic")
    eta = 1 / (np.linalg.norm(Z, axis=1) ** 2).max()
    return descent(objective, methods.LossScaled(), steps=eta, n_steps=n_steps).final


# %% q6: lists and whole numbers
Z_bad = [list(point), [point[0], -point[1] / 2]]
start = [0, 1]
step_size = 30

# %% q6: three points
Z_bad = np.vstack([point, [point[0], -point[1] / 2], [1.0, 0.0]])
start = np.array([0, 1])
step_size = np.float64(40)

# %% q6: another second point, an array for the step
Z_bad = np.array([point, [2 * point[0], -point[1] / 2]])
start = np.array([0.0, 1.0])
step_size = np.array([30.0])

# %% q6: a steeper second point, columns
Z_bad = [point, np.array([point[0], -0.8 * point[1]])]
start = np.array([[0.0], [1.5]])
step_size = [[25.0]]


# %% q7: the root at another scale
class Own(losses.MarginLoss):
    smoothness = 1.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.arcsinh(u / 2)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return -np.arcsinh(u / 2) - np.log(np.hypot(2, u))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -1 / np.hypot(2, u) - u / np.hypot(2, u) / np.hypot(2, u)


control = kept | {"loss": Own()}


# %% q7: a steeper power
class Own(losses.MarginLoss):
    smoothness = 4.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        return -1.5 * np.arcsinh(u)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return np.log(1.5) - 1.5 * np.arcsinh(u) - np.log(np.hypot(1, u))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -1.5 / np.hypot(1, u) - u / np.hypot(1, u) / np.hypot(1, u)


control = dict(kept, loss=Own())


# %% q7: a power on the right, a parabola on the left, and a copy of everything
class Piecewise(losses.MarginLoss):
    smoothness = 2.0

    def log_value(self, margins):
        u = np.asarray(margins, dtype=float)
        left = np.minimum(u, 0)
        return np.where(u < 0, np.log(1 - left + left**2), -np.log1p(np.maximum(u, 0)))

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        return np.where(u < 0, np.log1p(-2 * np.minimum(u, 0)), -2 * np.log1p(np.maximum(u, 0)))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        return -2 / (1 + np.where(u < 0, -2 * u, u))


same = datasets.Dataset(data.X.copy(), data.y.copy())
control = {"data": same, "loss": Piecewise(), "start": [0, 0, 0]}


# %% q7: two roots, the second at half the size
class Sum(losses.MarginLoss):
    smoothness = 10.0

    def log_value(self, margins):
        s = np.arcsinh(np.asarray(margins, dtype=float))
        return np.logaddexp(-s, -2 * s)

    def log_slope(self, margins):
        u = np.asarray(margins, dtype=float)
        s = np.arcsinh(u)
        return np.logaddexp(-s, np.log(2) - 2 * s) - np.log(np.hypot(1, u))

    def log_slope_derivative(self, margins):
        u = np.asarray(margins, dtype=float)
        second = 1 / (1 + np.exp(np.clip(np.arcsinh(u) - np.log(2), -700, 700)))
        return -(1 + second) / np.hypot(1, u) - u / np.hypot(1, u) / np.hypot(1, u)


control = {**kept}
control["loss"] = Sum()


# %% q7: a heavy tail with the logistic loss of the package added
class Mixed(losses.MarginLoss):
    smoothness = 1.25
    light = losses.Logistic()

    def parts(self, u):
        h = np.hypot(1, u)
        return (
            np.array([-np.arcsinh(u), self.light.log_value(u)]),
            np.array([-np.arcsinh(u) - np.log(h), self.light.log_slope(u)]),
            np.array([-1 / h - u / h / h, self.light.log_slope_derivative(u)]),
        )

    def log_value(self, margins):
        return np.logaddexp(*self.parts(np.asarray(margins, dtype=float))[0])

    def log_slope(self, margins):
        return np.logaddexp(*self.parts(np.asarray(margins, dtype=float))[1])

    def log_slope_derivative(self, margins):
        _, s, d = self.parts(np.asarray(margins, dtype=float))
        p = np.exp(s - np.logaddexp(*s))
        return (p * d).sum(axis=0)


control = kept | {"loss": Mixed()}


# %% q7: the root of a shifted margin, a start of whole numbers
class Shifted(losses.MarginLoss):
    @property
    def smoothness(self):
        return 0.5

    def log_value(self, margins):
        return np.log(2) - np.arcsinh((margins - 1) / 2)

    def log_slope(self, margins):
        v = (np.asarray(margins) - 1) / 2
        return -np.arcsinh(v) - np.log(np.hypot(1, v))

    def log_slope_derivative(self, margins):
        v = (np.asarray(margins) - 1) / 2
        return (-1 / np.hypot(1, v) - v / np.hypot(1, v) ** 2) / 2


control = {"data": kept["data"], "loss": Shifted(), "start": [0, 0, 0]}


# %% q6: a step with which the exponential loss overflows
Z_bad = np.array([point, [point[0], -point[1]]])
start = np.array([0, 2])
step_size = np.array([100.0])


# %% q5: the smallest margin taken out of both sums
def faster(Z, n_steps):
    eta = 1 / max(z @ z for z in Z)
    w = np.zeros(Z.shape[1])
    for _ in range(n_steps):
        u = Z @ w
        m = max(u.min(), 0)
        x = np.exp(-u)
        over = np.exp(m - u) / (1 + x)
        under = (
            np.where(x < 1e-17, np.exp(m - u), np.exp(m) * np.log1p(x))
            if m < 300
            else np.exp(m - u)
        )
        w = w + eta * (over @ Z) / under.sum()
    return w.tolist()
