"""Canaries set up by people: made, changed, paused, deleted, each by who answers for them.

A canary of an assessment is its audit owners' to change, and the account's administrators'; one
that keeps its runs nowhere else is the administrators'. Models cost money, so that nobody else may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from affidavit.operations import canaries, canary_budget, canary_views, looking, prompt_plans
from affidavit.operations.assessed import assessed, require_active
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.canaries import Canary, canary_of
from affidavit.operations.canary_budget import Budget
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, QuotaFault, ValidationFault
from affidavit.store.documents import Document

OPERATION: Final = prompt_plans.OPERATION
_ADMIN: Final = "UpdateSettings"
_FORM: Final = "new"
"""The console's address of the form: no canary can be called so."""
MOST: Final = 50
"""Canaries of a tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A canary as a form has it."""

    name: str
    every: str
    """As 15m, 1h or 1d."""
    least_rate: str
    """In percent."""
    prompts: prompt_plans.Wanted
    budget: Mapping[str, str] = field(default_factory=dict)
    """By the members of `canary_budget.MEMBERS`."""


def create(context: Context, caller: Caller, wanted: Wanted) -> Canary:
    """Keep a new canary, whose first run is due at once."""
    looking.require(context, caller, OPERATION)
    asked = wanted.prompts
    if wanted.name == _FORM:
        raise ValidationFault.of_members([("name", f"Member must not be {_FORM}")])
    planned = prompt_plans.plan(context, caller, asked)
    if len(context.store.documents.every(caller.tenant, canaries.KIND)) >= MOST:
        raise QuotaFault(f"There are {MOST} canaries already: delete one first.")
    canary = Canary(
        name=wanted.name,
        tenant=caller.tenant,
        suite=planned.suite.id,
        model=asked.model,
        every=canaries.every_of(wanted.every),
        account_id=asked.account_id,
        region=asked.region,
        assessment_id=planned.assessment.id,
        guardrail=asked.guardrail,
        guardrail_version=asked.guardrail_version,
        least_rate=_rate(wanted.least_rate),
        budget=_budget(wanted.budget),
    )
    return canaries.add(context.store, canary, by=caller.principal_arn)


def change(
    context: Context,
    caller: Caller,
    name: str,
    *,
    every: str,
    least_rate: str,
    budget: Mapping[str, str],
) -> None:
    """Change how often it runs, below which rate it alerts, and what it may spend."""
    document = _own(context, caller, name)
    changed = replace(
        canary_of(document),
        every=canaries.every_of(every),
        least_rate=_rate(least_rate),
        budget=_budget(budget),
    )
    by = caller.principal_arn
    canaries.change(context.store, document, changed, by=by, now=context.now())


def set_paused(context: Context, caller: Caller, name: str, *, paused: bool) -> None:
    """Pause a canary, or let it go on: then it is due at once, and nothing counts as missed."""
    document, by = _own(context, caller, name), caller.principal_arn
    canaries.set_paused(context.store, document, paused=paused, by=by, now=context.now())


def delete(context: Context, caller: Caller, name: str) -> None:
    """Forget a canary; its runs stay."""
    document = _own(context, caller, name)
    canaries.remove(context.store, document, by=caller.principal_arn)


def require(context: Context, caller: Caller, name: str) -> None:
    """Raise the `Fault` that changing a canary would raise."""
    _own(context, caller, name)


def may_change(context: Context, caller: Caller, canary: Canary) -> bool:
    """Tell whether the caller may change a canary: what one may not is not offered."""
    try:
        _require(context, caller, canary)
    except (AccessDeniedFault, ValidationFault):
        return False
    return True


def _own(context: Context, caller: Caller, name: str) -> Document:
    """Return a canary that the caller may change; else the `Fault` that says why not."""
    canary_views.details(context, caller, name)
    document = context.store.documents.get(caller.tenant, canaries.KIND, name)
    assert document is not None  # noqa: S101 - it was just looked at
    _require(context, caller, canary_of(document))
    return document


def _require(context: Context, caller: Caller, canary: Canary) -> None:
    if scope(caller.role, _ADMIN) is Scope.ALLOW:
        return
    looking.require(context, caller, OPERATION)
    if not canary.assessment_id:
        raise AccessDeniedFault("A canary of no assessment is changed by administrators.")
    require_active(assessed(context, caller, OPERATION, canary.assessment_id))


def _budget(given: Mapping[str, str]) -> Budget:
    budget, problems = canary_budget.of_texts(given)
    if problems:
        raise ValidationFault.of_members(problems)
    return budget


def _rate(text: str) -> float:
    """Return the share that a number of percent is."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:  # noqa: PLR2004 - of percent; NaN is refused by it as well
        raise ValidationFault.of_members([("leastRate", "Member must be from 0 to 100 percent")])
    return value / 100
