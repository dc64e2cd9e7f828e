"""`affidavit manual`: the part of partial controls that a person adds."""

import getpass
import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from affidavit.operations import manual_adding
from affidavit.operations.manual_adding import Wanted
from affidavit.settings import Settings


@click.group()
def command() -> None:
    """Add and list manual evidence: what a person shows for a control, as files or text."""


@command.command()
@click.argument("assessment")
@click.argument("control")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file, 100 MB at most; repeat.",
)
@click.option("--text", default="", help="A text, 1,000 characters at most.")
@click.option("--by", default="", help="Who adds it; default: your login name.")
@click.pass_obj
def add(
    settings: Settings,
    *,
    assessment: str,
    control: str,
    files: tuple[Path, ...],
    text: str,
    by: str,
) -> None:
    """Add files or a text to CONTROL (GENAI-RESP-02) of ASSESSMENT (name or id).

    The SHA-256 of what is added becomes a leaf of the ledger. The next run counts it: the manual
    part of the control is then present.
    """
    wanted = Wanted(assessment=assessment, control=control, files=files, text=text)
    for name in manual_adding.add(settings, wanted, by or getpass.getuser()):
        click.echo(f"Added {name} to {control}.")


@command.command("list")
@click.argument("assessment")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, assessment: str, as_json: bool) -> None:
    """List the manual evidence of ASSESSMENT (name or id), the oldest first."""
    found = manual_adding.listed(settings, assessment)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("No manual evidence has been added.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Control", "Added", "By", "What", "SHA-256"):
        table.add_column(name, overflow="fold")
    for one in found:
        what = one.get("fileName") or one.get("textResponse", "")
        state = "" if one["state"] == "KEPT" else f" ({one['state'].lower()})"
        who = one["createdBy"].rpartition("/")[2]
        digest = one.get("sha256", "")[:16]
        table.add_row(one["control"], one["createdAt"][:19], who, f"{what[:80]}{state}", digest)
    Console().print(table)
