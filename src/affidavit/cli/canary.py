"""`affidavit canary`: suites of prompts on a schedule, in `affidavit serve`."""

import getpass
import json
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import click

from affidavit.errors import UsageError
from affidavit.operations import canaries
from affidavit.operations.canaries import Canary
from affidavit.operations.canary_budget import Budget
from affidavit.operations.renamed import assessment_named
from affidavit.settings import Settings
from affidavit.store import open_store

AMOUNT = click.FloatRange(0, min_open=True)


def _budgeted(function: Any) -> Any:
    for option in (
        click.option("--price-output", type=AMOUNT, help="Of a million tokens."),
        click.option("--price-input", type=AMOUNT, help="Of a million tokens."),
        click.option("--month-cost", type=AMOUNT, help="Of a calendar month, in money."),
        click.option("--budget-cost", type=AMOUNT, help="Of a run, in money; needs both prices."),
        click.option("--month-tokens", type=click.IntRange(1), help="Of a calendar month (UTC)."),
        click.option("--budget-tokens", type=click.IntRange(1), help="Of a run, both ways."),
    ):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Repeat suites of prompts against a model; alert when they no longer pass."""


@command.command()
@click.argument("suite")
@click.option("--model", required=True, help="Model id, or ARN of a profile.")
@click.option("--every", required=True, metavar="INTERVAL", help="As 15m, 1h or 1d.")
@click.option("--name", default="", help="Small letters, digits, _ and -; default: the suite's.")
@click.option("--tenant", default="", help="As 111122223333/eu-central-1; or the assessment's.")
@click.option("--assessment", default="", help="Name of the assessment that keeps the runs.")
@click.option("--account", default="", help="Account whose model is asked; default: the tenant's.")
@click.option("--region", default="", help="Region that is asked; default: the tenant's.")
@click.option("--guardrail", default="", help="Guardrail id or ARN.")
@click.option("--guardrail-version", default="", help="Its version.")
@click.option("--least-rate", type=click.FloatRange(0, 1), default=1.0,
              help="Share of passed cases below which it alerts.")  # fmt: skip
@_budgeted
@click.option("--names", is_flag=True, help="Look for names and addresses, too (extra `names`).")
@click.option("--meaning", is_flag=True, help="Compare what answers are about (extra `meaning`).")
@click.option("--publish-metrics", is_flag=True, help="Also put CloudWatch Synthetics' metrics.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def add(settings: Settings, /, suite: str, by: str, **given: Any) -> None:
    """Add a canary that runs SUITE; the first run is due at once.

    SUITE is shipped, or one of the tenant's own (`affidavit prompts suite add`), or a file of the
    machine that serves. A run that meets its budget ends; it alerts, and never counts as passed.
    """
    with open_store(settings) as store:
        found = None
        if given["assessment"]:
            found = assessment_named(store, given["assessment"])
        tenant = given["tenant"] or (found.tenant if found else "")
        account, slash, region = tenant.partition("/")
        if not slash or (found and found.tenant != tenant):
            raise UsageError("A canary is of one tenant", todo="Give --tenant or --assessment.")
        made = Canary(
            name=given["name"] or suite.rpartition("/")[2].partition(".")[0],
            tenant=tenant,
            suite=suite,
            model=given["model"],
            every=canaries.every_of(given["every"]),
            account_id=given["account"] or account,
            region=given["region"] or region,
            assessment_id=found.id if found else "",
            guardrail=given["guardrail"],
            guardrail_version=given["guardrail_version"],
            least_rate=given["least_rate"],
            publish_metrics=given["publish_metrics"],
            names=given["names"],
            meaning=given["meaning"],
            budget=_budget(given),
        )
        canaries.add(store, made, by=by or getpass.getuser())
    click.echo(f"{made.name} runs {made.suite} against {made.model} every {given['every']}.")


def _budget(given: dict[str, Any]) -> Budget:
    cost, price = ("budget_cost", "month_cost"), ("price_input", "price_output")
    money = {n: None if given[n] is None else Decimal(str(given[n])) for n in (*cost, *price)}
    return Budget(
        run_tokens=given["budget_tokens"],
        month_tokens=given["month_tokens"],
        run_cost=money["budget_cost"],
        month_cost=money["month_cost"],
        price_input=money["price_input"],
        price_output=money["price_output"],
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, /, *, as_json: bool) -> None:
    """List the canaries, and what came of their last run."""
    with open_store(settings) as store:
        found = [one.body for one in canaries.listed(store)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        last = one["last"] or {}
        rate = f" {last['passed']}/{last['cases']}" if last.get("cases") else ""
        click.echo(
            f"{one['tenant']}  {one['name']}  {one['suite']} -> {one['model']}  "
            f"{one['state']}{rate}  {'paused' if one.get('paused') else 'next ' + one['nextAt']}"
        )


@command.command("runs")
@click.argument("name")
@click.option("--tenant", default="", help="Where several tenants have a canary of the name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_runs(settings: Settings, /, name: str, tenant: str, *, as_json: bool) -> None:
    """List the runs of NAME, the last first; what was missed is named."""
    with open_store(settings) as store:
        asked = canaries.canary_of(canaries.named(store, name, tenant))
        found = [run.body for run in canaries.runs(store, asked)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo(f"{name} has no run yet: `affidavit serve` makes them.")
    for one in found:
        rate = f" {one['passed']}/{one['cases']}" if one.get("cases") else ""
        wrong = f"  {', '.join(one['wrong'])}" if one.get("wrong") else ""
        click.echo(f"{one['slot']}  {one['state']}{rate}  {one['why']}{wrong}".rstrip())


def _of_name(function: Any) -> Any:
    for option in (
        click.option("--by", default="", help="Who does it; default: your login name."),
        click.option("--tenant", default="", help="Where several tenants have one of the name."),
        click.argument("name"),
    ):
        function = option(function)
    return function


@command.command()
@_of_name
@click.option("--every", metavar="INTERVAL", help="As 15m, 1h or 1d.")
@click.option("--least-rate", type=click.FloatRange(0, 1), help="As with `add`.")
@_budgeted
@click.option("--no-budget", is_flag=True, help="Forget the limits and prices that there are.")
@click.pass_obj
def change(settings: Settings, /, name: str, tenant: str, by: str, **given: Any) -> None:
    """Change how often the canary NAME runs, when it alerts, what it may spend.

    What is not named stays as it is.
    """
    with open_store(settings) as store:
        found = canaries.named(store, name, tenant)
        before = canaries.canary_of(found)
        budget = Budget() if given["no_budget"] else before.budget
        wanted = {n: v for n, v in asdict(_budget(given)).items() if v is not None}
        changed = replace(before, budget=replace(budget, **wanted))
        if given["every"]:
            changed = replace(changed, every=canaries.every_of(given["every"]))
        if given["least_rate"] is not None:
            changed = replace(changed, least_rate=given["least_rate"])
        canaries.change(store, found, changed, by=by or getpass.getuser())
    click.echo(f"{name} is changed.")


@command.command()
@_of_name
@click.pass_obj
def pause(settings: Settings, /, name: str, tenant: str, by: str) -> None:
    """Pause the canary NAME: nothing runs, and nothing counts as missed."""
    with open_store(settings) as store:
        found = canaries.named(store, name, tenant)
        canaries.set_paused(store, found, paused=True, by=by or getpass.getuser())
    click.echo(f"{name} is paused.")


@command.command()
@_of_name
@click.pass_obj
def resume(settings: Settings, /, name: str, tenant: str, by: str) -> None:
    """Let the canary NAME go on: it is due at once."""
    with open_store(settings) as store:
        found = canaries.named(store, name, tenant)
        canaries.set_paused(store, found, paused=False, by=by or getpass.getuser())
    click.echo(f"{name} goes on; it is due now.")


@command.command()
@_of_name
@click.pass_obj
def remove(settings: Settings, /, name: str, tenant: str, by: str) -> None:
    """Remove the canary NAME; its runs stay."""
    with open_store(settings) as store:
        canaries.remove(store, canaries.named(store, name, tenant), by=by or getpass.getuser())
    click.echo(f"{name} was removed.")
