"""What a canary may spend, and that it rests while it is paused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.operations.test_canaries import (
    HOUR,
    Clock,
    canary,
    clock,
    context,
    estate,
    made,
    states,
    tenant,
    turn,
)

from affidavit import demo
from affidavit.errors import CollectError, UsageError
from affidavit.operations import alerts, canaries, prompt_asking, prompt_runs
from affidavit.operations.canary_budget import Budget
from affidavit.operations.context import Context
from affidavit.prompts.recorded_runs import KIND as PROMPT_RUN
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load
from affidavit.prompts.target import Answer, Request

__all__ = ["clock", "context", "estate"]
"""Fixtures."""


def test_a_budget_of_a_run_ends_it_and_is_told(context: Context, estate: demo.Simulated) -> None:
    """Whatever passed until then: it has not passed, and what was not asked is counted so."""
    frugal = canary(estate, least_rate=0.01, budget=Budget(run_tokens=60))
    canaries.add(context.store, frugal, by="admin")
    turn(context)
    (run,) = context.store.documents.every(tenant(estate), canaries.RUN)
    assert run.body["state"] == "stopped"
    assert 0 < run.body["passed"] < run.body["cases"]
    assert run.body["undecided"] == run.body["cases"] - run.body["passed"] - run.body["failed"]
    (alert,) = alerts.every(context, tenant(estate))
    assert "budget is used up" in alert.body["facts"]["why"]
    document = canaries.named(context.store, "answers")
    assert document.body["spent"]["tokens"] == run.body["tokens"] >= 60


def test_a_budget_of_a_month_ends_with_the_month(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """Once it is spent no model is asked; the next month begins at nothing."""
    if (clock.now + HOUR).month != clock.now.month:
        clock.now += HOUR  # both runs are of one month
    dear = Decimal(1000)
    limit = Budget(month_cost=Decimal("0.1"), price_input=dear, price_output=dear)
    frugal = canary(estate, budget=limit)
    canaries.add(context.store, frugal, by="admin")
    turn(context)
    clock.now += HOUR
    turn(context)
    runs = context.store.documents.every(tenant(estate), canaries.RUN)
    first, second = [one for one in runs if one.body["state"] != "missed"]
    assert (first.body["state"], second.body["state"]) == ("stopped", "stopped")
    assert "no case was asked" in second.body["why"]
    spent = canaries.named(context.store, "answers").body["spent"]
    assert Decimal(spent["cost"]) >= Decimal("0.1")
    clock.now = datetime(clock.now.year + 1, 1, 1, tzinfo=UTC)
    turn(context)
    newest = context.store.documents.every(tenant(estate), canaries.RUN, newest_first=True)[0]
    assert newest.body["passed"] > 0
    again = canaries.named(context.store, "answers").body["spent"]
    assert again["month"] != spent["month"]
    assert again["tokens"] == newest.body["tokens"]


def test_a_run_that_fails_for_certain_is_no_gap(context: Context, estate: demo.Simulated) -> None:
    """What its budget kept from being asked could not have saved it: it has failed."""
    canaries.add(
        context.store, canary(estate, "demo.leaky", budget=Budget(run_tokens=200)), by="admin"
    )
    turn(context)
    (run,) = context.store.documents.every(tenant(estate), canaries.RUN)
    assert run.body["state"] == "failed"
    assert run.body["wrong"]
    assert "were not asked" in run.body["why"]


def test_what_was_asked_before_an_error_is_spent(
    context: Context, estate: demo.Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that end with the run cost it what they would have told, and no answer."""
    once = [True]

    def enforced() -> Mapping[str, list[str]]:
        if not once.pop():
            raise CollectError("The session has expired")
        once.append(False)
        return {"guardrails": []}

    monkeypatch.setattr(prompt_asking, "by_settings", lambda *_: enforced)
    kept = made(context, estate, "Kept")
    canaries.add(context.store, canary(estate, assessment_id=kept.id), by="admin")
    turn(context)
    spent = canaries.named(context.store, "answers").body["spent"]
    (run,) = context.store.documents.every(tenant(estate), canaries.RUN)
    assert spent["tokens"] == run.body["tokens"] > 0
    (document,) = context.store.documents.every(tenant(estate), PROMPT_RUN)
    assert "The session has expired" in document.body["run"]["enforced"]["unknown"]


class Says:
    """A target that answers so many prompts; then the process ends."""

    id = "test:says"

    def __init__(self, most: int) -> None:
        self.asked, self._most = 0, most

    def ask(self, request: Request) -> Answer:
        """Answer, or die."""
        if self.asked >= self._most:
            raise KeyboardInterrupt
        self.asked += 1
        return Answer(text=f"No answer to {request.prompt}")


def test_a_canary_asks_anew_each_time(context: Context) -> None:
    """What was asked for one time is gone on with, and is no answer of another time."""

    def asked(most: int, occasion: str) -> int:
        target, how = Says(most), RunSettings(requests_per_second=10_000)
        request = prompt_runs.PromptRequest(
            suite=load("refusal"), target=target, model_id="m", how=how, occasion=occasion
        )
        prompt_runs.run(request, context.settings)
        return target.asked

    with pytest.raises(KeyboardInterrupt):
        asked(10, "9:00")
    assert asked(100, "10:00") == len(load("refusal").cases)
    assert asked(100, "9:00") < len(load("refusal").cases)


def test_a_budget_in_money_needs_prices(context: Context, estate: demo.Simulated) -> None:
    """Prices are never assumed."""
    unpriced = canary(estate, budget=Budget(run_cost=Decimal(1)))
    with pytest.raises(UsageError, match="needs prices"):
        canaries.add(context.store, unpriced, by="admin")


def test_a_paused_canary_rests_and_is_due_when_it_goes_on(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """Nothing runs and nothing is missed; each change is in the ledger."""
    canaries.add(context.store, canary(estate), by="admin")
    size = context.store.log(tenant(estate)).size
    found = canaries.named(context.store, "answers")
    canaries.set_paused(context.store, found, paused=True, by="admin", now=clock.now)
    clock.now += 5 * HOUR
    assert canaries.schedule(context) == 0
    found = canaries.named(context.store, "answers")
    canaries.set_paused(context.store, found, paused=False, by="admin", now=clock.now)
    turn(context)
    assert states(context, estate) == ["passed"]
    assert context.store.log(tenant(estate)).size == size + 2
