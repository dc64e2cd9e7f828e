"""How long evidence is kept, and what is under legal hold: administrators see and set it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from affidavit.errors import UsageError
from affidavit.model.numbers import whole
from affidavit.operations import holds, looking, retention
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.holds import Hold

OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the settings may change these."""
MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long the evidence of one assessment is kept."""

    assessment_id: str
    name: str
    """Empty where the assessment was deleted."""
    days: int
    """0: for ever."""
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept and held in a tenant."""

    usual: int
    """Days of assessments without a rule of their own; 0: for ever."""
    assessments: Sequence[Kept]
    holds: Sequence[Hold]


def keeping(context: Context, caller: Caller) -> Keeping:
    """Return the rules and holds of the caller's tenant."""
    looking.require(context, caller, OPERATION)
    store, default = context.store, context.settings.retention_days
    found = holds.every(store, caller.tenant)
    names = {one.id: one.name for one in store.assessments(caller.tenant)}
    rules = retention.rules(store, caller.tenant, default)
    return Keeping(
        usual=retention.usual(store, caller.tenant, default),
        assessments=[
            Kept(
                assessment_id=one,
                name=names.get(one, ""),
                days=days,
                held=any(hold.covers(one) for hold in found),
            )
            for one, days in rules.items()
        ],
        holds=found,
    )


def keep_for(context: Context, caller: Caller, assessment_id: str, days: str, *, by: str) -> None:
    """Keep evidence for so many days (0: for ever), of an assessment or of all without a rule."""
    looking.require(context, caller, OPERATION)
    number = whole(days, MOST_DAYS)
    if number is None:
        raise UsageError(
            f"{days!r} is no number of days", todo=f"Give 0 (for ever) to {MOST_DAYS}."
        )
    retention.keep_rule(context.store, caller.tenant, assessment_id, days=number, by=by)


def hold(context: Context, caller: Caller, assessment_id: str, why: str, *, by: str) -> None:
    """Set a legal hold on an assessment, or on everything."""
    looking.require(context, caller, OPERATION)
    holds.place(context.store, caller.tenant, assessment_id, why=_reason(why), by=by)


def lift(context: Context, caller: Caller, assessment_id: str, why: str, *, by: str) -> None:
    """Lift a legal hold."""
    looking.require(context, caller, OPERATION)
    holds.lift(context.store, caller.tenant, assessment_id, why=_reason(why), by=by)


def _reason(why: str) -> str:
    if not why:
        raise UsageError("There is no reason", why="It stands in the ledger with the hold.")
    return why[:1_000]
