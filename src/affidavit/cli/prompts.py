"""`affidavit prompts`: suites of prompts, listed and run."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from affidavit.aws.bedrock import Runtime
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.operations import prompt_runs
from affidavit.prompts import results as counted
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load, shipped
from affidavit.prompts.targets import BedrockTarget
from affidavit.settings import Settings

FOUND = 1
"""Exit code where a case did not pass."""


@click.group()
def command() -> None:
    """Run prompts against a model, check the answers, keep them as evidence."""


@command.command("list")
def list_suites() -> None:
    """List the shipped suites."""
    table = Table("Suite", "Kind", "Cases", "What must hold")
    for name in shipped():
        suite = load(name)
        table.add_row(suite.id, suite.kind, str(len(suite.cases)), suite.description)
    Console().print(table)


@command.command("run")
@click.argument("suite")
@click.option("--model", required=True, help="Model id, or ARN of a profile.")
@click.option("--endpoint-url", default="", help="Another endpoint than AWS's.")
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--region", default="", help="Region that is asked; default: the assessment's.")
@click.option("--assessment", default="", help="Name of the assessment that keeps the result.")
@click.option("--guardrail", default="", help="Guardrail id or ARN.")
@click.option("--guardrail-version", default="", help="Its version.")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, help="Ask each case so often.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Stop before spending more.")
@click.option("--requests-per-second", type=click.FloatRange(0.1, 1000), default=5.0)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_obj
def run_suite(settings: Settings, /, **options: Any) -> None:
    """Run SUITE (an id of `prompts list`, or a YAML file) against a model.

    Exit codes: 0 every case passed; 1 not every case; 2 wrong call; 3 could not run.
    """
    suite = load(options["suite"])
    aws = AwsSettings(
        profile=options["profile"],
        endpoint_url=options["endpoint_url"],
        region=options["region"],
        call_timeout=settings.call_timeout,
        requests_per_second=options["requests_per_second"],
        concurrency=settings.concurrency,
    )
    with Door(aws) as door:
        identity = door.identity()
    with Runtime(aws, region=options["region"]) as runtime:
        request = prompt_runs.PromptRequest(
            suite=suite,
            target=BedrockTarget(runtime, options["model"]),
            model_id=options["model"],
            how=RunSettings(
                guardrail_id=options["guardrail"],
                guardrail_version=options["guardrail_version"],
                repeat=options["repeat"],
                concurrency=settings.concurrency,
                requests_per_second=options["requests_per_second"],
                budget_tokens=options["budget_tokens"],
            ),
            assessment=options["assessment"],
            account_id=identity.account_id,
            caller_arn=identity.arn,
            region=options["region"],
        )
        outcome = prompt_runs.run(request, settings)
    if options["as_json"]:
        click.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        _show(Console(), outcome)
    if outcome.fails:
        sys.exit(FOUND)


def _show(console: Console, outcome: prompt_runs.PromptOutcome) -> None:
    head = outcome.head
    mark = " [SYNTHETIC: not AWS]" if head["synthetic"] else ""
    console.print(f"{head['suite']} against {head['modelId']}{mark}", markup=False)
    table = Table("Family", "Cases", "Passed", "Failed", "Undecided", "Not asked", "Rate (95 %)")
    rows = {**counted.by_family(outcome.results), "all": counted.tally(outcome.results)}
    for name, tally in rows.items():
        low, high = counted.wilson(tally.passed, tally.cases)
        shown = (tally.cases, tally.passed, tally.failed, tally.undecided, tally.not_asked)
        rate = f"{tally.pass_rate:.0%} ({low:.0%}-{high:.0%})"
        table.add_row(name, *(str(count) for count in shown), rate)
    console.print(table)
    for attribute, counts in counted.parity(outcome.results).items():
        rates = ", ".join(f"{g} {y}/{n}" for g, (y, n) in counts.items())
        console.print(f"{attribute}: {rates}", markup=False)
    errors = {r["answer"].get("error") for r in outcome.results} - {None, ""}
    for error in sorted(errors)[:5]:
        console.print(f"Error: {error}", markup=False)
    for change in outcome.drift:
        console.print(f"Changed since the last run: {change}", markup=False)
    if head["stopped"]:
        console.print("Stopped: the budget is spent; cases were left out.")
