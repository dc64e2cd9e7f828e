"""`affidavit ledger`: verify the ledger, print its signed checkpoint, compact its evidence."""

import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from affidavit.errors import LedgerError, StoreDamagedError
from affidavit.operations import ledger, retention
from affidavit.settings import Settings
from affidavit.store import VerifiedContent, VerifiedLog


@click.group()
def command() -> None:
    """Verify the ledger of what was collected; print its signed checkpoint."""


@command.command()
@click.option("--tenant", help="Only this tenant's ledger (<account id>/<Region>).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def verify(settings: Settings, tenant: str | None, *, as_json: bool) -> None:
    """Recompute every leaf, root and signature, and read all that the ledger names by digest.

    That is every answer of AWS and every attached file: all that is gone or altered is named.

    Exit codes: 0 everything holds; 1 something does not, and is named; 3 the store is unusable.
    """
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    off = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=off) as progress:
        contents = ledger.verify_content(settings, tenant, _bar(progress, "Answers and files"))
        for content in contents:
            for damage in content.damages:
                click.echo(f"{content.tenant}: {damage.what}: {damage.why}", err=True)
        try:
            logs = ledger.verify(settings, tenant, _bar(progress, "Leaves"))
        except StoreDamagedError as error:  # a file of evidence: what is verified, not the store
            raise LedgerError(error.what, why=error.why, todo=error.todo) from error
    damaged = any(content.damages or content.unopened for content in contents)
    damaged = damaged or any(log.sealed for log in logs)
    if as_json:
        shown = [
            {**asdict(log), **asdict(content)} for log, content in zip(logs, contents, strict=True)
        ]
        click.echo(json.dumps(shown, indent=2))
    else:
        for log, content in zip(logs, contents, strict=True):
            _tell(log, content)
    sys.exit(LedgerError.exit_code if damaged else 0)


def _bar(progress: Progress, words: str) -> Callable[[int, int], None]:
    task = progress.add_task(words, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _tell(log: VerifiedLog, content: VerifiedContent) -> None:
    click.echo(
        f"{log.tenant}: {log.leaves} leaves hold ({log.evidence} evidence records, {log.runs} "
        f"runs), as do {log.checkpoints} signed checkpoints."
    )
    if log.deleted:
        click.echo(f"The evidence of {log.deleted} leaves was deleted, as the ledger says.")
    if log.sealed:
        click.echo(
            f"The evidence of {log.sealed} leaves could NOT be opened, so it was not compared; "
            f"their hashes hold. {log.why_sealed}"
        )
    if log.unsigned:
        click.echo(f"Leaves newer than the last checkpoint: {log.unsigned}.")
    read = (
        f"{content.answers} answers with {content.blobs} bodies and {content.attachments} items of "
        "manual evidence were read again"
    )
    if content.deleted:
        gone = "runs without their answers, or items of manual evidence, are gone"
        click.echo(f"{content.deleted} {gone}, as the ledger says.")
    if content.unopened:
        closed = f"{content.unopened} of these bodies and files could NOT be opened"
        click.echo(f"{closed}, so they were not compared. {content.why_unopened}")
    found = len(content.damages)
    held = "the rest as logged" if content.unopened else "all as logged"
    click.echo(f"{read}: {f'{found} are DAMAGED, named above' if found else held}.")


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


@command.command()
@click.option("--tenant", help="Only this tenant's evidence (<account id>/<Region>).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def compact(settings: Settings, tenant: str | None, *, as_json: bool) -> None:
    """Put the files of each closed day together; no leaf, record or proof changes.

    Exit codes: 0 done, or nothing to do; 1 a day is damaged, named, and left as it is.
    """
    done = ledger.compact(settings, tenant)
    if as_json:
        click.echo(json.dumps({one: asdict(what) for one, what in done.items()}, indent=2))
    for one, what in {} if as_json else done.items():
        files = f"{what.files_before} files of {what.rows} records are now {what.files_after}"
        click.echo(f"{one}: {files}.")
    damaged = [f"{one}: {why}" for one, what in done.items() for why in what.damaged]
    for line in [*damaged, *ledger.undone(settings, tenant)]:
        click.echo(line, err=True)
    sys.exit(LedgerError.exit_code if damaged else 0)


@command.command()
@click.option("--tenant", required=True, help="Whose evidence (<account id>/<Region>).")
@click.option("--assessment", default="", help="Only of this one (its id).")
@click.option("--days", type=click.IntRange(min=1), default=retention.DAYS, show_default=True)
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.confirmation_option(prompt="Delete this evidence for ever?")
@click.pass_obj
def expire(settings: Settings, *, tenant: str, assessment: str, days: int, by: str) -> None:
    """Delete evidence older than so many days; the ledger keeps its hashes and verifies.

    What is under legal hold stays.
    """
    who = by or getpass.getuser()
    done = retention.expire(settings, tenant, assessment, days=days, by=who)
    for one, gone in done.items():
        manual = f" and {gone.manual} items of manual evidence" if gone.manual else ""
        click.echo(f"{one}: {gone.files} evidence files{manual} were deleted.")
    for line in ledger.undone(settings, tenant):
        click.echo(f"{line} `affidavit serve` tries again by itself.", err=True)


@command.command()
@click.option("--tenant", required=True, help="Whose evidence (<account id>/<Region>).")
@click.option("--assessment", default="", help="Only of this one (its id).")
@click.option("--days", type=click.IntRange(min=0), required=True, help="0: for ever.")
@click.option("--by", default="", help="Who does it; default: your login name.")
@click.pass_obj
def retain(settings: Settings, *, tenant: str, assessment: str, days: int, by: str) -> None:
    """Set for how many days `affidavit serve` keeps evidence; it deletes older once a day.

    Without a rule it is AFFIDAVIT_RETENTION_DAYS. What is under legal hold stays.
    """
    retention.set_rule(settings, tenant, assessment, days=days, by=by or getpass.getuser())
    kept = f"{days} days" if days else "ever"
    click.echo(f"The evidence of {assessment or tenant} is kept for {kept}.")
