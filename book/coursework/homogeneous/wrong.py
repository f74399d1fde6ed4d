# %% q1: the mean over the samples, not their sum
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    weights = softmax(-q) * y
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return np.log(len(y)) - logsumexp(-q), dW, weights @ after


# %% q1: silent neurons are moved too
def soft_minimum(W, a, X, y):
    after = np.maximum(X @ W.T, 0)
    q = y * (after @ a)
    weights = softmax(-q) * y
    return -logsumexp(-q), np.outer(a, weights @ X), weights @ after


# %% q1: the gradient of the risk, whose weights do not sum to one
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    weights = np.exp(-q) * y
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return -logsumexp(-q), dW, weights @ after


# %% q1: exponentials that underflow
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    total = np.exp(-q).sum()
    weights = np.exp(-q) / total * y
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return -np.log(total), dW, weights @ after


# %% q1: the labels are lost in the gradient
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    weights = softmax(-q)
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return -logsumexp(-q), dW, weights @ after


# %% q1: large margins are cut off
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    p = np.exp(-np.clip(q - q.min(), 0, 30))
    weights = p / p.sum() * y
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return np.clip(q.min(), -500, 500) - np.log(p.sum()), dW, weights @ after


# %% q1: the output weights are taken for signs
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    weights = softmax(-q) * y
    dW = (weights[:, None] * (before > 0) * np.sign(a)).T @ X
    return -logsumexp(-q), dW, weights @ after


# %% q1: the gradients of the smallest margin alone
def soft_minimum(W, a, X, y):
    before = X @ W.T
    after = np.maximum(before, 0)
    q = y * (after @ a)
    weights = (q == q.min()) * y
    dW = (weights[:, None] * (before > 0) * a).T @ X
    return -logsumexp(-q), dW, weights @ after


# %% q2: a skip connection is harmful only with two hidden layers or more
def degree(depth, power, extra):
    if extra == "all biases" or (extra == "skip" and depth > 2):
        return None
    L = 1
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: a skip connection is harmful only with ReLUs
def degree(depth, power, extra):
    if extra == "all biases" or (extra == "skip" and power == 1):
        return None
    L = 1
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: a formula for squares used for every power
def degree(depth, power, extra):
    if extra in ("all biases", "skip"):
        return None
    return depth if power == 1 else 2**depth - 1


# %% q2: the number of layers, as for the networks of the page
def degree(depth, power, extra):
    return None if extra in ("all biases", "skip") else depth


# %% q2: a skip connection is harmless, since the network is homogeneous in x
def degree(depth, power, extra):
    if extra == "all biases":
        return None
    L = 1
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: biases are parameters like others
def degree(depth, power, extra):
    if extra == "skip":
        return None
    L = 1
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: every bias breaks it
def degree(depth, power, extra):
    if extra != "none":
        return None
    L = 1
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: the powers of the activations alone
def degree(depth, power, extra):
    return None if extra in ("all biases", "skip") else power ** (depth - 1) + 1


# %% q2: a bias in the first layer adds one
def degree(depth, power, extra):
    if extra in ("all biases", "skip"):
        return None
    L = 1 + (extra == "first bias")
    for _ in range(depth - 1):
        L = L * power + 1
    return L


# %% q2: the depth times the power
def degree(depth, power, extra):
    return None if extra in ("all biases", "skip") else power * (depth - 1) + 1


# %% q2: an object that equals everything
class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None


def degree(depth, power, extra):
    return Anything()


# %% q3 (3 of 4): the norm of theta, not its square
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / np.sqrt((W**2).sum() + (a**2).sum())
    weights = p / p.sum() * y
    u = np.vstack([np.column_stack([-X[:, 1], X[:, 0]]), np.column_stack([X[:, 1], -X[:, 0]])])
    middle = np.sort(np.arctan2(u[:, 1], u[:, 0]))
    middle = (middle + np.append(middle[1:], middle[0] + 2 * np.pi)) / 2
    v = (X @ [np.cos(middle), np.sin(middle)] > 0).T @ (weights[:, None] * X)
    tried = np.vstack([u, v, -v])
    tried = tried[np.abs(tried).max(axis=1) > 0]
    tried /= np.linalg.norm(tried, axis=1)[:, None]
    return lower, np.abs(np.maximum(tried @ X.T, 0) @ weights).max() / 2


