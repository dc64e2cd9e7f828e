"""`affidavit report`: assessment reports that anybody can verify offline."""

import getpass
import json
import shlex
from datetime import datetime
from pathlib import Path

import click

from affidavit.operations import reports
from affidavit.settings import Settings

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def command() -> None:
    """Build assessment reports."""


@command.command()
@click.argument("assessment")
@click.option("--from", "first", type=DAY, help="First day, UTC (default: of the first run).")
@click.option("--to", "last", type=DAY, help="Last day, UTC (default: of the last run).")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("affidavit-report"),
    show_default=True,
    help="Folder, or path of the .zip file.",
)
@click.option(
    "--observations",
    type=click.Choice(["cited", "pointers", "none"]),
    default="cited",
    show_default=True,
    help="AWS's answers: whole; only the parts that records point to; only their digests.",
)
@click.option(
    "--attachments",
    type=click.Choice(["digests", "included"]),
    default="digests",
    show_default=True,
    help="Files of manual evidence: only their digests, or the files themselves.",
)
@click.option("--query", help="Only the evidence that this finds, in the finder's language.")
@click.option("--sample", type=int, help="Only so many records of it, drawn at random.")
@click.option("--seed", default="", help="Of the sample: the same seed draws the same records.")
@click.option("--by", default="", help="Who chooses (default: your login name).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def build(
    settings: Settings,
    *,
    assessment: str,
    first: datetime | None,
    last: datetime | None,
    out: Path,
    observations: str,
    attachments: str,
    query: str | None,
    sample: int | None,
    seed: str,
    by: str,
    as_json: bool,
) -> None:
    """Build the report of ASSESSMENT (an id, a unique part of it, or the name).

    It holds all evidence of its period, however much; with --query or --sample, what was chosen:
    the ledger then says what that was, and `affidavit verify` what it leaves out.

    Exit codes: 0 built; 1 could not be built; 2 wrong call; 3 the store is unusable.
    """
    request = reports.ReportRequest(
        assessment=assessment,
        out=out,
        first_day=first.date() if first else None,
        last_day=last.date() if last else None,
        observations=observations,
        attachments=attachments,
        query=query,
        sample=sample,
        seed=seed,
        by=by or getpass.getuser(),
    )
    report = reports.build_report(settings, request)
    if as_json:
        content = report.built.content
        shown = {
            "report": str(report.path),
            "reportId": report.built.report_id,
            "key": str(report.key),
            "keyFingerprint": report.key_id,
            "period": list(content.period),
            "synthetic": content.synthetic,
            "evidence": report.built.evidence,
            "runs": report.built.runs,
            "recordsOfPeriod": content.population,
        }
        click.echo(json.dumps(shown, indent=2))
        return
    held = f"{report.built.evidence} records of {report.built.runs} run(s)"
    if report.built.content.choice:
        held += f", chosen from {report.built.content.population}"
    click.echo(f"{report.path}: {held}")
    path, key = shlex.quote(str(report.path)), shlex.quote(str(report.key))
    click.echo(f"Verify with: affidavit verify {path} --key {key}")
