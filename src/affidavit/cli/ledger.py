"""`affidavit ledger`: verify the ledger, print its signed checkpoint."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import Progress

from affidavit.operations import ledger
from affidavit.settings import Settings


@click.group()
def command() -> None:
    """Verify the ledger of what was collected; print its signed checkpoint."""


@command.command()
@click.option("--tenant", help="Only this tenant's ledger (<account id>/<Region>).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def verify(settings: Settings, tenant: str | None, *, as_json: bool) -> None:
    """Recompute every leaf, root and signature from what is stored.

    Exit codes: 0 everything holds; 1 something does not, and is named; 3 the store is unusable.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Verifying", total=None)
        logs = ledger.verify(
            settings,
            tenant,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        click.echo(json.dumps([asdict(log) for log in logs], indent=2))
        return
    for log in logs:
        click.echo(
            f"{log.tenant}: {log.leaves} leaves hold ({log.evidence} evidence records, {log.runs} "
            f"runs), as do {log.checkpoints} signed checkpoints."
        )
        if log.deleted:
            click.echo(f"The evidence of {log.deleted} leaves was deleted, as the ledger says.")
        if log.unsigned:
            click.echo(f"{log.unsigned} leaves are newer than the last checkpoint.")


@command.command()
@click.option("--tenant", help="Whose ledger (<account id>/<Region>); needed where there are more.")
@click.option("--sign", is_flag=True, help="Sign the ledger as it stands now, if it has grown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def checkpoint(settings: Settings, tenant: str | None, *, sign: bool, as_json: bool) -> None:
    """Print the newest signed checkpoint (C2SP tlog-checkpoint).

    Keep it somewhere else: whoever holds an old checkpoint can tell when the ledger is rewritten.
    """
    found = ledger.checkpoint(settings, tenant, sign=sign)
    if not as_json:
        click.echo(found.note, nl=False)
        return
    shown = {
        "tenant": found.tenant,
        "size": found.size,
        "key": found.key,
        "signedAt": found.signed_at.isoformat(),
        "note": found.note,
        "stamped": found.stamp is not None,
        "stampWarning": found.stamp_warning,
    }
    click.echo(json.dumps(shown, indent=2))