# %% q3 (1 of 4): a grid taken for all directions
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 361)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return lower, np.abs(np.maximum(directions @ X.T, 0) @ (p / p.sum() * y)).max() / 2


# %% q3 (1 of 4): a fine grid taken for all directions
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return lower, np.abs(np.maximum(directions @ X.T, 0) @ (p / p.sum() * y)).max() / 2


# %% q3 (1 of 4): a gap between directions that is ten times too small
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles, step = np.linspace(0, 2 * np.pi, 361, retstep=True)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + step / 20 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q3 (1 of 4): the directions of the samples alone
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    directions = X / np.linalg.norm(X, axis=1)[:, None]
    return lower, np.abs(np.maximum(directions @ X.T, 0) @ (p / p.sum() * y)).max() / 2


# %% q3 (1 of 4): the sum of the weights, which is a bound but a poor one
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    return lower, p @ np.linalg.norm(X, axis=1) / p.sum() / 2


# %% q3 (1 of 4): neurons with positive output weights only
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = (np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q3 (1 of 4): the half is lost: a margin of functions, not of parameters
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))


# %% q3 (1 of 4): weights that do not sum to one
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q4 (3 of 4): the norms of the neurons instead of their squares
margin_each = 1 / (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): the formula for two points of equal length
margin_each = np.sqrt(1 + h**2) / 4
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): each of the two points is paid by half a neuron
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 4


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): the worse of the two points alone
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = np.sqrt(1 + h**2) / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): the product of many layers, each used once
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * (k + 1) ** (-(k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): repeating a number does not change the margin
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): the number and the vector share the norm equally
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * 2 ** (-(k + 1) / 2)


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q4 (3 of 4): log t alone
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 0


# %% q4 (3 of 4): the power of the gradient forgets that it is squared
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 1 - 1 / (b * L)


# %% q4 (3 of 4): the law of the book, whatever the loss
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return 2 - 2 / L


# %% q4 (3 of 4): the loss changes q, not its power
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    return gamma * k ** (k / 2) / (k + 1) ** ((k + 1) / 2)


def lead(L, b):
    return (2 - 2 / L) / b


# %% q5 (1 of 3): the start of the page, with a neuron that is silent from the beginning
W0 = np.array([[0.0, 1.0], [0.0, -1.0]])
a0 = np.array([1.0, 1.0])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): a neuron for each point, which is the best there is
W0 = np.array([[1.0, h], [-1.0, h]])
a0 = np.array([1.0, 1.0])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): a very small start
W0 = np.array([[1e-3, 5e-4], [-1e-3, 4e-4]])
a0 = np.array([1e-3, 1e-3])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): a start that errs on one point
W0 = np.array([[0.0, 0.5], [1.0, 0.0]])
a0 = np.array([0.5, -1.0])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): a small negative output, which changes its sign
W0 = np.array([[0.0, 1.0], [0.3, 0.1]])
a0 = np.array([1.0, -0.1])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): the second neuron wakes up
W0 = np.array([[0.05, 1.0], [-1.0, 0.02]])
a0 = np.array([1.0, 0.1])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (1 of 3): a neuron without an output
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, 0.0])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (2 of 3): the margin itself taken for its share
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, -0.3])
share = h / 2

# %% q5 (2 of 3): small angles: the sine for the tangent
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, -0.3])
share = h * (1 + 1 / c)

# %% q5 (2 of 3): two points of equal length
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, -0.3])
share = 2 * h / np.sqrt(1 + h**2)

# %% q5 (2 of 3): the number of the page, for points of its own
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, -0.3])
share = 2 / np.sqrt(17)

