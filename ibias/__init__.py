"""ibias: the implicit bias of gradient descent, computed and checked.

Data, a loss and a model make an `Objective`; it goes with a method, its steps, a
start and the noise into `descent` or `flow`, and out comes a `Trajectory`. Apart from
it, `optima` computes the reference optimum with a certificate. The two meet only in a
check of `claims`.

Importing the package loads none of its parts; each loads when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "atlas",
    "check_loss",
    "check_method",
    "check_model",
    "check_potential",
    "checking",
    "claims",
    "datasets",
    "descent",
    "entropy",
    "estimators",
    "flow",
    "frames",
    "losses",
    "methods",
    "models",
    "networks",
    "noise",
    "objectives",
    "optima",
    "plots",
    "potentials",
    "steps",
    "sweeps",
    "trajectory",
]


def __getattr__(name: str) -> Any:
    if name in __all__ and name.startswith("check_"):
        return getattr(import_module(f"{__name__}.checking"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
