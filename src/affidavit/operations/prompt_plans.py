"""What a run of prompts is asked with, whether that can be, and what it will cost at most."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from affidavit.model.numbers import whole
from affidavit.operations import looking
from affidavit.operations.assessed import Assessed, assessed, require_active
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, ValidationFault
from affidavit.operations.own_suites import suite_named
from affidavit.operations.prompt_views import suites
from affidavit.prompts.recorded_runs import KIND as RUN
from affidavit.prompts.runner import ANSWER_TOKENS, CHARACTERS_A_TOKEN, MILLION, RunSettings
from affidavit.prompts.suite import Suite
from affidavit.store.documents import Document

OPERATION: Final = "UpdateAssessment"
"""Of the API: who may change an assessment may run prompts for it; models cost money."""
MAX_REPEAT: Final = 20
MAX_BUDGET: Final = 1_000_000_000
"""Tokens."""
UNPRICED: Final = "Member must have both prices: without them no cost is known"
_MAX_MONEY: Final = 1_000_000
_NAMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,1023}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for, as a form has it."""

    assessment_id: str
    suite: str
    """Id of a shipped or own suite: no file of the server is ever read by a name from outside."""
    model: str
    account_id: str
    region: str
    guardrail: str = ""
    guardrail_version: str = ""
    repeat: str = "1"
    budget_tokens: str = ""
    budget_cost: str = ""
    price_input: str = ""
    """Of a million tokens; empty: not known."""
    price_output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would be."""

    assessment: Assessed
    suite: Suite
    how: RunSettings
    requests: int
    input_tokens: int
    """Reckoned from the length of the prompts."""
    most_output_tokens: int
    """What answers may have at most."""
    most_cost: Decimal | None
    """In the money of the prices; None: no price was named."""

    @property
    def most_tokens(self) -> int:
        """Return input and output together, or the budget where that is less."""
        total, budget = self.input_tokens + self.most_output_tokens, self.how.budget_tokens
        return total if budget is None else min(total, budget)


def plan(context: Context, caller: Caller, wanted: Wanted) -> Plan:
    """Return what the run would be; `ValidationFault` names each member that cannot be used."""
    found = assessed(context, caller, OPERATION, wanted.assessment_id)
    require_active(found)
    known = {one.id for one in suites(context, caller)}
    problems = list(_problems(found, wanted, known))
    if problems:
        raise ValidationFault.of_members(problems)
    suite = suite_named(context.store, caller.tenant, wanted.suite)
    how = settings_of(wanted, context.settings.concurrency)
    requests = len(suite.cases) * how.repeat
    asked = sum(one.characters // CHARACTERS_A_TOKEN + 1 for one in suite.cases)
    answers = requests * int(how.parameters.get("max_tokens", ANSWER_TOKENS))
    return Plan(
        assessment=found,
        suite=suite,
        how=how,
        requests=requests,
        input_tokens=asked * how.repeat,
        most_output_tokens=answers,
        most_cost=_most_cost(wanted, asked * how.repeat, answers),
    )


def settings_of(wanted: Wanted, concurrency: int) -> RunSettings:
    """Return how the suite is run; the texts were checked before."""
    return RunSettings(
        guardrail_id=wanted.guardrail,
        guardrail_version=wanted.guardrail_version,
        repeat=int(wanted.repeat or 1),
        concurrency=concurrency,
        budget_tokens=int(wanted.budget_tokens) if wanted.budget_tokens else None,
        budget_cost=float(wanted.budget_cost) if wanted.budget_cost else None,
        price_input=float(wanted.price_input or 0),
        price_output=float(wanted.price_output or 0),
    )


def place_problems(found: Assessed, account_id: str, region: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a place: it must be one that the assessment covers."""
    estate = found.stored.estate
    if account_id not in estate.accounts:
        yield "account", f"Member must be one of {', '.join(estate.accounts)}"
    elif region not in estate.regions_of(account_id):
        yield "region", f"Member must be one of {', '.join(estate.regions_of(account_id))}"


def name_problems(model: str, guardrail: str, version: str) -> Iterator[Any]:
    """Yield what is wrong with the names of model and guardrail."""
    if not _NAMED.fullmatch(model):
        yield "model", "Member must be a model's id, or the ARN of a profile"
    for member, text in (("guardrail", guardrail), ("guardrailVersion", version)):
        if text and not _NAMED.fullmatch(text):
            yield member, "Member must be an id, an ARN or a version"
    if bool(guardrail) != bool(version):
        yield "guardrailVersion", "Member must be given with a guardrail, and only then"


def _problems(found: Assessed, wanted: Wanted, known: Collection[str]) -> Iterator[tuple[str, str]]:
    if wanted.suite not in known:
        yield "suite", "Member must be the id of a shipped suite, or of one of yours"
    yield from name_problems(wanted.model, wanted.guardrail, wanted.guardrail_version)
    yield from place_problems(found, wanted.account_id, wanted.region)
    for member, text, most in (
        ("repeat", wanted.repeat or "1", MAX_REPEAT),
        ("budgetTokens", wanted.budget_tokens or "1", MAX_BUDGET),
    ):
        if whole(text, most, least=1) is None:
            yield member, f"Member must be a number from 1 to {most}"
    for member, text in (
        ("budgetCost", wanted.budget_cost),
        ("priceInput", wanted.price_input),
        ("priceOutput", wanted.price_output),
    ):
        if text and money(text) is None:
            yield member, "Member must be an amount such as 0.25"
    if wanted.budget_cost and not (wanted.price_input and wanted.price_output):
        yield "budgetCost", UNPRICED


def money(text: str) -> Decimal | None:
    """Return the amount of money that a text is, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= _MAX_MONEY else None


def _most_cost(wanted: Wanted, asked: int, answers: int) -> Decimal | None:
    if not (wanted.price_input and wanted.price_output):
        return None
    cost = (asked * Decimal(wanted.price_input) + answers * Decimal(wanted.price_output)) / MILLION
    return min(cost, Decimal(wanted.budget_cost)) if wanted.budget_cost else cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a form can offer."""

    assessments: tuple[tuple[str, str], ...]
    """(id, name) of the active ones that are the caller's own."""
    chosen: str
    """Of these, or empty where there is none."""
    places: tuple[tuple[str, str], ...]
    """(account, Region) that the chosen one covers."""
    models: tuple[str, ...]
    """That were asked before."""
    guardrails: tuple[str, ...]


def choices(context: Context, caller: Caller, wanted: str) -> Choices:
    """Return what can be chosen, given the assessment that is wanted; `Fault` for who may not."""
    looking.require(context, caller, OPERATION)
    own = list(_own(context, caller))
    found = next((one for one in own if one.id == wanted), own[0] if own else None)
    estate = found.stored.estate if found else None
    places = [(a, r) for a in estate.accounts for r in estate.regions_of(a)] if estate else []
    asked = context.store.documents.distilled(caller.tenant, RUN, _named)
    return Choices(
        assessments=tuple((one.id, one.name) for one in own),
        chosen=found.id if found else "",
        places=tuple(places),
        models=tuple(sorted({model for model, _ in asked})),
        guardrails=tuple(sorted({guardrail for _, guardrail in asked if guardrail})),
    )


def _own(context: Context, caller: Caller) -> Iterator[Assessed]:
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            found = assessed(context, caller, OPERATION, stored.id)
            if found.active:
                yield found


def _named(run: Document) -> tuple[str, str]:
    head = run.body["run"]
    return head["modelId"], head["guardrailId"]
