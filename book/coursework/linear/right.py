# %% q1: loops over the samples
import math


def risk(w, Z):
    total = 0.0
    for z in Z:
        u = float(np.dot(z, w))
        total += max(-u, 0.0) + math.log1p(math.exp(-abs(u)))
    return total / len(Z)


def gradient(w, Z):
    rows = [-z / (1 + math.exp(min(float(np.dot(z, w)), 700.0))) for z in Z]
    return list(np.mean(rows, axis=0))


# %% q1: two branches, of which one overflows unused
def risk(w, Z):
    u = np.dot(Z, w)
    return np.where(u > 0, np.log1p(np.exp(-u)), -u + np.log1p(np.exp(u))).mean()


def gradient(w, Z):
    return -(Z.T @ (1 / (1 + np.exp(Z @ w)))) / Z.shape[0]


# %% q1: tanh for the sigmoid, arrays of one entry
def risk(w, Z):
    losses = np.logaddexp(0, -(Z @ np.reshape(w, (-1, 1))))
    return np.array([losses.mean()])


def gradient(w, Z):
    weights = (1 - np.tanh(Z @ w / 2)) / 2
    return -np.einsum("i,ij->j", weights, Z) / len(weights)


# %% q1: scipy's logarithm of the sigmoid, columns
def risk(w, Z):
    from scipy.special import log_expit

    return -np.average(log_expit(Z.dot(w)), keepdims=True)


def gradient(w, Z):
    shares = 1 / 2 - np.tanh(Z.dot(w) / 2) / 2
    return (-(Z.T @ shares) / Z.shape[0]).reshape(-1, 1)


# %% q2: eigenvalues of the Hessian
def largest_step(Z):
    H = np.zeros((Z.shape[1], Z.shape[1]))
    for z in Z:
        H += np.outer(z, z) / (4 * len(Z))
    return 2 / np.linalg.eigvalsh(H).max()


# %% q2: the Gram matrix, and an array of one entry
def largest_step(Z):
    values = np.linalg.eigvals(Z @ Z.T / (4 * len(Z))).real
    return 2 / np.sort(values)[-1:]


# %% q2: singular values, a scalar of numpy
def largest_step(Z):
    s = np.linalg.svd(Z / np.sqrt(len(Z)), compute_uv=False)
    return np.float64(2 / (0.25 * s[0] ** 2))


# %% q2: power iteration on the Hessian at zero, single precision
def largest_step(Z):
    H = sum(np.outer(z, z) for z in Z) / (4 * len(Z))
    v = np.ones(Z.shape[1])
    for _ in range(20000):
        v = H @ v / np.linalg.norm(H @ v)
    return np.float32(2 / (v @ H @ v))


# %% q3: a shift by the smallest product, a list
def certificate(w, Z):
    u = Z @ w
    p = np.exp(u.min() - u)
    p /= p.sum()
    return [min(u) / np.sqrt(w @ w), np.sqrt(((p @ Z) ** 2).sum())]


# %% q3: logarithms of the weights
def certificate(w, Z):
    from scipy.special import logsumexp

    a = -(Z @ w)
    p = np.exp(a - logsumexp(a))
    direction = w / np.linalg.norm(w)
    return np.array([np.min(Z @ direction), np.linalg.norm(Z.T @ p)])


# %% q3: a loop, arrays of no dimension and of one entry
def certificate(w, Z):
    products = [float(z @ w) for z in Z]
    least = min(products)
    weights = [np.exp(least - u) for u in products]
    mean = sum(a * z for a, z in zip(weights, Z, strict=True)) / sum(weights)
    return np.array(least / np.linalg.norm(w)), np.array([np.linalg.norm(mean)])


# %% q3: long doubles
def certificate(w, Z):
    u = (Z @ w).astype(np.longdouble)
    p = np.exp(u.min() - u)
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


# %% q5: scipy's softmax
def faster(Z, n_steps):
    eta = 1 / max(np.linalg.norm(z) ** 2 for z in Z)
    w = np.zeros(Z.shape[1])
    for _ in range(n_steps):
        w += eta * (Z.T @ softmax(-(Z @ w)))
    return w


# %% q5: the products are followed, not the weights
def faster(Z, n_steps):
    eta, G = 1 / np.max(np.sum(Z * Z, axis=1)), Z @ Z.T
    u, total = np.zeros(len(Z)), np.zeros(len(Z))
    for _ in range(n_steps):
        p = np.exp(u.min() - u)
        p = p / p.sum()
        total += p
        u = u + eta * (G @ p)
    return list(eta * (total @ Z))


# %% q5: logarithms
def faster(Z, n_steps):
    from scipy.special import logsumexp

    w, k = np.zeros((Z.shape[1],)), 0
    largest = (np.linalg.norm(Z, axis=1) ** 2).max()
    while k < n_steps:
        a = -Z @ w
        w = w + np.exp(a - logsumexp(a)) @ Z / largest
        k += 1
    return w


# %% q5: weighted averages, a column
def faster(Z, n_steps):
    w = np.zeros((Z.shape[1], 1))
    for _ in range(n_steps):
        u = Z @ w
        p = np.exp(-(u - u.min()))
        w = w + np.average(Z, axis=0, weights=p[:, 0])[:, None] / np.max(np.sum(Z * Z, axis=1))
    return w


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

# %% q7: a steeper power
control = {"data": data, "loss": losses.PolynomialTail(2.0), "start": np.zeros(3)}

# %% q7: a power between
control = dict(kept, loss=losses.PolynomialTail(1.5))

# %% q7: a copy of everything
same = datasets.Dataset(data.X.copy(), data.y.copy())
control = {"data": same, "loss": losses.PolynomialTail(0.5), "start": [0, 0, 0]}

# %% q7: a heavier tail, a start that is a list of floats
control = {**kept}
control["loss"] = losses.PolynomialTail(power=1.2)


# %% q1: in place
def risk(w, Z):
    w *= -1
    return np.logaddexp(0, Z @ w).mean()


def gradient(w, Z):
    Z *= -1
    return (expit(Z @ w)[:, None] * Z).mean(0)
