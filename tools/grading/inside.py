"""What functions and classes hold inside: their code, their methods; and how that is put back.

A function can be made another one while its name keeps it, by its code or its defaults; a class by
its methods.
"""

import functools
import types
from collections.abc import Iterator

MISSING = object()
INSIDE = ("__code__", "__defaults__", "__kwdefaults__")
METHODS = (types.FunctionType, property, classmethod, staticmethod, functools.cached_property)


class Functions:
    """The code and the defaults of functions."""

    def __init__(self) -> None:
        self.known: dict[types.FunctionType, tuple[str, list]] = {}

    def keep(self, place: str, values: dict[str, object]) -> None:
        """Note what the functions of a module hold."""
        for name, value in values.items():
            for function in functions(value):
                self.known.setdefault(function, (f"{place}.{name}", _inside(function)))

    def put_back(self) -> list[str]:
        """Put it back; return the names of those that had been changed."""
        changed = []
        for function, (name, known) in self.known.items():
            for attribute, (value, content) in zip(INSIDE, known, strict=True):
                now = getattr(function, attribute)
                if now is not value or (isinstance(value, dict) and now != content):
                    if isinstance(value, dict):
                        value.clear()
                        value.update(content)
                    setattr(function, attribute, value)
                    changed.append(name)
        return list(dict.fromkeys(changed))


class Classes:
    """The methods of classes that are written in Python."""

    def __init__(self) -> None:
        self.known: dict[type, tuple[str, dict[str, object]]] = {}
        self.inside = Functions()

    def keep(self, place: str, values: dict[str, object]) -> None:
        """Note the methods of the classes of a module, where they are defined."""
        for name, value in values.items():
            if isinstance(value, type) and value.__module__ == place and value not in self.known:
                self.known[value] = f"{place}.{name}", _methods(value)
                self.inside.keep(f"{place}.{name}", _methods(value))

    def put_back(self) -> list[str]:
        """Put them back; return the names of those that had been changed, or are new."""
        changed = self.inside.put_back()
        for owner, (place, known) in self.known.items():
            now = _methods(owner)
            for name, value in known.items():
                if now.get(name, MISSING) is not value:
                    setattr(owner, name, value)
                    changed.append(f"{place}.{name}")
            for name in now.keys() - known.keys():
                delattr(owner, name)
                changed.append(f"{place}.{name}")
        return changed


def functions(value: object) -> Iterator[types.FunctionType]:
    """Yield a function and those that it wraps, also one of numpy, or behind a method."""
    seen = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, types.FunctionType):
            yield one
            waiting += [vars(one)["__wrapped__"]] if "__wrapped__" in vars(one) else []
        elif isinstance(one, property):
            waiting += [one.fget, one.fset]
        elif isinstance(one, classmethod | staticmethod):
            waiting.append(one.__func__)
        elif isinstance(one, functools.cached_property):
            waiting.append(one.func)
        elif not isinstance(one, type | types.ModuleType):
            hidden = getattr(type(one), "_implementation", None)  # of numpy's dispatchers
            waiting += [one._implementation] if hidden is not None else []


def _inside(function: types.FunctionType) -> list[tuple[object, object]]:
    values = [getattr(function, attribute) for attribute in INSIDE]
    return [(value, dict(value) if isinstance(value, dict) else value) for value in values]


def _methods(owner: type) -> dict[str, object]:
    return {k: v for k, v in vars(owner).items() if isinstance(v, METHODS)}
