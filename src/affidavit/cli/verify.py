"""`affidavit verify`: is a report what it says? Offline, without server or database."""

import sys
from pathlib import Path

import click

from affidavit.operations import reports
from affidavit.report.verify.main import NOT_VERIFIED, VERIFIED, show


@click.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="Public key: a PEM file, or a verifier key.")
@click.option(
    "--previous",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An earlier report: is its ledger the beginning of this one's?",
)
@click.option("--rejudge", is_flag=True, help="Recompute every verdict from the observations.")
@click.option("--details", is_flag=True, help="Show the counts of each control.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    report: Path, key: str, previous: Path | None, *, rejudge: bool, details: bool, as_json: bool
) -> None:
    """Verify REPORT with the public key that you got on another way.

    REPORT is a .zip, or an export of `affidavit find` with its manifest beside it.
    Names the first thing that is wrong, and says what is not proved. Without --key nothing is
    proved: the key in the report is a forger's to choose.

    Exit codes: 0 verified; 1 not verified; 2 wrong call.
    """
    outcome = reports.verify_file(report, key, previous, again=rejudge)
    show(outcome, as_json=as_json, details=details)
    sys.exit(VERIFIED if outcome.verified else NOT_VERIFIED)
