"""`affidavit scan`: logs searched for disclosures and events, without a server or an assessment."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.logscan.cloudtrail import TrailSettings
from affidavit.logscan.findings import Totals
from affidavit.logscan.invocations import ScanSettings
from affidavit.logscan.usage import Uses
from affidavit.operations import scans
from affidavit.operations.scan_groups import Span

FOUND, INCOMPLETE = 1, 3
_GAPS_SHOWN = 20
_USES_SHOWN = 20
FILE = click.Path(dir_okay=False, path_type=Path)
TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ"])
READABLE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.group()
def command() -> None:
    """Scan logs for disclosures and events.

    URIs are files, folders, s3:// prefixes and log groups (logs:///aws/bedrock/calls). Exit
    codes: 0 nothing was found; 1 something was; 2 wrong call; 3 nothing was found, but something
    could not be scanned. What could not is named in each case.
    """


def _output(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both scans have."""
    for option in (
        click.argument("uris", nargs=-1, required=True, metavar="URI..."),
        click.option("--json", "as_json", is_flag=True, help="Print findings as JSON lines."),
        click.option("--parquet", type=FILE, help="Write the findings to FILE."),
        click.option(
            "--engine",
            default=scans.LOCAL,
            show_default=True,
            help="Where the scan runs: local, or Spark Connect (sc://host:15002).",
        ),
        click.option(
            "--processes",
            type=click.IntRange(1),
            help="Default: one a core; of a cluster: tasks.",
        ),
        click.option(
            "--journal",
            type=FILE,
            help="Write down what is done to FILE; a scan that was killed goes on from it.",
        ),
        click.option("--profile", default="", help="AWS profile, for s3:// and logs://."),
        click.option("--region", default="", help="AWS Region of the buckets and log groups."),
        click.option("--since", type=TIME, help="Of log groups: from here (UTC)."),
        click.option("--until", type=TIME, help="Of log groups: to here (default: now)."),
    ):
        function = option(function)
    return function


@command.command()
@_output
@click.option("--kind", "kinds", multiple=True, type=click.Choice(scans.INVOCATION_KINDS),
              help="Only findings of this kind; again for more.")  # fmt: skip
@click.option(
    "--type", "types", multiple=True, help="Personal data of this type only; again for more."
)
@click.option("--allow-number", "numbers", multiple=True, help="Own number, no finding.")
@click.option("--allow-domain", "domains", multiple=True, help="Own domain, no finding.")
@click.option("--blocked-message", "blocked", multiple=True, help="Guardrail's blocked message.")
@click.option("--key-file", type=READABLE, help="Key of the hashes (default: one of this run).")
def invocations(**given: Any) -> None:
    """Find personal data, profanity, refusals and calls without guardrail in invocation logs.

    Never prints what was found: type, place, keyed hash and a masked excerpt.
    """
    look = scans.invocation_settings(
        kinds=given["kinds"],
        types=given["types"],
        allowed=(given["numbers"], given["domains"]),
        blocked_messages=given["blocked"],
        key_file=given["key_file"],
        journal=given["journal"],
    )
    _scan(_request(given, look), given["as_json"], given["parquet"])


@command.command()
@_output
@click.option("--event", "events", multiple=True,
              help="As bedrock.amazonaws.com:UpdateGuardrail, or :* for all of the service "
              "(default: the framework's events).")  # fmt: skip
@click.option("--read-only/--writes-only", "read_only", default=None, help="Only these events.")
@click.option("--errors-only", is_flag=True, help="Only events with an errorCode.")
@click.option("--public-keys", type=READABLE,
              help="Output of `aws cloudtrail list-public-keys`, for digest files.")  # fmt: skip
def cloudtrail(**given: Any) -> None:
    """Find events in CloudTrail files, each with its record, and verify digest files."""
    look = scans.trail_settings(
        events=given["events"], read_only=given["read_only"], errors_only=given["errors_only"]
    )
    _scan(_request(given, look), given["as_json"], given["parquet"])


def _utc(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=UTC) if given is not None else None


def _request(given: Mapping[str, Any], look: ScanSettings | TrailSettings) -> scans.ScanRequest:
    """Return the scan that a command's options ask for."""
    aws = AwsSettings(profile=given["profile"], region=given["region"])
    span = Span(since=_utc(given["since"]), until=_utc(given["until"]))
    where = scans.Where(uris=given["uris"], aws=aws, span=span)
    return scans.ScanRequest(
        where=where,
        look=look,
        processes=given["processes"],
        public_keys=given.get("public_keys"),
        engine=given["engine"],
        journal=given["journal"],
    )