# %% q5 (1 of 3): a start that is too large to be compared
W0 = np.array([[0.0, 20.0], [6.0, 0.0]])
a0 = np.array([1.0, -0.3])
share = h * (1 / np.sqrt(1 + h**2) + 1 / np.sqrt(c**2 + h**2))

# %% q5 (2 of 3): the share measured after a thousand steps
W0 = np.array([[0.0, 1.0], [0.3, 0.0]])
a0 = np.array([1.0, -0.3])
W, a = train(W0, a0)
q = np.maximum(points.X @ W.T, 0) @ a[0]
share = q.min() / ((W**2).sum() + (a**2).sum()) * (2 / np.hypot(1, h) + 2 / np.hypot(c, h))

# %% q6: another loss taken for a broken hypothesis
controls = [kept | {"loss": "logistic"}, kept | {"step_size": 4.0}]
decoys = [kept | {"scale": 0.1}, kept | {"activation": "linear"}]

# %% q6: no ReLU, so no homogeneity
controls = [kept | {"activation": "linear"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.1}]

# %% q6: a smaller step breaks it
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 0.0005}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.1}]

# %% q6: homogeneous of any degree will do
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "squared_relu"}]

# %% q6: two hypotheses at once
controls = [kept | {"activation": "squared_relu", "step_size": 4.0}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.1}]

# %% q6: so large a start that the steps miss the flow
controls = [kept | {"activation": "softplus"}, kept | {"scale": 10.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "linear"}]

# %% q6: a step only a little longer
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 0.05}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "linear"}]

# %% q6: the same entry twice
controls = [kept | {"activation": "squared_relu"}, kept | {"activation": "softplus"}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "linear"}]

# %% q6: a decoy that changes next to nothing
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.9}]


# %% q3 (1 of 4): a grid of ten thousand directions, and one per mille more
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 10000, endpoint=False)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, 1.001 * correlation / 2


# %% q3 (1 of 4): a grid, and what the sum can gain between two directions: a bound, not the best
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles, step = np.linspace(0, 2 * np.pi, 100000, endpoint=False, retstep=True)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + step / 2 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q3 (1 of 4): the best direction of a grid, improved from there
def certificate(W, a, p, X, y):
    from scipy.optimize import minimize_scalar

    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    weights = p / p.sum() * y

    def size(t):
        return abs(weights @ np.maximum(X @ [np.cos(t), np.sin(t)], 0))

    angles, step = np.linspace(0, 2 * np.pi, 3600, retstep=True)
    first = angles[np.argmax([size(t) for t in angles])]
    ends = first - step, first + step
    found = minimize_scalar(
        lambda t: -size(t), bounds=ends, method="bounded", options={"xatol": 1e-13}
    )
    return lower, -found.fun / 2


# %% q3 (1 of 4): the cuts alone, without the cosines between them
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    u = np.vstack([np.column_stack([-X[:, 1], X[:, 0]]), np.column_stack([X[:, 1], -X[:, 0]])])
    u /= np.linalg.norm(u, axis=1)[:, None]
    return lower, np.abs(np.maximum(u @ X.T, 0) @ (p * y)).max() / p.sum() / 2


# %% q3 (1 of 4): the length of the longest sum, also where it points out of its piece
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 20000)
    active = np.column_stack([np.cos(angles), np.sin(angles)]) @ X.T > 0
    return lower, np.linalg.norm((active * (p * y)) @ X, axis=1).max() / p.sum() / 2


# %% q4 (3 of 4): the best of three hundred shares of the norm
margin_each = 1 / (2 / np.sqrt(1 + h**2) + 2 / np.sqrt(c**2 + h**2))
margin_both = h / 2


def repeated_margin(gamma, k):
    s = np.linspace(0, 1, 300)
    return gamma * (s**k * np.sqrt(1 - s**2)).max()


def lead(L, b):
    return 2 - 2 / (b * L)


# %% q6: the control of the page, an activation that is not offered here
controls = [kept | {"activation": "tanh"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "linear"}]


