"""What a function of a module was asked for, by parameter; and another answer in its place."""

import inspect

from ibias.flow.estimate import Apart


def replaced(monkeypatch, module, name, answer):
    """Let answer(arguments, call) stand for that function; call() is what it returned before."""
    true = getattr(module, name)
    signature = inspect.signature(true)

    def spy(*arguments, **options):
        bound = signature.bind(*arguments, **options)
        bound.apply_defaults()
        return answer(bound.arguments, lambda: true(*arguments, **options))

    monkeypatch.setattr(module, name, spy)


def calls(monkeypatch, module, name):
    """Return the list of the arguments and the result of every call."""
    seen = []

    def noted(asked, call):
        seen.append((asked, call()))
        return seen[-1][1]

    replaced(monkeypatch, module, name, noted)
    return seen


def arguments(monkeypatch, module, name):
    """Return the list of the arguments of every call."""
    seen = []

    def noted(asked, call):
        found = call()
        seen.append(asked)
        return found

    replaced(monkeypatch, module, name, noted)
    return seen


def apart_once(monkeypatch, module):
    """Let the first two runs that are compared in that module be apart."""
    compared = 0

    def answer(_, call):
        nonlocal compared
        compared += 1
        if compared == 1:
            raise Apart("apart")
        return call()

    replaced(monkeypatch, module, "compared", answer)
