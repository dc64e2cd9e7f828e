"""What a canary may spend, and that it rests while it is paused."""

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
    states,
    tenant,
    turn,
)

from affidavit import demo
from affidavit.errors import UsageError
from affidavit.operations import alerts, canaries
from affidavit.operations.canary_budget import Budget
from affidavit.operations.context import Context

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
    dear = Decimal(1000)
    limit = Budget(month_cost=Decimal("0.1"), price_input=dear, price_output=dear)
    frugal = canary(estate, budget=limit)
    canaries.add(context.store, frugal, by="admin")
    turn(context)
    clock.now += HOUR
    turn(context)
    first, second = context.store.documents.every(tenant(estate), canaries.RUN)
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
