"""CONTRIBUTING.md adds a result from start to end; what it shows is run here."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from ibias.claims import Claim, entries, ledger

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SETUP = """
import numpy as np
from ibias import datasets, flow
from ibias.claims import Check
from ibias.descent import descent
data = datasets.separable(seed=0)
"""


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", TEXT)


@pytest.fixture
def entry():
    (block,) = blocks("yaml")
    (found,) = yaml.safe_load(block)
    return found


def test_the_entry_is_one(entry):
    known = {field.name for field in fields(Claim)}
    assert set(entry) <= known
    assert (ROOT / "book" / f"{entry['page']}.ipynb").exists()


def test_the_check_holds_and_its_control_and_the_wrong_theory_fail(entry, monkeypatch, capsys):
    claims = ledger() | {entry["id"]: Claim(**entry)}
    monkeypatch.setattr(entries, "ledger", lambda: claims)
    names = {}
    for block in [SETUP, *blocks("python")]:
        most = 40 if "class " in block else 20
        assert len(block.splitlines()) <= most, "longer than a method, or a cell, may be"
        exec(block, names)
    check, control, wrong = capsys.readouterr().out.splitlines()
    assert check.startswith("check   B-every-sample-twice | identity |") and "| holds |" in check
    assert control.startswith("control B-every-sample-twice") and "| fails: " in control
    assert f"| rejected: {entry['wrong']} |" in wrong


def test_every_command_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?m)^make (\w+)", TEXT):
        assert re.search(rf"(?m)^{target}:", makefile), target
    for path in re.findall(r"`((?:ibias|book|tools|tests|binder)/[\w./]*)`", TEXT):
        assert (ROOT / path).exists(), path
