"""What a function of a module was asked for, by parameter, while it works as before."""

import inspect


def noted(monkeypatch, module, name, note):
    """Call note(arguments, result) after every call of that function."""
    true = getattr(module, name)
    signature = inspect.signature(true)

    def spy(*arguments, **options):
        bound = signature.bind(*arguments, **options)
        bound.apply_defaults()
        found = true(*arguments, **options)
        note(bound.arguments, found)
        return found

    monkeypatch.setattr(module, name, spy)


def calls(monkeypatch, module, name):
    """Return the list of the arguments and the result of every call."""
    seen = []
    noted(monkeypatch, module, name, lambda *one: seen.append(one))
    return seen


def arguments(monkeypatch, module, name):
    """Return the list of the arguments of every call."""
    seen = []
    noted(monkeypatch, module, name, lambda asked, _: seen.append(asked))
    return seen
