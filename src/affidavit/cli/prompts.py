"""`affidavit prompts`: suites of prompts, listed, imported, run; kept runs, shown."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from affidavit.aws.manual_evidence import ControlPlace
from affidavit.aws.settings import AwsSettings
from affidavit.cli import prompt_output, prompt_suites
from affidavit.errors import UsageError
from affidavit.operations import prompt_evidence, prompt_requests, prompt_runs, prompt_showing
from affidavit.operations.prompt_aids import Aids
from affidavit.operations.prompt_requests import PromptCall
from affidavit.prompts.export.cases import ExportSettings
from affidavit.prompts.imports import ImportSettings, as_yaml
from affidavit.prompts.providers import Provider
from affidavit.prompts.runner import ANSWER_TOKENS, RunSettings
from affidavit.prompts.suite import load, shipped
from affidavit.settings import Settings

SCRIPTED = "demo."
"""What the ids of our own scripted models begin with."""
FOUND = 1
"""Exit code where a case did not pass."""
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Run prompts against a model, check the answers, keep them as evidence."""


command.add_command(prompt_suites.command, "suite")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_suites(*, as_json: bool) -> None:
    """List the shipped suites."""
    suites = [load(name) for name in shipped()]
    if as_json:
        rows = [
            {
                "id": suite.id,
                "kind": suite.kind,
                "cases": len(suite.cases),
                "description": suite.description,
                "digest": suite.digest,
            }
            for suite in suites
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("Suite", "Kind", "Cases", "What must hold")
    for suite in suites:
        table.add_row(suite.id, suite.kind, str(len(suite.cases)), suite.description)
    Console().print(table)


@command.command("import")
@click.argument("file", type=FILE)
@click.option(
    "--assertion",
    "assertions",
    multiple=True,
    help="TYPE, TYPE:THRESHOLD or JSON; repeat. Default: word-f1 against the reference.",
)
@click.option("--out", type=FILE, help="Write the suite there; default: print it.")
def import_suite(file: Path, assertions: tuple[str, ...], out: Path | None) -> None:
    """Turn Bedrock's evaluation JSON lines, or CSV, into a suite in YAML.

    `prompts run FILE` takes such a file as it is, too.
    """
    how = ImportSettings(assertions=tuple(map(prompt_requests.assertion, assertions)))
    text = as_yaml(prompt_requests.load(str(file), how))
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise UsageError(f"{out} is there already", todo="Name another file, or remove it.")
    out.write_text(text, encoding="utf-8")


@command.command("run")
@click.argument("suite")
@click.option(
    "--model", default="", help="Model id, or ARN of a profile; default: the suite's own."
)
@click.option("--endpoint-url", default="", help="Another endpoint than AWS's.")
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--region", default="", help="Region that is asked; default: the assessment's.")
@click.option("--assessment", default="", help="Name of the assessment that keeps the result.")
@click.option("--guardrail", default="", help="Guardrail id or ARN.")
@click.option("--guardrail-version", default="", help="Its version.")
@click.option("--family", default="", help="Form of the bodies, where the id does not tell it.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="Sent to the model, and kept.")
@click.option(
    "--max-tokens", type=click.IntRange(1), help=f"Of an answer.  [default: {ANSWER_TOKENS}]"
)
@click.option("--stream", is_flag=True, help="Ask for streams.")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, help="Ask each case so often.")
@click.option("--recorded", type=FILE, help="Judge this recording; no model is asked.")
@click.option("--own-answers", is_flag=True, help="Judge the answers in an imported file.")
@click.option("--assertion", "assertions", multiple=True, help="For imported files: see `import`.")
@click.option("--blocked-message", multiple=True, help="What your guardrail says; repeat.")
@click.option("--judge", default="", help="Model that `llm-judge` asks.")
@click.option("--online", is_flag=True, help="Let assertions ask guardrails.")
@click.option("--names", is_flag=True, help="Look for names and addresses, too (extra `names`).")
@click.option("--meaning", is_flag=True, help="Compare what answers are about (extra `meaning`).")
@click.option("--keep-raw", is_flag=True, help="Keep raw answers, sealed with the tenant's key.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Stop before spending more.")
@click.option("--budget-cost", type=click.FloatRange(0, min_open=True), help="So too, in money.")
@click.option("--price-input", type=click.FloatRange(0), default=0.0, help="Of a million tokens.")
@click.option("--price-output", type=click.FloatRange(0), default=0.0, help="Of a million tokens.")
@click.option("--requests-per-second", type=click.FloatRange(0.1, 1000), default=5.0)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_obj
def run_suite(settings: Settings, /, **options: Any) -> None:
    """Run SUITE against a model: an id of `prompts list`, a YAML file, JSON lines, or CSV.

    The begin of an id will do: `pii`. The scripted models `demo.good`, `demo.leaky`, … answer from
    this machine where no endpoint is named; nothing that they say is AWS's.

    Exit codes: 0 every case passed; 1 not every case; 2 wrong call; 3 could not run.
    """
    provider = prompt_requests.provider(options["suite"], options["model"])
    for name in ("region", "guardrail", "guardrail_version"):
        options[name] = options[name] or getattr(provider, name)
    options |= {"model": provider.model_id, "sent": _sent(options, provider)}
    with (
        _asked(options) as aws,
        prompt_requests.opened(_call(settings, options, aws)) as request,
    ):
        outcome = prompt_runs.run(request, settings)
    if options["as_json"]:
        click.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        prompt_output.show(Console(), outcome.head, outcome.results, outcome.metrics)
    if outcome.fails:
        sys.exit(FOUND)


@contextmanager
def _asked(options: dict[str, Any]) -> Iterator[AwsSettings]:
    """Yield who is asked; scripted models are served for as long as this lasts."""
    elsewhere = options["endpoint_url"] or options["recorded"] or options["own_answers"]
    if elsewhere or not options["model"].startswith(SCRIPTED):
        yield AwsSettings(
            profile=options["profile"],
            endpoint_url=options["endpoint_url"],
            region=options["region"],
        )
        return
    try:
        from affidavit.demo.bedrock.server import serve
    except ImportError as error:
        raise UsageError(
            "The scripted models are not installed",
            why=str(error),
            todo="pip install 'affidavit[demo]'",
        ) from error
    with serve() as url:
        region = options["region"] or "us-east-1"
        made_up: dict[str, Any] = {"access_key": "demo", "secret_key": "demo"}
        yield AwsSettings(endpoint_url=url, region=region, **made_up)


def _sent(options: dict[str, Any], provider: Provider) -> dict[str, Any]:
    named = {name: options[name] for name in ("max_tokens", "temperature")}
    given = {name: value for name, value in named.items() if value is not None}
    return {"max_tokens": ANSWER_TOKENS, **provider.parameters, **given}


def _call(settings: Settings, options: dict[str, Any], aws: AwsSettings) -> PromptCall:
    return PromptCall(
        suite=options["suite"],
        model_id=options["model"],
        aws=replace(
            aws,
            call_timeout=settings.call_timeout,
            requests_per_second=options["requests_per_second"],
            concurrency=settings.concurrency,
        ),
        how=RunSettings(
            parameters=options["sent"],
            guardrail_id=options["guardrail"],
            guardrail_version=options["guardrail_version"],
            repeat=options["repeat"],
            concurrency=settings.concurrency,
            requests_per_second=options["requests_per_second"],
            budget_tokens=options["budget_tokens"],
            budget_cost=options["budget_cost"],
            price_input=options["price_input"],
            price_output=options["price_output"],
            stream=options["stream"],
        ),
        assertions=options["assertions"],
        assessment=options["assessment"],
        family=options["family"],
        recorded=options["recorded"],
        own_answers=options["own_answers"],
        judge=options["judge"],
        online=options["online"],
        aids=Aids(
            names=options["names"], meaning=options["meaning"], folder=settings.sentence_model
        ),
        blocked_messages=options["blocked_message"],
        keep_raw=options["keep_raw"],
    )


@command.command("runs")
@click.option("--assessment", default="", help="Only those of this assessment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_obj
def list_runs(settings: Settings, *, assessment: str, as_json: bool) -> None:
    """List the kept runs, the newest first."""
    kept = prompt_showing.runs(settings, assessment)
    if as_json:
        click.echo(json.dumps([dict(one.run) for one in kept], indent=2))
        return
    prompt_output.kept(Console(), kept)


@command.command("show")
@click.argument("run")
@click.option("--raw", "case", default="", help="Print the raw answer of this case (--keep-raw).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_obj
def show_run(settings: Settings, *, run: str, case: str, as_json: bool) -> None:
    """Show a kept RUN (its id, or `last`): families, metrics, worst cases, other models."""
    if case:
        click.echo(json.dumps(prompt_showing.raw(settings, run, case), indent=2))
        return
    kept = prompt_showing.show(settings, run)
    if as_json:
        click.echo(json.dumps(kept.to_json(), indent=2))
        return
    console = Console()
    prompt_output.show(console, kept.run, kept.cases, kept.metrics)
    prompt_output.models(console, kept.models)


@command.command("evidence")
@click.argument("run")
@click.option("--assessment-id", required=True, help="Audit Manager's id of the assessment.")
@click.option("--control-set-id", required=True, help="Of the control set.")
@click.option("--control-id", required=True, help="Of the control.")
@click.option("--endpoint-url", default="", help="Our server's; default: AWS Audit Manager.")
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--region", default="", help="Region of the assessment.")
@click.pass_obj
def add_evidence(settings: Settings, /, *, run: str, **options: Any) -> None:
    """Add a kept RUN (its id, or `last`) to a control as manual evidence, in two files."""
    aws = AwsSettings(
        profile=options["profile"],
        endpoint_url=options["endpoint_url"],
        region=options["region"],
        call_timeout=settings.call_timeout,
    )
    place = ControlPlace(
        assessment_id=options["assessment_id"],
        control_set_id=options["control_set_id"],
        control_id=options["control_id"],
    )
    for name in prompt_evidence.add(settings, run, aws, place):
        click.echo(f"Added {name}")


@command.command("export-canary")
@click.argument("suite")
@click.option("--model", required=True, help="Model id, or ARN of a profile.")
@click.option("--region", default="", help="Region that is asked; default: the canary's own.")
@click.option("--guardrail", default="", help="Guardrail id or ARN.")
@click.option("--guardrail-version", default="", help="Its version.")
@click.option("--blocked-message", multiple=True, help="What your guardrail says; repeat.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("affidavit-canary"),
    show_default=True,
    help="Folder of the files.",
)
def export_canary(suite: str, out: Path, **options: Any) -> None:
    """Write SUITE as a CloudWatch Synthetics canary, a Lambda function, requests and commands.

    Cases that need a detector are left out and named.
    """
    how = ExportSettings(
        model_id=options["model"],
        region=options["region"],
        guardrail_id=options["guardrail"],
        guardrail_version=options["guardrail_version"],
        blocked_messages=options["blocked_message"],
    )
    done = prompt_requests.export_to(suite, how, out)
    click.echo(f"{len(done.suite['cases'])} cases in {out}; {len(done.left_out)} left out")
    for case, why in list(done.left_out.items())[:10]:
        click.echo(f"Left out: {case}: {why}")
