"""Truth without rounding: small problems in fractions, by trying every set of samples."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import chain, combinations, product
from math import isqrt

import numpy as np

Vector = list[Fraction]
Matrix = list[Vector]
NEWTON_STEPS = 500


def fractions(A: np.ndarray) -> list:
    """The entries of an array as they are."""
    return [fractions(row) for row in A] if A.ndim > 1 else [Fraction(float(x)) for x in A]


def dot(a: Sequence, b: Sequence) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction())


def combined(weights: Sequence, rows: Matrix) -> Vector:
    """sum_i weights_i rows_i."""
    return [dot(weights, column) for column in zip(*rows, strict=True)]


def solve(A: Matrix, b: Vector) -> Vector | None:
    """The solution of a square system, or None where it has none or many."""
    n = len(A)
    rows = [[*row, right] for row, right in zip(A, b, strict=True)]
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k][i] != 0), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(n):
            if k != i and rows[k][i] != 0:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def orthogonal(rows: Matrix, targets: Vector) -> list[tuple[int, Vector, Fraction]]:
    """Orthogonal rows with the same solutions of <row, w> = target, and which rows they are of."""
    found: list[tuple[int, Vector, Fraction]] = []
    for i, (row, target) in enumerate(zip(rows, targets, strict=True)):
        for _, other, its in found:
            part = dot(row, other) / dot(other, other)
            row = [a - part * b for a, b in zip(row, other, strict=True)]
            target -= part * its
        if any(row):
            found.append((i, row, target))
        else:
            assert target == 0, "the equations contradict each other"
    return found


def independent(rows: Matrix) -> list[int]:
    """Indices of rows that span all of them, the first ones first."""
    return [i for i, _, _ in orthogonal(rows, [Fraction()] * len(rows))]


def sets(n: int) -> Iterator[tuple[int, ...]]:
    """All sets of numbers below n, the small ones first."""
    return chain.from_iterable(combinations(range(n), k) for k in range(1, n + 1))


def never_separated(Z: Matrix) -> set[int]:
    """The samples that a positive combination which meets zero contains: by its smallest ones."""
    rest: set[int] = set()
    for chosen in sets(len(Z)):
        rows = [Z[i] for i in chosen]
        spanning = independent(rows)
        if len(spanning) != len(rows) - 1:
            continue
        # The one relation, with the weight of a dependent row set to one.
        (last,) = set(range(len(rows))) - set(spanning)
        some = [rows[i] for i in spanning]
        gram = [[dot(a, b) for b in some] for a in some]
        weights = solve(gram, [-dot(a, rows[last]) for a in some])
        if all(w > 0 for w in weights):
            rest |= set(chosen)
    return rest


def nearest_of_hull(Z: Matrix) -> Vector:
    """The point of the convex hull of the rows that is nearest to zero: w of margin one, scaled."""
    for chosen in sets(len(Z)):
        rows = [Z[i] for i in chosen]
        gram = [[dot(a, b) for b in rows] + [Fraction(1)] for a in rows]
        system = [*gram, [Fraction(1)] * len(rows) + [Fraction()]]
        found = solve(system, [Fraction()] * len(rows) + [Fraction(1)])
        if found is None or any(w < 0 for w in found[:-1]):
            continue
        x = combined(found[:-1], rows)
        if all(dot(z, x) >= dot(x, x) for z in Z):
            return x
    raise AssertionError("a convex hull has a nearest point")


def projection(rows: Matrix, targets: Vector, start: Vector) -> Vector:
    """The point with rows w = targets that is nearest to `start`; the equations agree."""
    w = start
    for _, row, lacking in orthogonal(
        rows, [target - dot(row, start) for row, target in zip(rows, targets, strict=True)]
    ):
        part = lacking / dot(row, row)
        w = [a + part * b for a, b in zip(w, row, strict=True)]
    return w


def least_norm(X: np.ndarray, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The shortest w - start with X w = y, rounded once."""
    start = fractions(start)
    w = projection(fractions(X), fractions(y), start)
    return np.array([float(a - b) for a, b in zip(w, start, strict=True)])


