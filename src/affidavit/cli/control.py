"""`affidavit control`: what custom controls carry beside what Audit Manager knows."""

import getpass
import json
from pathlib import Path
from typing import Any

import click

from affidavit.operations import control_admin
from affidavit.operations.control_admin import Place
from affidavit.settings import Settings

TENANT = click.option("--tenant", required=True, help="Whose control (<account id>/<Region>).")
BY = click.option("--by", default="", help="Who does it; default: your login name.")


@click.group()
def command() -> None:
    """Keep rules and parameters with the sources of custom controls."""


@command.group()
def rule() -> None:
    """Keep rules: they judge what an API call's source collects."""


@command.group()
def parameters() -> None:
    """Set parameters of the checks behind Config rules and core controls."""


@command.command()
@click.argument("control")
@TENANT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, /, *, control: str, tenant: str, as_json: bool) -> None:
    """Show the sources of CONTROL (its id) with their rules and parameters."""
    place = Place(tenant=tenant, control=control, by=getpass.getuser())
    found = control_admin.show(settings, place)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['sourceId']}  {one['type']}  {one['keyword']}")
        for name, value in (one["rule"] or {}).items():
            if value:
                click.echo(f"    {name}: {_printable(value)}")
        for name, value in one["parameters"].items():
            mark = " (set)" if name in one["set"] else ""
            click.echo(f"    {one['check']}: {name} = {_printable(value)}{mark}")


@rule.command("set")
@click.argument("control")
@click.argument("source")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@TENANT
@BY
@click.pass_obj
def set_rule(settings: Settings, /, *, control: str, source: str, file: Path, **who: str) -> None:
    """Keep the rule of FILE (YAML) with a SOURCE (its id or keyword) of CONTROL.

    It counts from the next collection on. FILE names `about` (the kind of record: bucket, trail),
    `compliant` (CEL), and, where wanted, `applies` and `inconclusive` (CEL), `params`, `words`
    (what must hold), `remedy` (what to do where it does not) and `severity`.
    """
    kept = control_admin.set_rule(settings, _place(control, source, who), file)
    click.echo(f"The rule is kept. It reads {', '.join(kept.operations)}.")


@rule.command("clear")
@click.argument("control")
@click.argument("source")
@TENANT
@BY
@click.pass_obj
def clear_rule(settings: Settings, /, *, control: str, source: str, **who: str) -> None:
    """Take the rule off a SOURCE (its id or keyword) of CONTROL: it decides nothing any more."""
    control_admin.clear_rule(settings, _place(control, source, who))
    click.echo("The rule is taken off.")


@parameters.command("set")
@click.argument("control")
@click.argument("source")
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--why", required=True, help="Why; stands in the ledger and in reports.")
@TENANT
@BY
@click.pass_obj
def set_parameters(
    settings: Settings,
    /,
    *,
    control: str,
    source: str,
    values: tuple[str, ...],
    why: str,
    **who: str,
) -> None:
    """Set parameters of the check behind a SOURCE (its id or keyword) of CONTROL.

    Those not named are the catalogue's again. They count from the next collection on, and reports
    name them as deviations from the catalogue.
    """
    control_admin.set_parameters(settings, _place(control, source, who), values, why)
    click.echo("The parameters are set.")


@parameters.command("clear")
@click.argument("control")
@click.argument("source")
@TENANT
@BY
@click.pass_obj
def clear_parameters(settings: Settings, /, *, control: str, source: str, **who: str) -> None:
    """Take the parameters off a SOURCE (its id or keyword) of CONTROL: the catalogue's count."""
    control_admin.set_parameters(settings, _place(control, source, who), (), "taken back")
    click.echo("The parameters are the catalogue's again.")


def _place(control: str, source: str, who: dict[str, str]) -> Place:
    by = who["by"] or getpass.getuser()
    return Place(tenant=who["tenant"], control=control, source=source, by=by)


def _printable(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else " " for one in text)
