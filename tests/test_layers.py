"""The order of the layers, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ibias

PACKAGE = Path(ibias.__file__).parent
LAYERS = {
    **dict.fromkeys(
        [
            "_validate",
            "coursework",
            "datasets",
            "entropy",
            "losses",
            "models",
            "potentials",
            "progress",
            "record",
            "trajectory",
        ],
        0,
    ),
    **dict.fromkeys(["objectives", "optima"], 1),
    "steps": 2,
    "noise": 2,
    "methods": 3,
    "descent": 4,
    **dict.fromkeys(["networks", "flow", "estimators"], 5),
    **dict.fromkeys(["checking", "claims", "sweeps"], 6),
    "plots": 7,
    "frames": 8,
}
MODULES = sorted(PACKAGE.rglob("*.py"))
ALLOWED = {
    "cvxpy": {"optima"},
    "sklearn": {"estimators"},
    "tqdm": {"progress"},
    "matplotlib": {"plots", "frames"},
    "ipywidgets": {"frames"},
}


def room(path):
    """The name of the layer's room that a file stands in, such as 'flow'."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(source):
    """All dotted names that a module imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer: write ibias.<room>"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(name, source):
    """What a module of room `name` imports against the order of the layers."""
    found = []
    for target in imports(source):
        top, *rest = target.split(".")
        if top == "ibias" and rest and rest[0] in LAYERS and LAYERS[rest[0]] > LAYERS[name]:
            found.append(target)
        if name not in ALLOWED.get(top, {name}):
            found.append(target)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_lower_layer_never_imports_a_higher_one(path):
    if path.parent == PACKAGE and path.name == "__init__.py":
        assert list(imports(path.read_text())) == ["importlib.import_module", "typing.Any"]
        return
    assert room(path) in LAYERS, f"{room(path)} is in no layer: give it one in this test"
    assert violations(room(path), path.read_text()) == []


def test_the_walk_has_teeth():
    assert violations("datasets", "from ibias import flow") == ["ibias.flow"]
    assert violations("optima", "def f():\n    from ibias.descent import x") == ["ibias.descent.x"]
    assert violations("flow", "import cvxpy as cp") == ["cvxpy"]
    assert violations("descent", "from ibias.trajectory import unit\nimport numpy") == []


def test_optimisers_never_see_the_optimum():
    for path in MODULES:
        if room(path) in {"objectives", "steps", "noise", "methods", "descent", "flow"}:
            # Whether data can be separated is a property of the data, not an optimum.
            text = path.read_text().replace("ibias.optima.separability", "")
            assert "ibias.optima" not in text


def test_import_loads_no_heavy_library():
    code = (
        "import sys, ibias;"
        "heavy = {'cvxpy', 'matplotlib', 'ipywidgets', 'sklearn', 'scipy'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "from ibias import datasets, descent, flow, losses, methods, trajectory, claims;"
        "heavy.remove('scipy');"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
