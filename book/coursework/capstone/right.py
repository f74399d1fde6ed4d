# %% q1: a tuple, two entries
entry = {
    "id": "norm-growth",
    "source": "Soudry et al., The implicit bias of gradient descent, JMLR 2018, Theorem 3",
    "sentence": "On separable data the norm of the weights grows like log t.",
    "claim": "For gradient flow on the logistic loss, the increase of the norm of w for"
    " each unit of log t, times the largest margin, tends to 1 as t grows.",
    "hypotheses": ["The data are separable.", "The loss has an exponential tail."],
    "verdict": "imprecise",
    "correct": "The factor of log t is one over the largest margin, for exponential tails.",
}
ledger = (entry, entry | {"id": "second"})

# %% q1: another verdict, hypotheses in a tuple
entry = {
    "id": "norm-growth",
    "source": "Soudry et al., The implicit bias of gradient descent, JMLR 2018, Theorem 3",
    "sentence": "On separable data the norm of the weights grows like log t.",
    "claim": "For gradient flow on the logistic loss, the increase of the norm of w for"
    " each unit of log t, times the largest margin, tends to 1 as t grows.",
    "hypotheses": ["The data are separable.", "The loss has an exponential tail."],
    "verdict": "imprecise",
    "correct": "The factor of log t is one over the largest margin, for exponential tails.",
}
ledger = [dict(entry, verdict="right", hypotheses=tuple(entry["hypotheses"]))]

# %% q1: a wrong claim, a year in brackets
ledger = []
ledger.append(
    {
        "id": "l1",
        "source": "Gunasekar et al. (2018), Characterizing implicit bias, Section 3",
        "sentence": "Steepest descent finds the margin of its norm.",
        "claim": "With steps short enough, the share of the largest margin in the norm of the step"
        " that steepest descent reaches tends to one on all separable data.",
        "hypotheses": ["The loss has an exponential tail.", "The data are separable."],
        "verdict": "wrong",
        "correct": "It holds for the normalised method or steps that are short, not for momentum.",
    }
)

# %% q1: a year in brackets, a third hypothesis
ledger = [
    {
        "id": "speed",
        "source": "Nacson et al. [2019], Convergence of gradient descent on separable data",
        "sentence": "Normalised gradient descent is faster.",
        "claim": "With steps of fixed length over the risk the gap of the margin, times the number"
        " of steps, stays bounded on separable data.",
        "hypotheses": ["The loss is exponential.", "Data are separable.", "No noise at all."],
        "verdict": "right",
        "correct": "The gap of the margin falls like one over the steps, with full batches.",
    }
]


# %% q2: arrays of no dimension
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return np.array(ratio(seed, losses.Logistic()))


predicted, tolerance = np.array(1), np.float64(0.04)


def control(seed):
    return ratio(seed, losses.PolynomialTail(1))


broken = "the loss has an exponential tail"


# %% q2: the exponential loss, another power
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return [ratio(seed, "exponential")]


predicted, tolerance = 1.0, 0.06


def control(seed):
    return ratio(seed, losses.PolynomialTail(2))


broken = "the loss has an exponential tail"


# %% q2: another claim, the nearest solution
def end(seed, along):
    """Return how far from the nearest solution gradient descent ends, over the start."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.standard_normal((3, 8)), rng.standard_normal(3), rng.standard_normal(8)
    nearest = w + np.linalg.pinv(X) @ (y - X @ w)
    first = np.linalg.norm(nearest - w)
    push = rng.standard_normal(8) if along is None else along
    for _ in range(3000):
        w = w - 0.02 * (X.T @ (X @ w - y)) - 0.01 * push * (np.abs(X @ w - y).max() > 1e-3)
    return np.linalg.norm(w - nearest) / first


def measure(seed):
    return 1 + end(seed, np.zeros(8))


predicted = 1
tolerance = 0.001


def control(seed):
    return 1 + end(seed, None)


broken = "every step is a combination of the rows"


# %% q2: a conserved number, and one factor that is held
def drift(seed, held):
    """Return the change of u^2 - v^2 while u v learns a number that depends on the seed."""
    u, v = 0.5, 0.3
    target = np.random.default_rng(seed).uniform(1.0, 2.0)
    for _ in range(5000):
        residual = u * v - target
        u, v = u - 0.002 * residual * v * (not held), v - 0.002 * residual * u
    return u**2 - v**2 - (0.5**2 - 0.3**2)


def measure(seed):
    return np.float32(drift(seed, held=False))


def control(seed):
    return [[drift(seed, held=True)]]


predicted, tolerance = np.int64(0), 0.02
broken = "both factors follow the flow"


# %% q1: a year with a letter
ledger = [
    {
        "id": "x",
        "source": "Lyu and Li, Gradient descent maximizes the margin, ICLR 2020a, Theorem 4.4",
        "sentence": "Networks converge to the maximum margin.",
        "claim": "For gradient flow on a homogeneous network the normalised margin of the"
        " parameters tends to that of a KKT point as t grows.",
        "hypotheses": [
            "The network is homogeneous in its parameters.",
            "The loss has an exponential tail.",
        ],
        "verdict": "wrong",
        "correct": "Limit directions are KKT points of the margin problem, and these need not"
        " be optimal at all.",
    }
]


# %% q2: a tolerance of exactly a fifth
def measure(seed):
    return 3.3 + 1e-3 * np.random.default_rng(seed).standard_normal()


predicted, tolerance = 3.3, 0.66


def control(seed):
    return 30 + np.random.default_rng(seed).standard_normal()


broken = "the loss has an exponential tail"


# %% q1: a third paper, the least norm
claim = "Started at zero, and with steps below two over the largest curvature, the iterates tend"
claim += " to the interpolating weights of least Euclidean length"
correct = "The limit is the interpolating solution nearest to the start, and of least norm only"
correct += " from the row space"
ledger = [
    {
        "id": "least-norm",
        "source": "C. Zhang and others, Deep learning requires rethinking, 2017, section 5",
        "sentence": "SGD on least squares converges to the solution of minimum norm",
        "claim": claim,
        "hypotheses": ["the start lies in the row space", "there is an interpolating solution"],
        "verdict": "imprecise",
        "correct": correct,
    }
]


# %% q2: the least norm from zero, and from another start
def distance(seed, start):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((4, 9)), rng.standard_normal(4)
    w = start * rng.standard_normal(9)
    for _ in range(4000):
        w = w - 0.2 * X.T @ (X @ w - y) / 4
    best = np.linalg.pinv(X) @ y
    return np.linalg.norm(w) / np.linalg.norm(best)


def measure(seed):
    return distance(seed, 0)


predicted = 1
tolerance = 0.01


def control(seed):
    return distance(seed, 3.0)


broken = "the start lies in the row space"
