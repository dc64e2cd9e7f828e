"""`affidavit lake`: evidence as Apache Iceberg tables."""

import json
from dataclasses import asdict

import click

from affidavit.operations import lake
from affidavit.settings import Settings


@click.group()
def command() -> None:
    """Publish evidence as Apache Iceberg tables, for Athena, Trino, Spark and others."""


@command.command()
@click.option("--tenant", help="Only this tenant's evidence (<account id>/<Region>).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def publish(settings: Settings, tenant: str | None, *, as_json: bool) -> None:
    """Make each tenant's table name exactly the evidence that is committed; nothing is copied.

    Done after each commit as well while AFFIDAVIT_LAKE is set; without it this is refused.

    Exit codes: 0 published; 2 wrong call or setting; 3 the store or the catalog is unusable.
    """
    done = lake.publish(settings, tenant)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in done], indent=2))
        return
    for one in done:
        click.echo(f"{one.table}: {one.files} files ({one.added} added, {one.removed} removed)")
        click.echo(f"  {one.metadata}")
