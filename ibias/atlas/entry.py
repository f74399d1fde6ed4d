"""An entry of the map: which settings it covers, what is selected there, and who says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ibias.atlas.measures import Measure
from ibias.atlas.setting import Setting

CERTAIN = 1e-9  # what is smaller is rounding, and differs between machines
CLAIMS = re.compile(r" ?\[((?:S00\d-\d+|B-[a-z0-9-]+)(?: (?:S00\d-\d+|B-[a-z0-9-]+))*)\]")
LETTERS = {
    r"\ell": "l", r"\gamma": "γ", r"\alpha": "α", r"\epsilon": "ε", r"\eta": "η", r"\theta": "θ",
    r"\beta": "β", r"\kappa": "κ", r"\rho": "ρ", r"\nu": "ν", r"\Phi": "Φ", r"\nabla": "∇",
    r"\sigma": "σ", r"\infty": "∞", r"\to": " → ", r"\pm": "±", r"\top": "T", r"\ge": " ≥ ",
    r"\ne": " ≠ ", r"\approx": " ≈ ", r"\int": "∫", r"\sum": "Σ", r"\log": "log ", r"\|": "‖",
    r"\lambda": "λ", r"\le": " ≤ ", r"\tanh": "tanh", r"\exp": "exp",
    r"\,": " ", r"\min": "min", r"\max": "max", r"\mathbb E": "E",
    r"\mathcal R": "R", r"\text": "", r"\mu": "μ",
}  # fmt: skip


def claims_in(text: str) -> tuple[str, ...]:
    """Return the ids of the claims that a text names in brackets."""
    return tuple(name for match in CLAIMS.finditer(text) for name in match[1].split())


def plain(text: str) -> str:
    r"""Return a text without its claims, its mathematics in plain letters.

    >>> plain(r"the $\ell_2$ maximum margin [S000-4 S000-6]")
    'the l_2 maximum margin'
    """

    def mathematics(match: re.Match) -> str:
        formula = re.sub(r"\\frac(\w)(\w)", r"\1/\2", match[1])
        for name in sorted(LETTERS, key=len, reverse=True):
            formula = formula.replace(name, LETTERS[name])
        return " ".join(formula.replace("{", "(").replace("}", ")").split())

    return re.sub(r"\$([^$]+)\$", mathematics, CLAIMS.sub("", text))


@dataclass(frozen=True)
class If:
    """A hypothesis in words, and where it can be checked the function that does so."""

    words: str
    check: Callable[[Setting], bool | None] | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """The optimum that is selected, by what it is measured, and its certificate.

    Attributes
    ----------
    weights : array
        Of the predictor; of a direction any positive multiple means the same.
    measure : Measure
    certificate : float or None
        The duality gap of the optimum, or its residual; None where it has a closed form.
    """

    weights: np.ndarray
    measure: Measure
    certificate: float | None


@dataclass(frozen=True)
class Case:
    """Some of the settings of an entry, with what is selected there.

    Attributes
    ----------
    covers : callable
        Says whether a setting is one of them.
    selected : str or callable
        What, in words, or the words for a setting; those of the entry if empty.
    reference : callable, optional
        Computes the reference optimum of a setting; without one, none is known as a vector.
    depends : bool
        Whether what is selected moves with the start or the step.
    hypotheses : tuple of If
        Beside those of the entry.
    aside : bool
        Whether the entry only adds to what another one says of the setting.
    """

    covers: Callable[[Setting], bool]
    selected: str | Callable[[Setting], str] = ""
    reference: Callable[[Setting], Reference | None] | None = None
    depends: bool = False
    hypotheses: tuple[If, ...] = ()
    aside: bool = False


@dataclass(frozen=True)
class Entry:
    """A row of the map. Texts are Markdown, with the claims that show them in brackets.

    Attributes
    ----------
    key : str
        Its name.
    model, method : str
        The setting in words: model and loss; method, steps, start, noise.
    selected : str
        What is selected.
    conditions : tuple of If or str
        Under which hypotheses; a str is a remark.
    rate : str
        How fast, how far.
    theorem : str
        The key of the theorem in the bibliography.
    cases : tuple of Case
        The settings of this package that it covers.
    beyond : str
        Why no call of this package is covered, where none is.
    """

    key: str
    model: str
    method: str
    selected: str
    conditions: tuple[If | str, ...]
    rate: str
    theorem: str
    cases: tuple[Case, ...] = ()
    beyond: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The five cells of its row, in Markdown."""
        said = (one if isinstance(one, str) else one.words for one in self.conditions)
        return self.model, self.method, self.selected, "; ".join(said), self.rate

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims of the ledger that show it, in the order of the row."""
        return tuple(dict.fromkeys(claims_in(" ".join(self.cells))))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the theory says is selected in one setting.

    Attributes
    ----------
    known : bool
        Whether an entry covers the setting.
    depends : bool
        Whether what is selected moves with the start or the step.
    selected : str
        What is selected, in words.
    reference : array or None
        The weights of the optimum.
    measure : Measure or None
        By which the optimum is measured: a margin, a norm, a direction, a point.
    certificate : float or None
        The duality gap of the optimum.
    hypotheses : dict of str to str
        Each with "holds", "violated" or "unchecked".
    rate, theorem : str
        How fast; the key of the theorem in the bibliography.
    claims : tuple of str
        The claims of the ledger that show it.
    entry : Entry or None
    others : tuple of Entry
        Further entries that speak of the setting.
    """

    known: bool = False
    depends: bool = False
    selected: str = "nothing is known: no entry of the atlas covers this setting"
    reference: np.ndarray | None = None
    measure: Measure | None = None
    certificate: float | None = None
    hypotheses: dict[str, str] = field(default_factory=dict)
    rate: str = ""
    theorem: str = ""
    claims: tuple[str, ...] = ()
    entry: Entry | None = None
    others: tuple[Entry, ...] = ()

    @property
    def violated(self) -> tuple[str, ...]:
        """The hypotheses that do not hold: then nothing is predicted."""
        return tuple(words for words, state in self.hypotheses.items() if state == "violated")

    def share(self, weights: ArrayLike) -> float:
        """Return how much of the predicted optimum some weights reach; 1 is all of it.

        Raises
        ------
        ValueError
            Where no optimum is known.
        """
        if self.measure is None:
            raise ValueError("no optimum is known in this setting: there is nothing to compare.")
        return self.measure.share(weights)

    def __repr__(self) -> str:
        if self.entry is None:
            return self.selected
        lines = {
            "setting": f"{plain(self.entry.model)} | {plain(self.entry.method)}",
            "selected": plain(self.selected)
            + (" (it moves with the start or the step)" if self.depends else ""),
            "measured": f"{self.measure}, certified to {max(self.certificate, CERTAIN):.0e}"
            if self.certificate is not None
            else str(self.measure or "no optimum is known as a vector"),
            "if": "; ".join(f"{plain(words)}: {state}" for words, state in self.hypotheses.items()),
            "how fast": plain(self.rate),
            "theorem": self.theorem,
            "claims": " ".join(self.claims),
            "see also": ", ".join(one.key for one in self.others),
        }
        return "\n".join(f"{name:9} {text}" for name, text in lines.items() if text)
