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


# %% q2: the degree is the depth, whatever the activation
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


# %% q3: the norm of theta, not its square
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / np.sqrt((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q3: a grid taken for all directions
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 361)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return lower, np.abs(np.maximum(directions @ X.T, 0) @ (p / p.sum() * y)).max() / 2


# %% q3: neurons with positive output weights only
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = (np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q3: the half is lost: a margin of functions, not of parameters
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    p = p / p.sum()
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))


# %% q3: weights that do not sum to one
def certificate(W, a, p, X, y):
    q = y * (np.maximum(X @ W.T, 0) @ a)
    lower = q.min() / ((W**2).sum() + (a**2).sum())
    angles = np.linspace(0, 2 * np.pi, 3601)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    correlation = np.abs(np.maximum(directions @ X.T, 0) @ (p * y)).max()
    return lower, (correlation + 0.001 * (p @ np.linalg.norm(X, axis=1))) / 2


# %% q4: the norms of the neurons instead of their squares
margin_each = np.sqrt(1 + h**2) / 2
margin_both = h / 2


def deep_margin(gamma, depth):
    return gamma * depth ** (-depth / 2)


def lead(depth):
    return 2 - 2 / depth


# %% q4: depth does not change the margin of the parameters
margin_each = np.sqrt(1 + h**2) / 4
margin_both = h / 2


def deep_margin(gamma, depth):
    return gamma


def lead(depth):
    return 2 - 2 / depth


# %% q4: log t alone, at every depth
margin_each = np.sqrt(1 + h**2) / 4
margin_both = h / 2


def deep_margin(gamma, depth):
    return gamma * depth ** (-depth / 2)


def lead(depth):
    return 0


# %% q4: the power of the gradient forgets that it is squared
margin_each = np.sqrt(1 + h**2) / 4
margin_both = h / 2


def deep_margin(gamma, depth):
    return gamma * depth ** (-depth / 2)


def lead(depth):
    return 1 - 1 / depth


# %% q4: each of the two points is paid by half a neuron
margin_each = np.sqrt(1 + h**2) / 4
margin_both = h / 4


def deep_margin(gamma, depth):
    return gamma * depth ** (-depth / 2)


def lead(depth):
    return 2 - 2 / depth


# %% q5: a neuron for each point, which is the best there is
W0 = np.array([[1.0, h], [-1.0, h]])
a0 = np.array([1.0, 1.0])
share = 2 * h / np.sqrt(1 + h**2)

# %% q5: a very small start
W0 = 1e-3 * np.array([[1.0, 0.5], [-1.0, 0.4]])
a0 = 1e-3 * np.array([1.0, 1.0])
share = 2 * h / np.sqrt(1 + h**2)

# %% q5: a start that errs on one point
W0 = np.array([[1.0, 0.0], [0.0, -1.0]])
a0 = np.array([1.0, 1.0])
share = 2 * h / np.sqrt(1 + h**2)

# %% q5: the second neuron wakes up
W0 = np.array([[0.05, 1.0], [-1.0, 0.02]])
a0 = np.array([1.0, 0.1])
share = 2 * h / np.sqrt(1 + h**2)

# %% q5: the margin itself taken for its share
W0 = np.array([[0.0, 1.0], [0.0, -1.0]])
a0 = np.array([1.0, 1.0])
share = h / 2

# %% q6: another loss taken for a broken hypothesis
controls = [kept | {"loss": "logistic"}, kept | {"step_size": 4.0}]
decoys = [kept | {"scale": 0.05}, kept | {"activation": "linear"}]

# %% q6: no ReLU, so no homogeneity
controls = [kept | {"activation": "linear"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.05}]

# %% q6: a smaller step breaks it
controls = [kept | {"activation": "tanh"}, kept | {"step_size": 0.0005}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.05}]

# %% q6: homogeneous of any degree will do
controls = [kept | {"activation": "tanh"}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"activation": "squared_relu"}]

# %% q6: two hypotheses at once
controls = [kept | {"activation": "squared_relu", "step_size": 4.0}, kept | {"step_size": 4.0}]
decoys = [kept | {"loss": "logistic"}, kept | {"scale": 0.05}]
