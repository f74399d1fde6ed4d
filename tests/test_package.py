"""What `pip install` gets: a wheel and a source archive that hold all of the package, and work."""

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import ibias

ROOT = Path(__file__).resolve().parent.parent
# Run far from the repository, on what was installed: data of the package, and each of its rooms.
USE = """
import ibias
from ibias import claims, datasets, descent, flow, methods, optima
assert "site-packages" in ibias.__file__, ibias.__file__
assert len(claims.ledger()) > 250
assert datasets.digits(3, 8).n_features == 64
pair = datasets.symmetric_pair()
best, run = optima.max_margin(pair), flow.gradient_flow(pair, log_t=[1e4])
print(ibias.__version__, round(float(run.normalized_margin(pair.Z)[0] / best.margin), 6))
"""


def version(name: str, pattern: str) -> str:
    return re.search(pattern, (ROOT / name).read_text(encoding="utf-8"))[1]


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == ibias.__version__
    assert version("CITATION.cff", r"(?m)^version: (\S+)$") == ibias.__version__
    assert version("CHANGELOG.md", r"(?m)^## (\S+) \(") == ibias.__version__


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel, made from the source archive, and that archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def test_the_wheel_holds_the_package_and_nothing_else(built):
    names = zipfile.ZipFile(built[0]).namelist()
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ibias").rglob("*")
        if path.suffix in (".py", ".yml", ".json", ".npz", ".typed")
    }
    expected = {name for name in expected if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_metadata_says_what_it_is(built):
    wheel = zipfile.ZipFile(built[0])
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "ibias" and metadata["Version"] == ibias.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert "max_margin" in metadata.get_payload()  # the README
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL"))
    assert urls.keys() >= {"Homepage", "Repository", "Changelog"}


def test_the_source_archive_holds_what_builds_it(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "ibias/claims.yml"} <= names
    assert not {name for name in names if name.startswith(("_build", "node_modules", ".venv"))}


def test_an_installed_wheel_works_without_the_repository(built, tmp_path):
    """In an environment of its own, which borrows the libraries of this one."""
    venv.create(tmp_path / "env", with_pip=False)
    (library,) = (tmp_path / "env").rglob("site-packages")
    zipfile.ZipFile(built[0]).extractall(library)
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (library / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    places = [tmp_path / "env" / place for place in ("bin/python", "Scripts/python.exe")]
    python = next(place for place in places if place.exists())
    done = subprocess.run(
        [str(python), "-I", "-c", USE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [ibias.__version__, "1.0"]
