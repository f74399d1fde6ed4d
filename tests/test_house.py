"""What stands in more than one file of the repository agrees."""

import ast
import doctest
import itertools
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
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


# torch is an oracle of some tests where it is installed; they say when they are skipped.
OPTIONAL = {"torch"}


def test_every_library_that_the_house_imports_is_pinned():
    """What is installed because another library asks for it may be gone, or another, tomorrow."""
    pinned = {name.lower() for name in re.findall(r"(?m)^([\w-]+)==", read("requirements.txt"))}
    installed = packages_distributions()
    folders = ("ibias", "tests", "tools", "book/_ext")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    own = {path.stem for path in files} | {"ibias"} | {path.parent.name for path in files}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for top in {name.partition(".")[0] for name in names}:
                if top not in sys.stdlib_module_names and top not in own | OPTIONAL:
                    named = {name.lower() for name in installed.get(top, [top])}
                    assert named & pinned, f"{path.relative_to(ROOT)} imports {top}"


def test_binder_scripts_can_be_run():
    for name in ("postBuild", "start"):
        assert read(f"binder/{name}").startswith("#!/usr/bin/env bash\n")
        command = ["git", "ls-files", "--stage", f"binder/{name}"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert listed.stdout.startswith("100755"), "git update-index --chmod=+x"


@pytest.mark.parametrize("name", ["test.yml", "publish.yml", "release.yml"])
def test_actions_are_pinned_by_commit(name):
    text = read(f".github/workflows/{name}")
    assert yaml.safe_load(text)["jobs"]
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"(actions|pypa)/[\w-]+@[0-9a-f]{40}", action) for action in used)


def test_ci_covers_pythons_and_systems_and_the_newest_dependencies_once_a_week():
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    jobs, triggers = workflow["jobs"], workflow[True]  # YAML reads the key `on` as true
    matrix = jobs["unit"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert re.fullmatch(r"\d+ \d+ \* \* \d", triggers["schedule"][0]["cron"])
    weekly = {"all": False, "unit": False, "newest": True, "binder": True, "links": True}
    weekly |= {"seeds": True, "processors": True}
    for name, scheduled in weekly.items():
        assert jobs[name]["if"] == f"github.event_name {'==' if scheduled else '!='} 'schedule'"
    assert "--upgrade" in str(jobs["newest"]["steps"])
    for name in ("binder", "links"):
        assert jobs[name]["steps"][-1] == {"run": f"make {name}"}
    assert jobs["seeds"]["steps"][-1] == {"run": "make seeds SEEDS=2001-2010"}
    assert set(jobs) == set(weekly)


def test_a_page_runs_in_a_browser_before_the_site_is_published_and_every_page_after_it():
    jobs = yaml.safe_load(read(".github/workflows/publish.yml"))["jobs"]
    runs = {name: [step.get("run") for step in job["steps"]] for name, job in jobs.items()}
    publish = runs["publish"]
    order = [publish.index(step) for step in ("make lite", "make live")]
    shown = next(n for n, step in enumerate(publish) if step and step.startswith("make pdf"))
    uses = [str(step.get("uses", "")) for step in jobs["publish"]["steps"]]
    deployed = next(n for n, action in enumerate(uses) if action.startswith("actions/deploy-pages"))
    assert order == sorted(order) and max(*order, shown) < deployed
    assert jobs["live"]["needs"] == "publish"
    assert runs["live"][-2:] == ["make lite", "make live PATHS=book"]


@pytest.mark.parametrize("name", ["test.yml", "publish.yml", "release.yml"])
def test_each_step_of_a_workflow_runs_what_is_there(name):
    targets = set(re.findall(r"(?m)^\.PHONY: (\w+)$", read("Makefile")))
    for job in yaml.safe_load(read(f".github/workflows/{name}"))["jobs"].values():
        for step in job["steps"]:
            words = str(step.get("run", "")).replace("=", " ").split()
            assert "apt-get" not in words, "the runner's Ubuntu has no package of Chromium"
            made = [after for word, after in itertools.pairwise(words) if word == "make"]
            assert set(made) <= targets
            paths = [w for w in words if re.fullmatch(r"\.?[\w.]+/[\w./]+", w)]
            for path in paths:
                assert path.startswith(("_build/", ".venv/")) or (ROOT / path).exists(), path


def test_what_runs_before_a_push_is_what_ci_runs():
    (group,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    pushed = [h["entry"] for h in group["hooks"] if h.get("stages") == ["pre-push"]]
    assert pushed == ["make test"]
    assert read(".ci/run").splitlines()[-1] == "make test"
    assert yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["all"]["steps"][-1] == {
        "run": ".ci/run"
    }
    targets = set(re.findall(r"(?m)^\.PHONY: (\w+)$", read("Makefile")))
    for hook in group["hooks"]:
        assert hook["entry"].split()[0] == "make" and hook["entry"].split()[1] in targets


def test_the_lock_holds_what_the_site_asks_for_and_no_download_address():
    wanted, lock = json.loads(read("package.json")), json.loads(read("package-lock.json"))
    assert '"resolved"' not in read("package-lock.json")
    for group in ("dependencies", "devDependencies"):
        assert lock["packages"][""][group] == wanted[group]


def test_every_target_of_make_is_explained():
    makefile = read("Makefile")
    named = set(re.findall(r"(?m)^\.PHONY: (\w+)$", makefile)) - {"help", "setup"}
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


def test_the_first_screen_of_the_readme():
    """One sentence, three links, one picture, a tested example of six lines with its output."""
    title, sentence, links, picture, question, example = re.split(
        r"\n\n+", read("README.md").split("\n\n## ")[0].strip(), maxsplit=5
    )
    assert title.startswith("# ") and "\n" not in title
    assert sentence.count(".") == 1 and sentence.endswith(".")
    assert re.findall(r"\[(\w+) it\]", links) == ["Read", "Run", "Change"]
    assert picture.startswith("<img ") and len(question.split()) < 50
    (block,) = re.fullmatch(r"```python\n(.*)```", example, re.DOTALL).groups()
    statements = doctest.DocTestParser().get_examples(block)
    assert sum(len(statement.source.splitlines()) for statement in statements) == 6
    assert statements[-1].want


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", ".github/pull_request_template.md"]
)
def test_links_within_the_repository_lead_somewhere(name):
    linked = re.findall(r'\]\(([^)#]+)\)|<img src="([^"]+)"', read(name))
    for target in map("".join, linked):
        assert target.startswith("https://") or (ROOT / name).parent.joinpath(target).exists()


def test_the_citation_names_what_the_package_says_of_itself():
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert str(citation["version"]) == project["version"]
    assert " AND ".join(citation["license"]) == project["license"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    assert citation["title"].startswith(yaml.safe_load(read("_config.yml"))["title"])


def test_a_report_asks_for_what_is_needed():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"):
        _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
        assert {"name", "about"} <= set(yaml.safe_load(head)), path.name
        assert body.count("**") >= 6, path.name
    assert read(".github/pull_request_template.md").count("- [ ]") >= 3
