"""What a browser is given to run: whole, checked by hash, and nothing where it cannot be had."""

import hashlib
import json
import re
from urllib.error import URLError
from zipfile import ZipFile

import jupyterlite as lite  # tools/jupyterlite.py
import pytest
import runtime  # tools/runtime.py
from contents import notebooks_in_order  # tools/contents.py


def package(name, *depends, data=b"a wheel"):
    """Return an entry of a lock file, and the name of its file."""
    return {
        "name": name,
        "version": "1.0",
        "file_name": f"{name}-1.0-py3-none-any.whl",
        "sha256": hashlib.sha256(data).hexdigest(),
        "depends": list(depends),
    }


def make_runtime(folder, *packages, present=()):
    """Write a runtime: a lock file, and those wheels that are present."""
    folder.mkdir()
    lock = {"info": {"python": "3.14.2"}, "packages": {one["name"]: one for one in packages}}
    (folder / runtime.LOCK).write_text(json.dumps(lock))
    for name in (*runtime.CORE, "pyodide.asm.mjs"):
        (folder / name).write_text(name)
    for one in present:
        (folder / one["file_name"]).write_bytes(b"a wheel")
    return folder


def make_wheel(folder, *requires):
    """Write a wheel that requires these."""
    path = folder / "ours-2.0-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        wheel.writestr("ours/__init__.py", "")
        lines = "".join(f"Requires-Dist: {one}\n" for one in requires)
        wheel.writestr("ours-2.0.dist-info/METADATA", f"Name: ours\nVersion: 2.0\n{lines}")
    return path


def test_all_that_is_needed_is_gathered_and_nothing_else(tmp_path):
    packages = [package("a", "b"), package("b"), package("c")]
    place = make_runtime(tmp_path / "given", *packages, present=packages)
    wheel = make_wheel(tmp_path, "A>=1", 'c>=1; extra == "test"', 'c; sys_platform == "win32"')
    runtime.gather(place, [wheel], [], tmp_path / "cache", tmp_path / "out")
    lock = json.loads((tmp_path / "out" / runtime.LOCK).read_text())
    assert set(lock["packages"]) == {"a", "b", "ours"}
    assert lock["packages"]["ours"]["depends"] == ["a"]
    assert lock["packages"]["ours"]["imports"] == ["ours"]
    for one in lock["packages"].values():
        assert runtime.sha256(tmp_path / "out" / one["file_name"]) == one["sha256"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        runtime.LOCK,
        *runtime.CORE,
        "pyodide.asm.mjs",
        *(one["file_name"] for one in lock["packages"].values()),
    }


def test_a_wheel_with_another_hash_is_refused(tmp_path):
    one = package("a", data=b"another wheel")
    place = make_runtime(tmp_path / "given", one, present=[one])
    with pytest.raises(ValueError, match="is not the file that the lock file names"):
        runtime.gather(place, [], ["a"], tmp_path / "cache", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_package_that_the_lock_file_does_not_name_is_refused(tmp_path):
    place = make_runtime(tmp_path / "given", package("a", "b"))
    with pytest.raises(ValueError, match=r"names no 'b', which a needs"):
        runtime.gather(place, [], ["a"], tmp_path / "cache", tmp_path / "out")


def test_a_package_may_be_left_out_only_of_a_runtime_that_lacks_it(tmp_path):
    one, two = package("a", "b"), package("b")
    (tmp_path / "some").mkdir()
    place = make_runtime(tmp_path / "given", one, present=[one])
    wheel = make_wheel(tmp_path / "some", "a", "b")
    runtime.gather(place, [wheel], [], tmp_path / "cache", tmp_path / "out", without=["b"])
    lock = json.loads((tmp_path / "out" / runtime.LOCK).read_text())["packages"]
    assert {name: found["depends"] for name, found in lock.items()} == {"a": [], "ours": ["a"]}
    place = make_runtime(tmp_path / "whole", one, two, present=[one, two])
    with pytest.raises(ValueError, match="has b: do not leave that out"):
        runtime.gather(place, [], ["a"], tmp_path / "cache", tmp_path / "out", without=["b"])


def test_what_is_missing_is_fetched_from_the_release_once(tmp_path, monkeypatch):
    place = make_runtime(tmp_path / "given", package("a"))
    (place / "package.json").write_text('{"version": "314.0.7"}')
    asked = []

    def fetch(address, to):
        asked.append(address)
        to.write_bytes(b"a wheel")

    monkeypatch.setattr(runtime, "fetch", fetch)
    for _ in range(2):
        runtime.gather(place, [], ["a"], tmp_path / "cache", tmp_path / "out")
    assert asked == [runtime.RELEASE.format("314.0.7") + "/a-1.0-py3-none-any.whl"]


def test_a_runtime_that_is_no_release_must_be_whole(tmp_path):
    place = make_runtime(tmp_path / "given", package("a"))
    with pytest.raises(ValueError, match="is no release to fetch it from"):
        runtime.gather(place, [], ["a"], tmp_path / "cache", tmp_path / "out")


def test_without_a_network_nothing_is_left_and_it_says_so(tmp_path, monkeypatch, capsys):
    """The fault is planted where a machine without a network has it; all above is real."""
    place = make_runtime(tmp_path / "given", package("a"))
    (place / "package.json").write_text('{"version": "314.0.7"}')
    (tmp_path / "lite").mkdir()

    def nobody(*_, **__):
        raise URLError("nobody answers")

    def build(given, without):
        runtime.gather(given, [], ["a"], tmp_path / "cache", tmp_path / "out")

    monkeypatch.setattr(runtime.urllib.request, "urlopen", nobody)
    monkeypatch.setattr(lite, "OUTPUT", tmp_path / "lite")
    monkeypatch.setattr(lite, "build", build)
    lite.main(place)
    assert not (tmp_path / "lite").exists()
    said = capsys.readouterr().out
    assert "nobody answers" in said and "The book is built without them." in said


def test_the_notebooks_are_those_of_the_contents_and_no_secret_one(tmp_path):
    lite.write_source(tmp_path)
    written = {
        path.relative_to(tmp_path / "files").as_posix() for path in tmp_path.rglob("*.ipynb")
    }
    assert written == {f"{page}.ipynb" for page in notebooks_in_order()}
    assert "book/coursework/linear.ipynb" in written
    assert not [name for name in written if "master" in name]


def test_the_browser_has_the_widgets_that_the_book_was_tested_with():
    def pins(name):
        text = (lite.ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"(?m)^([\w-]+)==(\S+)", text))

    tested, tools, wheels = map(
        pins, ("requirements.txt", "lite/requirements.txt", "lite/wheels.txt")
    )
    for given in (tools, wheels):
        assert given.items() & tested.items()
        assert all(tested[name] == given[name] for name in given.keys() & tested.keys())
    lock = json.loads((lite.ROOT / "lite/package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((lite.ROOT / "lite/package.json").read_text(encoding="utf-8"))
    assert lock["packages"][""]["dependencies"] == wanted["dependencies"]
    assert '"resolved"' not in json.dumps(lock)
