"""`affidavit hold`: legal holds. While one is set, nothing that it covers is deleted."""

import getpass
import json

import click

from affidavit.operations import holds
from affidavit.settings import Settings
from affidavit.store import open_store

TENANT = click.option("--tenant", required=True, help="Whose data (<account id>/<Region>).")
ASSESSMENT = click.option("--assessment", default="", help="Its id; without it, everything.")
WHY = click.option("--reason", required=True, help="Why; stands in the ledger.")
BY = click.option("--by", default="", help="Who does it; default: your login name.")


@click.group()
def command() -> None:
    """Keep evidence from being deleted: set, lift and list legal holds."""


@command.command("set")
@TENANT
@ASSESSMENT
@WHY
@BY
@click.pass_obj
def set_(settings: Settings, *, tenant: str, assessment: str, reason: str, by: str) -> None:
    """Set a legal hold: no operation deletes what it covers until it is cleared."""
    with open_store(settings, create=False) as store:
        hold = holds.place(store, tenant, assessment, why=reason, by=by or getpass.getuser())
    click.echo(f"{hold.assessment_id or 'Everything'} of {hold.tenant} is held.")


@command.command()
@TENANT
@ASSESSMENT
@WHY
@BY
@click.pass_obj
def clear(settings: Settings, *, tenant: str, assessment: str, reason: str, by: str) -> None:
    """Lift a legal hold."""
    with open_store(settings, create=False) as store:
        hold = holds.lift(store, tenant, assessment, why=reason, by=by or getpass.getuser())
    click.echo(f"{hold.assessment_id or 'Everything'} of {hold.tenant} is not held any more.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the legal holds that are set."""
    with open_store(settings, create=False) as store:
        found = holds.every(store)
    if as_json:
        click.echo(json.dumps([hold.to_json() for hold in found], indent=2))
        return
    for hold in found:
        since = hold.to_json()["since"]
        click.echo(f"{hold.tenant}  {hold.assessment_id or 'everything'}  {since}  {hold.why}")
    if not found:
        click.echo("Nothing is held.")
