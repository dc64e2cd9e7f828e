"""`affidavit prompts suite`: suites of a tenant's own, for the server's runs and canaries."""

import getpass
import json
from pathlib import Path

import click

from affidavit.operations import suite_admin
from affidavit.settings import Settings

TENANT = click.option("--tenant", required=True, help="Whose suite (<account id>/<Region>).")
BY = click.option("--by", default="", help="Who does it; default: your login name.")


@click.group()
def command() -> None:
    """Keep suites of your own with the server, as the console does."""


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@TENANT
@click.option("--assertion", "assertions", multiple=True, help="For imported files: see `import`.")
@BY
@click.pass_obj
def add(
    settings: Settings, /, *, file: Path, tenant: str, assertions: tuple[str, ...], by: str
) -> None:
    """Keep FILE (YAML, JSON lines or CSV) as a suite, or as the next version of it."""
    kept = suite_admin.add(settings, tenant, file, assertions, by or getpass.getuser()).body
    click.echo(f"{kept['suite']} version {kept['number']}: {kept['cases']} cases, {kept['digest']}")


@command.command("list")
@TENANT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, /, *, tenant: str, as_json: bool) -> None:
    """List the suites of a tenant, each in its newest version."""
    found = [one.body for one in suite_admin.listed(settings, tenant)]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo(f"{tenant} has no suite of its own.")
    for one in found:
        click.echo(
            f"{one['suite']}  version {one['number']}  {one['cases']} cases  {one['addedAt']}"
        )


@command.command()
@click.argument("suite")
@TENANT
@BY
@click.pass_obj
def remove(settings: Settings, /, *, suite: str, tenant: str, by: str) -> None:
    """Delete SUITE with all its versions; its runs stay. Refused while a canary uses it."""
    suite_admin.remove(settings, tenant, suite, by or getpass.getuser())
    click.echo(f"{suite} was removed.")
