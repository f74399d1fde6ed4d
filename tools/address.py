"""The public address of the repository: it stands in _config.yml, and here is who repeats it.

Links, the buttons of the README, the citation, and the hidden first cell of each notebook repeat
it. `move.py` writes another one.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "_config.yml"
URL = re.compile(r"https://github\.com/(?P<owner>[\w-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?")
SUFFIXES = (".md", ".cff", ".toml", ".yml", ".ipynb", ".py")


def current() -> str:
    """Return the address that stands in _config.yml."""
    match = re.search(r"(?m)^repository:\n  url: (\S+)$", CONFIG.read_text(encoding="utf-8"))
    return match[1]


def forms(url: str) -> list[str]:
    """Return the forms in which the address occurs: repository, Binder and Colab, Pages."""
    match = URL.fullmatch(url)
    if not match:
        raise ValueError(f"give the address as https://github.com/OWNER/NAME; got {url!r}")
    owner, name = match["owner"], match["name"]
    repository = f"{owner}/{name}"
    hosts = ("github.com", "gh", "github")
    return [*(f"{host}/{repository}" for host in hosts), f"{owner.lower()}.github.io/{name}"]


def files() -> list[Path]:
    """Return the files that may hold the address."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in listed.splitlines() if line.endswith(SUFFIXES)]
    return [path for path in paths if path.exists()]


def rewrite(text: str, old: str, new: str) -> str:
    """Return `text` with every form of the old address replaced."""
    for before, after in zip(forms(old), forms(new), strict=True):
        text = re.sub(rf"(?<![\w-]){re.escape(before)}(?![\w-])", after, text)
    return text
