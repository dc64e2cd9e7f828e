"""Errors: what, why, what to do; and the drawn tree is the real tree."""

import inspect
import re

from affidavit import errors


def test_diagnostics_have_what_why_and_what_to_do() -> None:
    """The text for a person has a line for each part that is there."""
    error = errors.UsageError("It broke", why="no space", todo="free some")
    assert str(error) == "It broke\nWhy: no space\nWhat to do: free some"
    assert str(errors.AffidavitError("It broke")) == "It broke"


def test_the_drawn_tree_is_the_real_tree() -> None:
    """The tree in the module's docstring names every class under its own parent."""
    parents: list[str] = []
    drawn: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    (\|?[ |`-]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            drawn[match[2]] = parents[depth - 1] if depth else "Exception"
    real = {
        name: cls.__base__.__name__
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, Exception) and cls.__base__
    }
    assert drawn == real


def test_exit_codes_are_the_documented_ones() -> None:
    """Usage is 2, what could not be collected or stored is 3, everything else 1."""
    assert errors.SettingsError.exit_code == 2
    assert errors.CredentialsError.exit_code == 3
    assert errors.StoreFullError.exit_code == 3
    assert errors.LedgerError.exit_code == 1
