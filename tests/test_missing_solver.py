"""Without a solver: the error names the package to install, and with that the call works."""

import functools
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


NEEDED_BY = {"clarabel": f"{BY_ITSELF}, {MODELLED}", "cvxpy": MODELLED}


@functools.cache
def said(package):
    """Return what the calls that need none, and those that need it, say without the package.

    With it all of them must work. One process tries them all, for to start it is most of the
    work; and those that need none first, before another one has loaded anything.
    """
    code = WITHOUT.format(package=package, calls=f"[{NEITHER}, {NEEDED_BY[package]}]")
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines, free = ran.stdout.splitlines(), NEITHER.count("lambda")
    assert len(lines) == free + NEEDED_BY[package].count("lambda")
    return lines[:free], lines[free:]


@pytest.mark.parametrize("package", NEEDED_BY)
def test_a_missing_package_is_named(package):
    for line in said(package)[1]:
        assert f"needs the package {package}, which is not installed" in line
        assert f"`pip install --upgrade {package}`" in line


@pytest.mark.parametrize("package", NEEDED_BY)
def test_what_needs_none_runs_without(package):
    assert set(said(package)[0]) == {"works without"}
