"""Which statements of a page its checks need: a backward slice over names.

A page is the list of its top-level statements. A check needs the statements that bind a name it
mentions, or change what the name holds, and what those need in turn. Where it is not clear whether
a statement matters, it is kept: what only draws, and what only figures use, falls away. Names are
resolved by position, as Python does: a function sees the value a name has when it is called.
"""

import ast
import re
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from effects import AXES, CODE, SURE, USED_UP, called, changed, makes, names, stored


@dataclass(frozen=True)
class Statement:
    """One top-level statement: what it binds, mentions and changes, by name.

    `inside` are the global names that the body of a function changes when it is called, `spoils`
    says that it may change its arguments, and `always` that it may change the state of a library.
    """

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]
    changes: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()
    spoils: bool = False
    surely: bool = True
    always: bool = False


class Page(list[Statement]):
    """The statements of a page, and for each name those that bind or change it, in order."""

    def __init__(self, page: Iterable[Statement]) -> None:
        page, self.writers, self._reach = list(page), defaultdict(list), {}
        own = frozenset().union(
            *(one.binds | one.inside for one in page)
        )  # the others are Python's
        super().__init__(replace(one, uses=one.uses & own) for one in page)
        for i, one in enumerate(self):
            for name in one.binds | one.changes:
                self.writers[name].append(i)

    def change(self, i: int, changes: set[str]) -> None:
        """Say that statement i changes these names too."""
        for name in changes - self[i].changes - self[i].binds:
            insort(self.writers[name], i)
        self[i] = replace(self[i], changes=self[i].changes | changes)

    def sources(self, name: str, i: int) -> Iterator[int]:
        """Yield the statements before i that give `name` its value there, the last one first."""
        for j in reversed(self.writers[name]):
            if j < i:
                yield j
                if self[j].surely and name in self[j].binds:
                    return

    def reach(self, i: int) -> frozenset[int]:
        """Return the statements that statement i needs, and i."""
        if i not in self._reach:
            names, found = list(self[i].uses), {}
            for name in names:  # it grows
                for j in self.sources(name, i):
                    # what it was made of, and what a function in it finds when it is called later
                    found[j] = self.reach(j)
                    names += self[j].uses.difference(names)
            self._reach[i] = frozenset([i]).union(*found.values())
        return self._reach[i]


def split(sources: Iterable[str]) -> list[tuple[int, ast.stmt]]:
    """Return the statements of the code cells of a page, each with the number of its cell."""
    cells = enumerate((re.sub(r"(?m)^[%!].*$", "", source) for source in sources), start=1)
    return [(cell, node) for cell, source in cells for node in ast.parse(source).body]


def statements(sources: Iterable[str]) -> Page:
    """Return the statements of a page from the sources of its code cells, with their names."""
    page, imported, checks = [], set(), set()
    for cell, node in split(sources):
        code = isinstance(node, CODE)
        binds, uses = names(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= binds
        if isinstance(node, ast.Assign) and "Check" in called(node):
            checks |= binds
        changes, spoils = changed(node, imported, checks)
        inside = (changes & uses) | (binds - {node.name}) if code else set()
        if code:
            binds, changes = {node.name}, set()
        else:  # a check remembers what it saw, for its rejects
            binds |= {f"{name}()" for name in called(node)}
            uses |= {f"{name}()" for name in called(node, "rejects")}
        now = changes & (uses | binds) - imported
        sets = (frozenset(one) for one in (binds, uses, now, inside))
        surely = isinstance(node, SURE) or (isinstance(node, ast.Expr) and bool(binds))
        always = bool(changes & imported) and not isinstance(node, ast.AugAssign)
        page.append(Statement(cell, node, *sets, spoils, surely, always))
    return _with_what_calls_change(page, imported)


def needed(page: Page, wanted: Iterable[int]) -> set[int]:
    """Return the indices of the statements that those at the indices `wanted` need, and these."""
    always = (i for i, statement in enumerate(page) if statement.always)
    return set().union(*(page.reach(i) for i in (*wanted, *always)))


def asking(page: Page) -> set[int]:
    """Return the indices of the statements that may call a check, or a solution for any data."""
    found = set()
    for i, statement in enumerate(page):
        nodes = list(ast.walk(statement.node))
        checks = "Check" in statement.uses or any(
            j in found for name in statement.uses for j in page.sources(name, i)
        )
        solves = "solution" in statement.uses and any(
            isinstance(node, ast.keyword) and node.arg in ("any_data", None) for node in nodes
        )
        if checks or solves or any(isinstance(node, ast.Assert | ast.Raise) for node in nodes):
            found.add(i)
    return found


def _used_up(page: list[Statement]) -> set[str]:
    """Return the names of what every use changes: generators, iterators, the page's own objects."""
    stateful = ast.Yield | ast.YieldFrom | ast.Nonlocal | ast.ClassDef
    own = {
        one.node.name
        for one in page
        if isinstance(one.node, CODE) and any(isinstance(x, stateful) for x in ast.walk(one.node))
    }
    makers, found = "|".join([USED_UP, *(rf"^{name}$" for name in own)]), set()
    for node in (one.node for one in page if isinstance(one.node, ast.Assign)):
        pairs = [(target, node.value) for target in node.targets]
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs += zip(target.elts, value.elts, strict=False)
                continue
            ones = getattr(value, "elts", [getattr(value, "elt", value)])
            if isinstance(value, ast.GeneratorExp) or any(makes(one, makers) for one in ones):
                found |= stored(target)
    return found


def _with_what_calls_change(page: list[Statement], imported: set[str]) -> Page:
    """Return the page with what each statement changes by what it calls, and by other names."""
    whole, used_up = Page(page), _used_up(page)
    functions = {i: one for i, one in enumerate(page) if isinstance(one.node, CODE)}
    for i, one in enumerate(page):
        if i in functions:
            continue
        reached = [functions[j] for j in whole.reach(i) & functions.keys()]
        changes = set(one.changes).union(*(other.inside for other in reached))
        changes |= used_up & one.uses.union(*(other.uses for other in reached))
        if one.spoils or any(other.spoils for other in reached):
            changes |= one.uses
        todo = list(changes - AXES)
        for name in todo:  # another name may hold the same object, or a part of it
            makers = [page[j] for j in whole.sources(name, i) if j not in functions]
            makers += [one] if name in one.binds else []
            others = set().union(*(maker.uses for maker in makers)) - changes - AXES
            todo += others
            changes |= others
        changes -= imported | {name for name in changes if name.endswith("()")}
        whole.change(i, changes)
    return whole