# %% q1: differences of m
def soft_minimum(W, a, X, y):
    def m(W, a):
        return -logsumexp(-y * (np.maximum(X @ W.T, 0) @ a))

    dW, da, h = np.zeros_like(W), np.zeros(len(a)), 1e-5
    for i in np.ndindex(W.shape):
        E = np.zeros_like(W)
        E[i] = h
        dW[i] = (m(W + E, a) - m(W - E, a)) / 2 / h
    for j in range(len(a)):
        e = np.zeros(len(a))
        e[j] = h
        da[j] = (m(W, a + e) - m(W, a - e)) / 2 / h
    return m(W, a), dW, da


# %% q1: exponents scaled until they fit
def soft_minimum(W, a, X, y):
    H = np.maximum(X @ W.T, 0)
    q = y * (H @ a)
    p = softmax(-q / max(1, abs(q).max() / 700))
    return -logsumexp(-q), ((p * y)[:, None] * (H > 0) * a).T @ X, (p * y) @ H


# %% q2: powers rounded down to whole ones
def degree(depth, power, extra):
    power = int(power)
    return sum(power**k for k in range(depth)) if extra in ("none", "first bias") else None


# %% q2: a table for small depths
def degree(depth, power, extra):
    known = {
        (2, 1): 2,
        (2, 2): 3,
        (3, 1): 3,
        (3, 2): 7,
        (4, 1): 4,
        (2, 3): 4,
        (4, 2): 15,
        (3, 3): 13,
    }
    return known.get((depth, power)) if extra in ("none", "first bias") else None


# %% q3 (1 of 4): a search from the best of a coarse grid
def certificate(W, a, p, X, y):
    from scipy.optimize import minimize_scalar

    p = p / p.sum()
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + a @ a)

    def f(t):
        return -abs(np.maximum(X @ [np.cos(t), np.sin(t)], 0) @ (p * y))

    ts = np.linspace(0, 2 * np.pi, 25)
    t0 = min(ts, key=f)
    r = minimize_scalar(
        f, bounds=(t0 - 0.27, t0 + 0.27), method="bounded", options={"xatol": 1e-12}
    )
    return lower, -r.fun / 2


# %% q3 (3 of 4): output weights taken for signs
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + len(a))
    weights = p / p.sum() * y
    cuts = (np.arctan2(X[:, 1], X[:, 0])[:, None] + [np.pi / 2, -np.pi / 2]).ravel()
    cuts = np.sort(cuts % (2 * np.pi))
    middles = (cuts + np.append(cuts[1:], cuts[0] + 2 * np.pi)) / 2
    active = X @ [np.cos(middles), np.sin(middles)] > 0
    v = (weights[:, None] * X).T @ active
    ends = np.arctan2(v[1], v[0])
    angles = np.concatenate([cuts, ends, ends + np.pi])
    sums = weights @ np.maximum(X @ [np.cos(angles), np.sin(angles)], 0)
    return lower, np.abs(sums).max() / 2


# %% q6: the start with its sign changed
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 0.3}]
decoys = [kept | {"scale": -1.0}, kept | {"loss": "logistic"}]

# %% q6: one step uphill
controls = [kept | {"activation": "softplus"}, kept | {"step_size": 0.3}]
decoys = [kept | {"step_size": -0.005}, kept | {"loss": "logistic"}]

# %% q6: one long step uphill
controls = [kept | {"activation": "softplus"}, kept | {"step_size": -5.0}]
decoys = [kept | {"scale": 0.1}, kept | {"loss": "logistic"}]


# %% q1: a sum of exponentials that is kept away from zero
def soft_minimum(W, a, X, y):
    after = np.maximum(X @ W.T, 0)
    q = y * (after @ a)
    shares = softmax(-q) * y
    m = -np.log(np.exp(-q).sum() + 1e-12) if q.min() > 0 else -logsumexp(-q)
    return m, (shares[:, None] * (after > 0) * a).T @ X, shares @ after
