"""`affidavit run`: the main job."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from affidavit.aws.settings import AwsSettings
from affidavit.cli.progress import RunProgress
from affidavit.cli.run_output import show
from affidavit.errors import UsageError
from affidavit.operations import runs
from affidavit.operations.parameters import read_parameters
from affidavit.operations.prompt_sweep import ModelToAsk
from affidavit.settings import Settings

EMULATOR_PACE = 1000
"""Requests a second that the simulated estate is asked at most, of any service."""
FOUND = 1
"""Exit code with --fail-on when the run found what was asked for."""


@click.command()
@click.option("--demo", is_flag=True, help="Collect the simulated estate instead of AWS.")
@click.option(
    "--framework",
    default="",
    help="genai-v1, or the id of a custom one. Default: the assessment's; genai-v1 for a new one.",
)
@click.option("--name", default=runs.DEFAULT_NAME, show_default=True, help="Assessment's name.")
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--region", "home", default="", help="Home Region: where identity is asked.")
@click.option("--account", "accounts", multiple=True, help="Account id in scope; repeat.")
@click.option("--organization", is_flag=True, help="All active accounts of the organization.")
@click.option("--in-region", "regions", multiple=True, help="Region in scope; repeat.")
@click.option("--role-name", default="", help="Role to assume in other accounts.")
@click.option("--external-id", default="", help="External id of that role.")
@click.option("--session-tag", "tags", multiple=True, metavar="KEY=VALUE", help="Session tag.")
@click.option("--endpoint-url", default="", help="Another endpoint for all of AWS (emulators).")
@click.option(
    "--parameters",
    "parameter_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of your own parameters: check id, name, value; `why` at the top.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("affidavit-report"),
    show_default=True,
    help="Folder of the report.",
)
@click.option("--report/--no-report", "with_report", default=True, help="Write a report or not.")
@click.option(
    "--fail-on",
    type=click.Choice(["non-compliant", "inconclusive"]),
    help="Exit with 1 when a control comes out so (inconclusive: or non-compliant).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_obj
def command(settings: Settings, /, **options: Any) -> None:
    """Collect evidence now, judge it, store it, and write an assessment report.

    Exit codes: 0 ran; 1 ran and found what --fail-on names; 2 wrong call; 3 could not collect.
    """
    as_json, fail_on, out = options["as_json"], options["fail_on"], options["out"]
    console = Console(stderr=as_json)
    with _request(settings, options) as request, RunProgress(console) as progress:
        outcome = runs.run(
            request,
            settings,
            out=out if options["with_report"] else None,
            on_estate=progress.estate,
            on_progress=progress.asked,
            on_report=progress.reporting,
            on_swept=progress.swept,
        )
    if as_json:
        click.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        show(Console(), outcome)
    if fail_on and outcome.fails(fail_on):
        sys.exit(FOUND)


@contextmanager
def _request(settings: Settings, options: dict[str, Any]) -> Iterator[runs.RunRequest]:
    """Yield what is to be run; with --demo the simulated estate lives as long as this does."""
    if options["demo"]:
        yield from _simulated(settings, options)
        return
    parameters, why = (
        read_parameters(options["parameter_file"]) if options["parameter_file"] else ({}, "")
    )
    yield runs.RunRequest(
        aws=AwsSettings(
            profile=options["profile"],
            endpoint_url=options["endpoint_url"],
            region=options["home"],
            role_name=options["role_name"],
            external_id=options["external_id"],
            session_tags=_tags(options["tags"]),
            call_timeout=settings.call_timeout,
            requests_per_second=settings.requests_per_second,
            lookups_per_second=settings.lookups_per_second,
            concurrency=settings.concurrency,
        ),
        framework=options["framework"],
        name=options["name"],
        accounts=options["accounts"],
        organization=options["organization"],
        regions=options["regions"],
        parameters=parameters,
        parameters_why=why,
    )


_NOT_WITH_DEMO: Final[Mapping[str, str]] = {
    "profile": "profile",
    "home": "region",
    "accounts": "account",
    "organization": "organization",
    "role_name": "role-name",
    "external_id": "external-id",
    "tags": "session-tag",
    "endpoint_url": "endpoint-url",
    "parameter_file": "parameters",
}
"""Parameters of the command, and the options that give them."""


def _simulated(settings: Settings, options: dict[str, Any]) -> Iterator[runs.RunRequest]:
    from affidavit import demo

    given = [option for name, option in _NOT_WITH_DEMO.items() if options[name]]
    if given:
        raise UsageError(
            f"--demo and --{given[0]} do not go together",
            why="The simulated estate brings its own accounts, role and parameters.",
            todo="Leave one of them out.",
        )
    with demo.start(now=demo.moment()) as estate:
        yield runs.RunRequest(
            aws=AwsSettings(
                access_key=estate.access_key,
                secret_key=estate.secret_key,
                endpoint_url=estate.endpoint_url,
                region=estate.regions[0],
                role_name=estate.role_name,
                external_id=estate.external_id,
                call_timeout=settings.call_timeout,
                # AWS's limits are not those of an emulator on this machine.
                requests_per_second=EMULATOR_PACE,
                lookups_per_second=EMULATOR_PACE,
                concurrency=settings.concurrency,
            ),
            framework=options["framework"],
            name="Northwind Assistants (simulated)",
            accounts=estate.accounts,
            regions=options["regions"],
            parameters=estate.parameters,
            parameters_why="As the simulated estate's owner set them (demo/estate.yaml).",
            models=tuple(
                ModelToAsk(
                    model_id=one.model_id,
                    account_id=one.account_id,
                    region=one.region,
                    guardrail_id=one.guardrail_id,
                    guardrail_version=one.guardrail_version,
                )
                for one in estate.prompted
                if not options["regions"] or one.region in options["regions"]
            ),
        )


def _tags(given: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for item in given:
        key, separator, value = item.partition("=")
        if not (key and separator):
            raise UsageError(f"--session-tag {item!r} is not KEY=VALUE", todo="Write KEY=VALUE.")
        tags[key] = value
    return tags