def orthonormal(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows and targets with the same solutions, rounded once."""
    found = orthogonal(fractions(X), fractions(y))
    lengths = [_root(dot(row, row)) for _, row, _ in found]
    unit = [[float(a / r) for a in row] for (_, row, _), r in zip(found, lengths, strict=True)]
    targets = [float(target / r) for (_, _, target), r in zip(found, lengths, strict=True)]
    return np.array(unit), np.array(targets)


def _root(square: Fraction) -> Fraction:
    """The square root to thirty digits or more."""
    digits = 10**30 * square.denominator
    return Fraction(isqrt(square.numerator * square.denominator * 10**60), digits)


def nearest_separator(Z: Matrix, start: Vector) -> Vector:
    """The point with every <z_i, w> >= 1 that is nearest to `start`."""
    for chosen in [(), *sets(len(Z))]:
        rows = [Z[i] for i in chosen]
        gram = [[dot(a, b) for b in rows] for a in rows]
        weights = solve(gram, [1 - dot(a, start) for a in rows])
        if weights is None or any(w < 0 for w in weights):
            continue
        move = combined(weights, rows) if rows else [Fraction()] * len(start)
        w = [a + b for a, b in zip(start, move, strict=True)]
        if all(dot(z, w) >= 1 for z in Z):
            return w
    raise AssertionError("no point separates")


def logistic_weights(Z: Matrix, digits: int = 80) -> list[Decimal]:
    """The slopes sigma(-<z_i, w>) at the minimum of the logistic risk, relative to their sum.

    By Newton's method with halved steps; no part of the samples can be separated.
    """
    columns = independent([list(column) for column in zip(*Z, strict=True)])
    with localcontext(prec=digits, Emax=10**12, Emin=-(10**12)):
        one = Decimal(1)
        rows = [[Decimal(z[j].numerator) / Decimal(z[j].denominator) for j in columns] for z in Z]
        w = [Decimal()] * len(columns)

        def product(a: list[Decimal], b: list[Decimal]) -> Decimal:
            return sum((x * y for x, y in zip(a, b, strict=True)), Decimal())

        def slopes() -> list[Decimal]:
            return [one / (one + product(z, w).exp()) for z in rows]

        def risk(w: list[Decimal]) -> Decimal:
            return sum((one + (-product(z, w)).exp()).ln() for z in rows)

        for _ in range(NEWTON_STEPS):
            slope = slopes()
            weighted = [[s * (one - s) * x for x in z] for s, z in zip(slope, rows, strict=True)]
            curvature = [
                [product(a, b) for b in zip(*rows, strict=True)]
                for a in zip(*weighted, strict=True)
            ]
            step = solve(curvature, [product(slope, column) for column in zip(*rows, strict=True)])
            part, now = one, risk(w)
            while part > Decimal(10) ** -digits:
                new = [x + part * y for x, y in zip(w, step, strict=True)]
                if risk(new) <= now:
                    break
                part /= 2
            w = new if step else w
            size = max([one, *(abs(x) for x in w)])
            if all(abs(y) <= size * Decimal(10) ** (-digits // 2) for y in step):
                break
        slope = slopes()
        return [s / sum(slope) for s in slope]


def hinge(Z: Matrix, penalty: float) -> tuple[Fraction, Vector]:
    """The least mean_i max(0, 1 - <z_i, w>) + penalty ||w||^2 / 2, and its w: by who is where."""
    penalty = Fraction(penalty)
    cap = 1 / (penalty * len(Z))
    for places in product((0, 1, 2), repeat=len(Z)):
        on = [i for i, place in enumerate(places) if place == 1]
        if len(independent([Z[i] for i in on])) < len(on):
            continue
        w = combined([cap if place == 2 else Fraction() for place in places], Z)
        gram = [[dot(Z[i], Z[j]) for j in on] for i in on]
        b = solve(gram, [1 - dot(Z[i], w) for i in on])
        if any(not 0 <= x <= cap for x in b):
            continue
        pull = combined(b, [Z[i] for i in on]) if on else [Fraction()] * len(w)
        w = [x + y for x, y in zip(w, pull, strict=True)]
        short = [1 - dot(z, w) for z in Z]
        in_place = {0: lambda s: s <= 0, 1: lambda s: True, 2: lambda s: s >= 0}
        if all(in_place[place](s) for place, s in zip(places, short, strict=True)):
            loss = sum((max(s, Fraction()) for s in short), Fraction()) / len(Z)
            return loss + penalty / 2 * dot(w, w), w
    raise AssertionError("the minimum has some places")


def lasso(X: Matrix, y: Vector, bound: Fraction) -> Vector:
    """The minimiser of ||X w - y||^2 / 2 + bound ||w||_1, by trying every set of signs."""
    columns = [list(column) for column in zip(*X, strict=True)]
    for chosen in chain([()], sets(len(columns))):
        used = [columns[j] for j in chosen]
        gram = [[dot(a, b) for b in used] for a in used]
        for signs in product((1, -1), repeat=len(chosen)):
            pulls = [dot(a, y) - bound * sign for a, sign in zip(used, signs, strict=True)]
            found = solve(gram, pulls)
            if found is None or any(x * sign < 0 for x, sign in zip(found, signs, strict=True)):
                continue
            left = [b - a for a, b in zip(combined(found, used), y, strict=True)] if used else y
            if all(abs(dot(column, left)) <= bound for column in columns):
                w = dict(zip(chosen, found, strict=True))
                return [w.get(j, Fraction()) for j in range(len(columns))]
    raise AssertionError("some set of signs fits")


def game(C: Matrix) -> tuple[Fraction, Vector]:
    """max over convex a of min_i <c_i, a>, and dual variables: by trying every pair of sets."""
    n, k = len(C), len(C[0])
    for rows in sets(n):
        for columns in combinations(range(k), len(rows)):
            part = [[C[i][j] for j in columns] for i in rows]
            a, p = (_even(M) for M in (part, [list(column) for column in zip(*part, strict=True)]))
            if a is None or p is None or min(*a[:-1], *p[:-1], 0) < 0:
                continue
            weights = dict(zip(rows, p, strict=False))
            convex = dict(zip(columns, a, strict=False))
            p = [weights.get(i, Fraction()) for i in range(n)]
            lowest = min(dot(row, [convex.get(j, Fraction()) for j in range(k)]) for row in C)
            if lowest >= a[-1] >= max(combined(p, C)):
                return a[-1], p
    raise AssertionError("every game has a value")


def _even(M: Matrix) -> Vector | None:
    """The convex weights at which all rows of a square M have one height, and that height."""
    rows = [[*row, Fraction(-1)] for row in M]
    return solve([*rows, [Fraction(1)] * len(M) + [Fraction()]], [Fraction()] * len(M) + [1])


def waking_weights(Z: Matrix, until: Fraction) -> list[tuple] | None:
    """Events of the path from a vanishing start: x, the slopes, the margin, how many are awake.

    None where the first weight does not separate the data alone.
    """
    n, d = len(Z), len(Z[0])
    first = combined([Fraction(1, n)] * n, Z)
    j = max(range(d), key=lambda j: abs(first[j]))
    if min(z[j] * first[j] for z in Z) <= 0:
        return None
    M, awake, x, events = [slope / abs(first[j]) for slope in first], [j], Fraction(), []
    while True:
        signs = [1 if M[j] > 0 else -1 for j in awake]
        margin, p = game([[z[j] * s for j, s in zip(awake, signs, strict=True)] for z in Z])
        slopes = [slope / margin for slope in combined(p, Z)]
        awake = [j for j, s in zip(awake, signs, strict=True) if slopes[j] * s == 1]
        events.append((x, slopes, margin, len(awake)))
        waits = {}
        for j in set(range(d)) - set(awake):
            if abs(slopes[j]) > 1:
                inwards = M[j] * slopes[j] < 0
                below = 1 + x - abs(M[j]) + (2 * abs(M[j]) if inwards else 0)
                waits[j] = below / (abs(slopes[j]) - 1)
        if not waits or x + min(waits.values()) > until:
            return events
        j = min(waits, key=waits.get)
        M, x = [m + waits[j] * slope for m, slope in zip(M, slopes, strict=True)], x + waits[j]
        awake.append(j)
