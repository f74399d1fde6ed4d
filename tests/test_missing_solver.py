"""Without a solver: the error names the package to install, and with that the call works."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
import {package}
from ibias import datasets, optima
data, table = datasets.separable(0), datasets.four_by_four_completion(2.0)
for call in {calls}:
    sys.modules[{package!r}] = None
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)
    else:
        print("works without")
    sys.modules[{package!r}] = {package}
    call()
"""
BY_ITSELF = "lambda: optima.max_margin(data, p=3), lambda: optima.max_margin_with_bias(data)"
MODELLED = """lambda: optima.max_fourier_margin(data),
    lambda: optima.hinge_machine(data, penalty=0.1),
    lambda: optima.min_spectral_norm(table), lambda: optima.min_nuclear_norm(table),
    lambda: optima.schatten_margin(datasets.separable_classes(0), norm='nuclear')"""
NEITHER = "lambda: optima.max_margin(data, p=1), lambda: optima.max_margin(data)"


def said(package, calls):
    """Return what each of the calls says without the package; with it they must work."""
    code = WITHOUT.format(package=package, calls=f"[{calls}]")
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    "package, calls", [("clarabel", f"{BY_ITSELF}, {MODELLED}"), ("cvxpy", MODELLED)]
)
def test_a_missing_package_is_named(package, calls):
    lines = said(package, calls)
    assert len(lines) == calls.count("lambda")
    for line in lines:
        assert f"needs the package {package}, which is not installed" in line
        assert f"`pip install --upgrade {package}`" in line


@pytest.mark.parametrize("package", ["clarabel", "cvxpy"])
def test_what_needs_none_runs_without(package):
    assert set(said(package, NEITHER)) == {"works without"}
