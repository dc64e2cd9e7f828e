"""`affidavit framework`: list, show, export, import."""

import getpass
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from affidavit.api.protocol import Protocol
from affidavit.aws.settings import AwsSettings
from affidavit.cli.terminal import printable
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import ControlSet
from affidavit.operations import framework_exchange, frameworks, migrating
from affidavit.operations.migrating import Moved
from affidavit.settings import Settings


@click.group()
def command() -> None:
    """List frameworks, show their controls and checks, export them, import your own ones."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the frameworks. Reading one validates all of it against AWS's service models."""
    found = frameworks.list_frameworks()
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = _table("Framework", "Version", "Sets", "Controls", "Full", "Partial", "Checks")
    for one in found:
        table.add_row(
            f"{one.id}\n{one.name}",
            one.version,
            *(str(n) for n in (one.control_sets, one.controls, one.full, one.partial, one.checks)),
        )
    _console().print(table)


@command.command()
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: all of it, as `export` does.")
def show(identifier: str, *, as_json: bool) -> None:
    """Show a framework: its controls, and its checks with their parameters."""
    catalogue = frameworks.get_framework(identifier)
    if as_json:
        click.echo(frameworks.text_of(catalogue, "json"), nl=False)
        return
    console = _console()
    framework = catalogue.framework
    console.print(f"{framework.name} ({framework.id}, {framework.version})", style="bold")
    console.print(framework.description)
    for caveat in framework.caveats:
        console.print(f"- {caveat}")
    for control_set in framework.control_sets:
        console.print()
        console.print(_controls(control_set))
    console.print()
    console.print(_parameters(catalogue))


@command.command()
@click.argument("identifier", metavar="ID")
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True
)
@click.option(
    "--tenant", default="", help="Whose custom framework (<account id>/<Region>) ID names."
)
@click.option(
    "--config-rules-csv",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the AWS Config rules behind each control to FILE instead (CSV; - is stdout).",
)
@click.pass_obj
def export(
    settings: Settings,
    /,
    *,
    identifier: str,
    form: frameworks.Format,
    tenant: str,
    config_rules_csv: Path | None,
) -> None:
    """Print a framework: the shipped one with its checks and operations, or a tenant's own.

    A custom framework is printed with its controls, sources, rules and parameters, as `import`
    takes it.
    """
    if config_rules_csv is None:
        click.echo(_exported(settings, identifier, form, tenant), nl=False)
        return
    if tenant:
        text = framework_exchange.config_rules(settings, tenant, identifier)
    else:
        found = frameworks.get_framework(identifier)
        text = frameworks.config_rule_mapping_csv(found.framework)
    if str(config_rules_csv) == "-":
        click.echo(text, nl=False)
        return
    try:
        config_rules_csv.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(
            f"{config_rules_csv} cannot be written",
            why=str(error),
            todo="Name another file, or - for standard output.",
        ) from error
    click.echo(f"{text.count(chr(10)) - 1} rows written to {config_rules_csv}.")


def _exported(settings: Settings, identifier: str, form: frameworks.Format, tenant: str) -> str:
    if tenant:
        own = framework_exchange.export(settings, tenant, identifier)
        return frameworks.text_of(own, form)
    return frameworks.text_of(frameworks.get_framework(identifier), form)


@command.command("import")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--tenant", required=True, help="Account and Region there and here (111122223333/eu-west-1)."
)
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--endpoint-url", default="", help="Another Audit Manager's than AWS's.")
@click.option("--assessments", is_flag=True, help="Make active assessments, too.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def import_(settings: Settings, /, *, file: Path | None, as_json: bool, **given: Any) -> None:
    """Make the framework of FILE (`export`), or your custom ones of AWS Audit Manager, here.

    Without FILE controls and frameworks are read from AWS, and AWS is only read. What is here
    already is left as it is, so that it can be run again. Exit codes: 0 all was made; 1 something
    was not, and is named; 3 AWS could not be read.
    """
    check, by = Protocol().members, given["by"] or getpass.getuser()
    if file is not None:
        if given["profile"] or given["endpoint_url"] or given["assessments"]:
            raise UsageError(
                "A file has nothing of AWS's",
                todo="Leave --profile, --endpoint-url and --assessments out.",
            )
        _say(
            [framework_exchange.bring(settings, given["tenant"], by, check, file)], as_json=as_json
        )
        return
    order = migrating.Order(
        tenant=given["tenant"],
        aws=AwsSettings(
            profile=given["profile"],
            endpoint_url=given["endpoint_url"],
            region=given["tenant"].rpartition("/")[2],
            call_timeout=settings.call_timeout,
        ),
        by=by,
        check=check,
        assessments=given["assessments"],
    )
    _say(migrating.move(settings, order), as_json=as_json)


def _say(found: Iterable[Moved], *, as_json: bool) -> None:
    """Tell what became of each thing as it becomes known, and exit."""
    moved = []
    for one in found:
        moved.append(one)
        if not as_json:
            said = f". {one.words}" if one.words else ""
            click.echo(printable(f"{one.state:9} {one.kind} {one.name}{said}"))
    if as_json:
        click.echo(json.dumps([one.to_json() for one in moved], indent=2, ensure_ascii=False))
    elif not moved:
        click.echo("Audit Manager has no custom controls and frameworks there.")
    sys.exit(any(one.state == "not made" for one in moved))


def _console() -> Console:
    """Return the console; brackets in the catalogue's texts are no markup."""
    return Console(markup=False, highlight=False)


def _table(*columns: str, title: str = "") -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=False, min_width=len(name) if number else 0)
    return table


def _controls(control_set: ControlSet) -> Table:
    table = _table(
        "Control",
        "Title",
        "Severity",
        "Evidence",
        "Sources",
        title=f"{control_set.name}: {control_set.principle}",
    )
    for control in control_set.controls:
        evidence = "automated" if control.automation == "full" else "partly manual"
        sources = str(len(control.sources))
        table.add_row(control.id, control.title, control.severity, evidence, sources)
    return table


def _parameters(catalogue: Catalogue) -> Table:
    table = _table("Check", "What must hold", "Parameter and default", title="Checks")
    for check in catalogue.checks.values():
        defaults = [f"{name} = {json.dumps(value)}" for name, value in check.params.items()]
        table.add_row(check.id, check.words, "\n".join(defaults))
    return table
