"""`affidavit user`: who may sign in to the console."""

import getpass
import json
import sys
from typing import get_args

import click

from affidavit.model.times import iso, utc_now
from affidavit.operations import users
from affidavit.operations.caller import Role
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.database import is_missing


@click.group()
def command() -> None:
    """Say who may sign in to the console, and as whom."""


@command.command()
@click.argument("name")
@click.option("--account", required=True, help="Account whose evidence the user sees.")
@click.option("--region", required=True, help="Region that the user acts in.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(get_args(Role)),
    help="Persona; repeat for several. Default: owner.",
)
@click.option("--principal", default="", help="ARN as whom the user acts; default: user/NAME.")
@click.option("--url", default="http://127.0.0.1:8080", help="Where people reach the server.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; no link.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def add(
    settings: Settings,
    name: str,
    *,
    account: str,
    region: str,
    roles: tuple[str, ...],
    principal: str,
    url: str,
    password_stdin: bool,
    by: str,
    as_json: bool,
) -> None:
    """Make the user NAME, and print the one-time link with which a password is chosen."""
    now = utc_now()
    arn = principal or users.principal_of(account, name)
    grants = [users.grant(account, region, role, arn) for role in roles or ("owner",)]
    password = sys.stdin.readline().strip() if password_stdin else ""
    with open_store(settings) as store:
        users.add(store, name, grants, by=by or getpass.getuser(), now=now, password=password)
        token = "" if password else users.invite(store, name, now)
    link = f"{url.rstrip('/')}/console/welcome/{token}" if token else ""
    if as_json:
        click.echo(json.dumps({"name": name, "link": link}))
    elif link:
        click.echo(link)
        click.echo("The link is good once, for a day.", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the users and as whom they may act."""
    known: list[users.User] = []
    if not is_missing(settings.database):
        with open_store(settings, create=False) as store:
            known = users.every(store)
    if as_json:
        click.echo(json.dumps([_shown(one) for one in known], indent=2))
        return
    if not known:
        click.echo("No users yet: `affidavit serve` prints a link for the first one.")
    for one in known:
        state = "disabled" if one.disabled else "enabled" if one.has_password else "invited"
        codes = "codes" if one.has_codes else "no codes"
        for grant in one.grants:
            place = f"{grant.account_id}/{grant.region}"
            click.echo(f"{one.name}  {state}  {codes}  {grant.role}  {place}")


@command.command()
@click.argument("name")
@click.option("--url", default="http://127.0.0.1:8080", help="Where people reach the server.")
@click.pass_obj
def invite(settings: Settings, name: str, *, url: str) -> None:
    """Print a new one-time link for NAME: for a forgotten password, or one that has ended."""
    with open_store(settings, create=False) as store:
        token = users.invite_known(store, name, utc_now())
    click.echo(f"{url.rstrip('/')}/console/welcome/{token}")


@command.command()
@click.argument("name")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def disable(settings: Settings, name: str, *, by: str) -> None:
    """Refuse every later request of NAME, in open sessions too."""
    with open_store(settings, create=False) as store:
        users.set_disabled(store, name, by=by or getpass.getuser(), now=utc_now())
    click.echo(f"{name} is disabled.")


def _shown(one: users.User) -> dict[str, object]:
    return {
        "name": one.name,
        "disabled": one.disabled,
        "invited": not one.has_password,
        "oneTimeCodes": one.has_codes,
        "grants": [grant.to_json() for grant in one.grants],
        "createdAt": iso(one.created_at),
    }
