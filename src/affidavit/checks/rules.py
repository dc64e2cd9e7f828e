"""Rules: CEL compiled once, evaluated over r, acct, p and now, with one added function, days(n)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from affidavit.catalogue.cel_library import cel
from affidavit.errors import UsageError
from affidavit.model.catalogue import Check

EVALUATION_ERRORS = (
    KeyError,
    TypeError,
    IndexError,
    ValueError,
    RuntimeError,
    ArithmeticError,
)
"""What the CEL library raises when an expression cannot be evaluated on the values given."""


class RuleStoppedError(RuntimeError):
    """A rule of an owner's own was stopped: nothing is known of what it would have said."""


class Evaluator(Protocol):
    """What tells whether expressions hold: `Rules` here, or the same in a process with limits."""

    def holds(self, text: str, record: Mapping[str, Any] | None = None) -> bool:
        """Return whether `text` is true of `record`; raises one of `EVALUATION_ERRORS`."""


class Evaluators(Protocol):
    """Makes what evaluates over one account, set of parameters and time."""

    def __call__(
        self, acct: Mapping[str, Any], params: Mapping[str, Any], now: datetime
    ) -> Evaluator:
        """Return it."""


EXTRA_BUCKETS = "extra_buckets"
"""A parameter that every check takes: it widens the set of buckets, not the check itself."""


def days(count: float) -> timedelta:
    """Return `count` days as a duration: the only function that checks have besides CEL's own."""
    return timedelta(days=count)


@cache
def compiled(text: str) -> cel.Program:
    """Return the program of an expression, compiled once in the process; raises `ValueError`."""
    return cel.compile(text)


class Rules:
    """Evaluates expressions over one account, set of parameters and time, record by record."""

    def __init__(self, acct: Mapping[str, Any], params: Mapping[str, Any], now: datetime) -> None:
        values = {"acct": dict(acct), "p": dict(params), "now": now, "r": {}}
        self._context = cel.Context(values, {"days": days})
        self._record: Mapping[str, Any] | None = None

    def holds(self, text: str, record: Mapping[str, Any] | None = None) -> bool:
        """Return whether `text` is true of `record`; raises one of `EVALUATION_ERRORS`.

        Handing a record to CEL costs more than evaluating it, so the last one is kept.
        """
        if record is not self._record:
            self._context.add_variable("r", {} if record is None else dict(record))
            self._record = record
        value = compiled(text).execute(self._context)
        if not isinstance(value, bool):
            raise TypeError(f"the expression gave {type(value).__name__}, not true or false")
        return value


def effective_parameters(
    check: Check, source: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters in force: the check's, overridden by the source's, then the user's.

    Raises `UsageError` for a parameter of the user's that the check does not have or that is of
    another kind: a limit that is silently ignored would let a wrong verdict through.
    """
    merged = {**check.params, **source}
    for name, value in own.items():
        if name == EXTRA_BUCKETS:
            continue
        if name not in check.params:
            raise UsageError(
                f"The check {check.id} has no parameter {name}",
                why=f"It has {', '.join(sorted(check.params)) or 'none'}.",
                todo="Correct the name or remove it.",
            )
        merged[name] = _like(check, name, value)
    return merged


def _like(check: Check, name: str, value: Any) -> Any:
    default = check.params[name]
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if number and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if isinstance(default, float) else value
    if type(value) is not type(default):
        raise UsageError(
            f"The parameter {name} of the check {check.id} is {value!r}",
            why=f"Its default is {default!r}: the kinds differ.",
            todo="Give a value of the same kind.",
        )
    return value
