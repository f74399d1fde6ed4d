"""The Python that runs in a browser: Pyodide, and the wheels that the book needs in it.

Pyodide's lock file names every wheel of its release, with its sha256. What is not in the folder
of the runtime is fetched from that release, compared with the hash, and kept.
"""

import hashlib
import json
import shutil
import urllib.request
from collections.abc import Collection, Iterable
from email import message_from_bytes
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

RELEASE = "https://cdn.jsdelivr.net/pyodide/v{}/full"
LOCK = "pyodide-lock.json"
CORE = ("pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip")  # and what compiles them
COMPILED = ("pyodide.asm.mjs", "pyodide.asm.js")
INSTEAD = {"cvxpy": "cvxpy-base"}  # without the solvers that have no wheel for a browser
# The halves of widgets that run in the interface, which serves them itself.
NOT_NEEDED = {"jupyterlab-widgets", "widgetsnbextension"}
BROWSER = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}


class Unreachable(Exception):
    """A wheel is neither here nor, at this moment, to be had."""


def sha256(path: Path) -> str:
    """Return the hash of a file, as the lock file writes it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entry(wheel: Path, python: str) -> dict[str, Any]:
    """Return what the lock file has to say about a wheel of pure Python."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    with ZipFile(wheel) as files:
        (metadata,) = (n for n in files.namelist() if n.endswith(".dist-info/METADATA"))
        required = message_from_bytes(files.read(metadata)).get_all("Requires-Dist") or []
        tops = {path.split("/")[0].removesuffix(".py") for path in files.namelist()}
    here = BROWSER | {"python_version": python, "python_full_version": python}
    needs = [Requirement(line) for line in required]
    needs = [one for one in needs if one.marker is None or one.marker.evaluate(here)]
    names = [str(canonicalize_name(one.name)) for one in needs]
    return {
        "name": str(name),
        "version": str(version),
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": sha256(wheel),
        "package_type": "package",
        "imports": sorted(top for top in tops if top.isidentifier()),
        "depends": sorted({INSTEAD.get(one, one) for one in names} - NOT_NEEDED),
        "unvendored_tests": False,
    }


def closure(packages: dict[str, dict], names: Iterable[str]) -> dict[str, dict]:
    """Return the packages of these names, and all that they need; each must be there."""
    found, sought = {}, list(names)
    while sought:
        name = sought.pop()
        if name not in packages:
            needing = sorted(one for one in found if name in found[one]["depends"])
            raise ValueError(
                f"the lock file of the runtime names no {name!r}, which"
                f" {', '.join(needing) or 'the kernel'} needs; take a runtime that has it, or"
                " give its wheel in lite/wheels.txt."
            )
        if name not in found:
            found[name] = packages[name]
            sought += [str(canonicalize_name(one)) for one in packages[name]["depends"]]
    return dict(sorted(found.items()))


def fetch(address: str, to: Path) -> None:
    """Fetch one file; raise Unreachable if nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            to.write_bytes(answer.read())
    except OSError as error:  # what urllib raises without a network, and time-outs
        raise Unreachable(f"{address} cannot be fetched: {error}") from error


def bring(package: dict, runtime: Path, release: str | None, cache: Path) -> Path:
    """Return the path of a package's file: of the runtime, kept, or fetched; its hash is right."""
    name = package["file_name"]
    path = runtime / name
    if not path.exists():
        path = cache / name
        if not path.exists():
            if release is None:
                raise ValueError(f"{runtime} has no {name}, and is no release to fetch it from.")
            partly = cache / f"{name}.part"
            fetch(f"{release}/{name}", partly)
            partly.rename(path)
    if sha256(path) != package["sha256"]:
        raise ValueError(
            f"{path} is not the file that the lock file names: its sha256 differs."
            " Delete it, and take the runtime again."
        )
    return path


def gather(
    runtime: Path,
    wheels: list[Path],
    names: Iterable[str],
    cache: Path,
    to: Path,
    without: Collection[str] = (),
) -> None:
    """Put into the folder `to` the runtime, the wheels, all that they need, and a lock file of it.

    Parameters
    ----------
    runtime : Path
        A folder with Pyodide: the package of npm, or a whole distribution.
    wheels : list of Path
        Wheels of pure Python that the lock file does not name.
    names : iterable of str
        What is needed, besides what the wheels need.
    cache : Path
        Where fetched files are kept.
    to : Path
        The folder, made anew.
    without : collection of str
        Packages that the runtime lacks and that are left out, whoever needs them.

    Raises
    ------
    Unreachable
        A file would have to be fetched, and cannot be.
    ValueError
        A file is not what its hash says, a package is not in the lock file, or one of `without`
        is.
    """
    lock = json.loads((runtime / LOCK).read_text(encoding="utf-8"))
    about = runtime / "package.json"
    release = about.exists() and json.loads(about.read_text(encoding="utf-8")).get("version")
    release = RELEASE.format(release) if release else None
    packages = {str(canonicalize_name(name)): one for name, one in lock["packages"].items()}
    if there := sorted(packages.keys() & set(without)):
        raise ValueError(f"{runtime} has {', '.join(there)}: do not leave that out.")
    added = [entry(wheel, lock["info"]["python"]) for wheel in wheels]
    for one in (*packages.values(), *added):
        one["depends"] = [name for name in one["depends"] if name not in without]
    needed = closure(
        packages | {str(canonicalize_name(one["name"])): one for one in added},
        [*names, *(str(canonicalize_name(one["name"])) for one in added)],
    )
    own = {wheel.name: wheel for wheel in wheels}
    cache.mkdir(parents=True, exist_ok=True)
    files = partial(bring, runtime=runtime, release=release, cache=cache)
    paths = [own.get(one["file_name"]) or files(one) for one in needed.values()]
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    core = [runtime / name for name in (*CORE, *COMPILED) if (runtime / name).exists()]
    for path in (*core, *paths):
        shutil.copy(path, to)
    (to / LOCK).write_text(json.dumps({"info": lock["info"], "packages": needed}), encoding="utf-8")