def _scan(request: scans.ScanRequest, as_json: bool, parquet: Path | None) -> None:
    if parquet is not None and parquet.exists():
        raise UsageError(f"{parquet} exists already", todo="Name a file that does not.")
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    show = sys.stdout.write if as_json else None
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("Listing", total=None)
        outcome = scans.scan(
            request,
            show=show,
            parquet=parquet,
            progress=lambda done, total: progress.update(
                task, description="Scanning", completed=done, total=total
            ),
        )
    if as_json:
        for gap in outcome.gaps:
            click.echo(json.dumps(gap.to_json()))
        click.echo(json.dumps(outcome.totals.to_json()))
    else:
        _summary(outcome)
    for gap in outcome.gaps[:_GAPS_SHOWN]:
        times = f" ({gap.count} times)" if gap.count > 1 else ""
        click.echo(f"Not scanned: {gap.object_uri}: {gap.why}{times}", err=True)
    if len(outcome.gaps) > _GAPS_SHOWN:
        click.echo(f"… and {len(outcome.gaps) - _GAPS_SHOWN} more gaps.", err=True)
    sys.exit(FOUND if outcome.found else INCOMPLETE if outcome.gaps else 0)


def _summary(outcome: scans.Outcome) -> None:
    totals = outcome.totals
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("kind", "part", "type"):
        table.add_column(name)
    table.add_column("findings", justify="right")
    for name, count in sorted(totals.findings.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(*name.split(" ", 2), f"{count:,}")
    if outcome.found:
        console.print(table)
    click.echo(
        f"{outcome.found:,} findings in {totals.records:,} records of {totals.objects:,} objects "
        f"({totals.raw:,} bytes, {totals.foreign:,} other values), {len(outcome.gaps):,} gaps."
    )
    _population(outcome)


def _used(title: str, uses: Uses) -> None:
    """Print what calls came to, the most used first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("calls", "errors", "tokens in", "tokens out", "mean latency"):
        table.add_column(name, justify="right")
    table.add_column(title, overflow="fold")
    for name, use in uses.most_used()[:_USES_SHOWN]:
        latency = f"{use.latency_ms / use.timed:,.0f} ms" if use.timed else "not told"
        failed = f"{use.errors:,} ({use.errors / use.calls:.1%})"
        tokens = f"{use.input_tokens:,}", f"{use.output_tokens:,}"
        table.add_row(f"{use.calls:,}", failed, *tokens, latency, name or "(none named)")
    Console().print(table)
    if len(uses) > _USES_SHOWN:
        click.echo(f"… and {len(uses) - _USES_SHOWN:,} more.")


def _usage(totals: Totals) -> None:
    """Print what the calls came to, by model and by principal."""
    for title, uses in (("model", totals.models), ("principal", totals.principals)):
        _used(title, uses)
    whole = totals.models.whole()
    click.echo(
        f"All calls: {whole.input_tokens:,} tokens in and {whole.output_tokens:,} out, "
        f"{whole.errors:,} errors ({whole.errors / whole.calls:.1%}); "
        f"latency told by {whole.timed:,}."
    )


def _left_out(totals: Totals) -> None:
    """Print how many hits each own number and domain left out."""
    entries = Counter[str]()
    for one in totals.of_own():
        entries[one.entry] += one.count
    if entries:
        told = ", ".join(f"{entry} ({count:,})" for entry, count in entries.most_common())
        click.echo(f"Left out as your own: {told}.")


def _population(outcome: scans.Outcome) -> None:
    """Print over what this was said: hours without records, and what is not known."""
    totals = outcome.totals
    for day in totals.days():
        if day.hours_without:
            hours = ", ".join(f"{hour:02}" for hour in day.hours_without)
            click.echo(f"{day.day}: {day.records:,} records; none in hours {hours} (UTC).")
    if totals.models:
        _usage(totals)
    _left_out(totals)
    if totals.guard_unknown:
        click.echo(f"{totals.guard_unknown:,} calls: whether guarded is not to be seen.")
    if outcome.proved or outcome.unsigned:
        click.echo(
            f"{outcome.proved:,} log files proved by signed digests, {outcome.unsigned:,} agree "
            "with digests whose signature was not verified."
        )
    if outcome.not_looked_for:
        click.echo(f"Not looked for: {', '.join(outcome.not_looked_for)} (docs/reference/scan.md).")
