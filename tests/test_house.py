"""What stands in more than one file of the repository agrees."""

import json
import re
from pathlib import Path

import address
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = "https://github.com/q9-z/x.y"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_address_is_the_same_everywhere():
    url = address.current()
    forms = address.forms(url)
    assert url == f"https://{forms[0]}"
    for name in ("README.md", "CITATION.cff", "pyproject.toml"):
        assert forms[0] in read(name), name
        assert forms[3] in read(name), name
    assert forms[1] in read("README.md")
    assert yaml.safe_load(read("_config.yml"))["repository"]["url"] == url


def test_a_new_address_leaves_nothing_of_the_old_one():
    old = address.current()
    owner, name = old.split("/")[-2:]
    left = re.compile(rf"(?i)\b{owner}(?:/{name}|\.github\.io)")
    for path in address.files():
        text = path.read_text(encoding="utf-8")
        if left.search(text) and path.name not in ("address.py", "test_house.py"):
            changed = address.rewrite(text, old, ELSEWHERE)
            assert not left.search(changed), path
            assert address.rewrite(changed, ELSEWHERE, old) == text


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="give the address as"):
        address.forms("example.org/ibias")


def test_binder_installs_what_was_tested():
    pinned = dict(re.findall(r"(?m)^([\w-]+)==(\S+)$", read("requirements.txt")))
    binder = dict(re.findall(r"(?m)^([\w-]+)==(\S+)$", read("binder/requirements.txt")))
    assert binder.items() <= pinned.items()
    declared = re.search(r"(?s)\ndependencies = \[(.*?)\n\]", read("pyproject.toml"))[1]
    assert set(binder) == set(re.findall(r'"([\w-]+)>=', declared))


def test_binder_scripts_can_be_run():
    for name in ("postBuild", "start"):
        assert read(f"binder/{name}").startswith("#!/usr/bin/env bash\n")
        assert (ROOT / "binder" / name).stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["test.yml", "publish.yml"])
def test_actions_are_pinned_by_commit(name):
    text = read(f".github/workflows/{name}")
    assert yaml.safe_load(text)["jobs"]
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in used)


def test_the_lock_holds_what_the_site_asks_for_and_no_download_address():
    wanted, lock = json.loads(read("package.json")), json.loads(read("package-lock.json"))
    assert '"resolved"' not in read("package-lock.json")
    for group in ("dependencies", "devDependencies"):
        assert lock["packages"][""][group] == wanted[group]


def test_every_target_of_make_is_explained():
    makefile = read("Makefile")
    named = set(re.search(r"(?m)^\.PHONY: (.*)$", makefile)[1].split()) - {"help", "setup"}
    assert set(re.findall(r'@echo "make (\w+)', makefile)) == named


def test_the_table_of_contents_names_every_page_and_no_other():
    toc = yaml.safe_load(read("_toc.yml"))
    named = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert len(named) == len(set(named))
    pages = [*(ROOT / "book").rglob("*.md"), *(ROOT / "book").rglob("*.ipynb")]
    pages = [page for page in pages if ".ipynb_checkpoints" not in page.parts]
    pages = [page for page in pages if page.name != "master.ipynb"]  # of the coursework
    assert set(named) == {page.relative_to(ROOT).with_suffix("").as_posix() for page in pages}


def test_the_picture_of_the_readme_is_the_front_page_s_and_small():
    cells = json.loads(read("book/index.ipynb"))["cells"]
    figure = next(cell for cell in cells if "figure" in cell["metadata"].get("mystnb", {}))
    alt = figure["metadata"]["mystnb"]["image"]["alt"]
    assert f'<img src="book/front.svg" width="620" alt="{alt}">' in read("README.md")
    assert len(read("book/front.svg")) < 60_000
    assert alt in read("book/front.svg"), "make picture"
