"""Write torch_gradients.json: what PyTorch's autodiff gives for small networks.

    pip install torch==2.13.0 && python tests/reference/torch_gradients.py

Run it by hand; the package itself never needs PyTorch. The table holds inputs, parameters,
a cotangent v, predictions and the gradient of <v, predictions>, all in double precision.
"""

import json
from pathlib import Path

import torch

NETWORKS = [
    ([3, 1], "linear", "none"),
    ([3, 4, 2, 1], "linear", "none"),
    ([3, 5, 1], "relu", "none"),
    ([3, 5, 1], "relu", "first"),
    ([3, 4, 4, 1], "relu", "none"),
    ([3, 4, 3, 2, 1], "relu", "none"),
    ([3, 4, 4, 1], "relu", "all"),
    ([3, 4, 3, 1], "squared_relu", "none"),
    ([3, 4, 4, 1], "tanh", "all"),
    ([3, 4, 4, 1], "softplus", "none"),
]
ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "squared_relu": lambda z: torch.relu(z) ** 2,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
}


def entry(widths: list[int], activation: str, bias: str, seed: int) -> dict:
    """Return one row of the table."""
    draw = torch.Generator().manual_seed(seed)
    X = torch.randn(6, widths[0], generator=draw, dtype=torch.float64)
    v = torch.randn(6, generator=draw, dtype=torch.float64)
    layers = []
    for layer in range(len(widths) - 1):
        columns = widths[layer] + (bias == "all" or (bias == "first" and layer == 0))
        shape = (widths[layer + 1], columns)
        layers.append(torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True))
    hidden = X
    for layer, W in enumerate(layers):
        if layer:
            hidden = ACTIVATIONS[activation](hidden)
        weights, offset = W[:, : widths[layer]], W[:, widths[layer] :].sum(dim=1)
        hidden = torch.nn.functional.linear(hidden, weights, offset)
    predictions = hidden[:, 0]
    (v @ predictions).backward()
    return {
        "widths": widths,
        "activation": activation,
        "bias": bias,
        "X": X.tolist(),
        "v": v.tolist(),
        "theta": torch.cat([W.detach().ravel() for W in layers]).tolist(),
        "predictions": predictions.tolist(),
        "gradient": torch.cat([W.grad.ravel() for W in layers]).tolist(),
    }


rows = [json.dumps(entry(*network, seed)) for seed, network in enumerate(NETWORKS)]
version = torch.__version__.split("+")[0]
text = f'{{"made_with": "torch {version}", "rows": [\n' + ",\n".join(rows) + "\n]}\n"
Path(__file__).with_suffix(".json").write_text(text)
