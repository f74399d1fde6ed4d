"""A book of one page, to look at while it is written.

The page looks as on the site, but links to other pages lead nowhere: those that it needs are
there by their names alone.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from build import RUN
from nbformat import NotebookNode
from running import ROOT, Cost, keep, kept

SHARED = ("book/_assets", "book/_ext", "book/_templates")
WHERE = ROOT / "_build" / "preview"
LOG = WHERE / "log.txt"
FILES = ("_config.yml", "book/references.bib", "book/references.md")


def needed(notebook: NotebookNode) -> list[str]:
    """Return the pages that the page says it needs."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    said = re.search(r"(?m)^:needs: (.+)$", text)
    return [f"book/{name.strip()}" for name in said[1].split(",")] if said else []


def preview(path: Path, notebook: NotebookNode, taken: Cost) -> Path | None:
    """Build the page with the outputs of an executed notebook; return where it is, or None."""
    name, source = path.relative_to(ROOT), WHERE
    shutil.rmtree(source, ignore_errors=True)
    for shared in SHARED:
        shutil.copytree(ROOT / shared, source / shared)
    for file in FILES:
        shutil.copy(ROOT / file, source / file)
    (source / "node_modules").symlink_to(ROOT / "node_modules")
    pages = [*needed(notebook), "book/perspective/claims"]
    for page in pages:
        stub = source / f"{page}.md"
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"# {page}\n", encoding="utf-8")
    chapters = [{"file": page} for page in [*pages, "book/references"]]
    toc = {"format": "jb-book", "root": name.with_suffix("").as_posix(), "chapters": chapters}
    (source / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, source / name)
    keep(kept(source), source / name, notebook, taken)
    command = [sys.executable, "-c", RUN, "build", str(source)]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    LOG.write_text(done.stdout + done.stderr, encoding="utf-8")
    built = source / "_build" / "html" / name.with_suffix(".html")
    return None if done.returncode or not built.exists() else built
