"""Write torch_iterates.json: the iterates of PyTorch's optimisers on a small problem.

    pip install torch==2.13.0 && python tests/reference/torch_iterates.py

Run it by hand; the package itself never needs PyTorch. The problem is the mean logistic loss
of six samples, in double precision.
"""

import json
from pathlib import Path

import numpy as np
import torch

N_STEPS = 25
METHODS = {
    "sgd": [{"lr": 0.7}, {"lr": 0.3, "momentum": 0.9}],
    "adagrad": [{"lr": 0.5}, {"lr": 0.1, "eps": 0.01}],
    "rmsprop": [{"lr": 0.05}, {"lr": 0.2, "alpha": 0.8, "eps": 0.1}],
    "adam": [{"lr": 0.1}, {"lr": 0.3, "betas": [0.5, 0.8], "eps": 0.01}],
}
CLASSES = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
}


def iterates(method: str, options: dict, Z: np.ndarray, start: np.ndarray, n_steps: int) -> list:
    """Return w after each step of the optimiser, on the mean of log(1 + exp(-Z w))."""
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    signed = torch.tensor(Z, dtype=torch.float64)
    optimiser, path = CLASSES[method]([w], **options), []
    for _ in range(n_steps):
        optimiser.zero_grad()
        torch.nn.functional.softplus(-signed @ w, threshold=700).mean().backward()
        optimiser.step()
        path.append(w.detach().tolist())
    return path


def main() -> None:
    """Write the table."""
    draw = torch.Generator().manual_seed(0)
    Z = torch.randn(6, 4, generator=draw, dtype=torch.float64).tolist()
    start = torch.randn(4, generator=draw, dtype=torch.float64).tolist()
    rows = [
        json.dumps(
            {
                "method": method,
                "options": options,
                "iterates": iterates(method, options, Z, start, N_STEPS),
            }
        )
        for method, choices in METHODS.items()
        for options in choices
    ]
    head = {"made_with": "torch " + torch.__version__.split("+")[0], "Z": Z, "start": start}
    text = json.dumps(head)[:-1] + ', "rows": [\n' + ",\n".join(rows) + "\n]}\n"
    Path(__file__).with_suffix(".json").write_text(text)


if __name__ == "__main__":
    main()
