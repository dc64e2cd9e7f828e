"""`affidavit doctor`: what is wrong with the installation."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from affidavit.aws.settings import AwsSettings
from affidavit.operations import doctor
from affidavit.settings import Settings

_STYLES = {"good": "green", "note": "yellow", "bad": "red"}


@click.command()
@click.option("--profile", default="", help="Profile of your AWS configuration.")
@click.option("--endpoint-url", default="", help="Another endpoint for all of AWS (emulators).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(settings: Settings, *, profile: str, endpoint_url: str, as_json: bool) -> None:
    """Look at keys, disk, database, objects, runs, AWS and the tenants' roles.

    Exit codes: 0 nothing is bad; 1 something is, and is named with what to do.
    """
    aws = AwsSettings(
        profile=profile, endpoint_url=endpoint_url, call_timeout=settings.call_timeout
    )
    seen = list(doctor.examine(settings, aws))
    if as_json:
        click.echo(json.dumps([one.to_json() for one in seen], indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for one in seen:
            todo = f"\n→ {one.todo}" if one.todo else ""
            state = Text(one.state, style=_STYLES[one.state])
            table.add_row(one.what, state, Text(f"{one.words}{todo}"))
        Console().print(table)
    sys.exit(any(one.state == "bad" for one in seen))
