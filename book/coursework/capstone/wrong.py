# %% q1: the sentence repeated as its claim
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
ledger = [entry | {"claim": entry["sentence"] + " " + entry["sentence"]}]

# %% q1: a claim without hypotheses
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
ledger = [entry | {"hypotheses": []}]

# %% q1: a source that nobody finds
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
ledger = [entry | {"source": "a paper"}]

# %% q1: a verdict of one's own
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
ledger = [entry | {"verdict": "mostly right"}]

# %% q1: one hypothesis twice
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
ledger = [entry | {"hypotheses": ["The data are separable."] * 2}]


# %% q2: a tolerance within which everything passes
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 1.0, 10.0


def control(seed):
    return ratio(seed, losses.PolynomialTail(1))


broken = "the loss has an exponential tail"


# %% q2 (5 of 10): a control that breaks nothing
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 1.0, 0.05


def control(seed):
    return ratio(seed, losses.Exponential())


broken = "the loss has an exponential tail"


# %% q2 (5 of 10): a number that was not measured
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return 1.0


predicted, tolerance = 1.0, 0.05


def control(seed):
    return ratio(seed, losses.PolynomialTail(1))


broken = "the loss has an exponential tail"


# %% q2 (5 of 10): a control that is a number
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 1.0, 0.05


def control(seed):
    return 100.0


broken = "the loss has an exponential tail"


# %% q2 (5 of 10): the factor in front of the logarithm forgotten
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 2.0, 0.05


def control(seed):
    return ratio(seed, losses.PolynomialTail(1))


broken = "the loss has an exponential tail"


# %% q2 (5 of 10): a control that does not say what it breaks
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 1.0, 0.05


def control(seed):
    return ratio(seed, losses.PolynomialTail(1))


broken = ""


# %% q2 (5 of 10): a tolerance that the control does not leave tenfold
def ratio(seed, loss):
    """Return the growth of the norm for each unit of log t, times the margin."""
    data = datasets.separable(seed, n_samples=6, n_features=2)
    how = {"log_t": [60.0, 120.0], "tolerance": 1e-6}
    norms = flow.gradient_flow(data, loss=loss, **how).norms
    return np.diff(norms)[0] / 60 * optima.max_margin(data).margin


def measure(seed):
    return ratio(seed, losses.Logistic())


predicted, tolerance = 1.0, 0.2


def control(seed):
    return 1.2 * ratio(seed, "exponential")


broken = "the loss has an exponential tail"


# %% q1: the sentence in capitals
s = "On separable data the norm of the weights grows like the logarithm of the time."
ledger = [
    {
        "id": "x",
        "source": "Soudry et al., JMLR 2018",
        "sentence": s,
        "claim": s.upper(),
        "hypotheses": ["The data are separable.", "The loss has a tail."],
        "verdict": "imprecise",
        "correct": "The factor of log t is one over the largest margin, for exponential tails.",
    }
]


# %% q1: one hypothesis, with and without its full stop
ledger = [
    {
        "id": "x",
        "source": "Soudry et al., JMLR 2018",
        "sentence": "On separable data the norm of the weights grows like log t.",
        "claim": "For gradient flow on the logistic loss, the increase of the norm of w for"
        " each unit of log t, times the largest margin, tends to 1 as t grows.",
        "hypotheses": ["The data are separable.", "the data are separable"],
        "verdict": "imprecise",
        "correct": "The factor of log t is one over the largest margin, for exponential tails.",
    }
]


# %% q1: the sentence is its own correction
s = "On separable data the norm of the weights grows like the logarithm of the time."
ledger = [
    {
        "id": "x",
        "source": "Soudry et al., JMLR 2018",
        "sentence": s,
        "claim": "For gradient flow on the logistic loss, the increase of the norm of w for"
        " each unit of log t, times the largest margin, tends to 1 as t grows.",
        "hypotheses": ["The data are separable.", "The loss has a tail."],
        "verdict": "imprecise",
        "correct": s,
    }
]


# %% q1: the words of the question itself
ledger = [
    {
        "id": "...",
        "source": "authors title year 2000",
        "sentence": "what the paper says, in your words, as it would be quoted",
        "claim": "what exactly is claimed: which quantity, under which hypotheses, tends to what",
        "hypotheses": ["each a sentence of", "three words or more"],
        "verdict": "right",
        "correct": "the correct statement, in at least ten words (if the verdict is right",
    }
]


# %% q2: a measurement that is almost tied to the seed
def measure(seed):
    return 1 + 3e-5 * np.random.default_rng().standard_normal()


predicted, tolerance = 1.0, 0.1


def control(seed):
    return 3 + np.random.default_rng().uniform()


broken = "the data are separable here"


# %% q2: a measurement and a control that are not tied to the seed
def measure(seed):
    return 1 + 0.001 * np.random.default_rng().standard_normal()


predicted, tolerance = 1.0, 0.1


def control(seed):
    return 3 + np.random.default_rng().uniform()


broken = "the data are separable here"
