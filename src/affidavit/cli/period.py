"""`affidavit period`: what each control was, day by day, over an audit's period."""

import json
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from affidavit.finder.period import ControlPeriod, Period, State
from affidavit.finder.period_shown import to_json
from affidavit.operations import period as periods
from affidavit.settings import Settings

DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(dir_okay=False, path_type=Path)
INCOMPLETE = 1
HEADINGS = ("OK", "Auto", "Bad", "Open", "Gap", "None", "% days", "Changes")
"""Days compliant, compliant in the automated part of a partial control, non-compliant,
inconclusive, gap, nothing; covered days; changes."""
NEWEST = 10
"""Changes that are shown."""


@click.command()
@click.argument("assessment")
@click.option("--from", "first", type=DAY, required=True, help="First day, UTC.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, UTC; not after today.")
@click.option("--csv", type=FILE, help="Write a row for each control and day to FILE.")
@click.option("--svg", type=FILE, help="Write the chart to FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    assessment: str,
    first: datetime,
    last: datetime,
    csv: Path | None,
    svg: Path | None,
    as_json: bool,
) -> None:
    """Show what each control of ASSESSMENT was on each day of a period.

    Compliant, non-compliant, inconclusive, gap (could not be observed) or nothing (no run); when
    that changed and why; how many days are covered, and the longest stretch that is not.

    Exit codes: 0 shown; 1 shown, but some evidence could not be read; 2 wrong call; 3 the store is
    unusable.
    """
    shown = periods.period(settings, assessment, first.date(), last.date())
    if csv is not None:
        periods.write_csv(shown, csv)
    if svg is not None:
        periods.write_svg(shown, svg)
    if as_json:
        click.echo(json.dumps(to_json(shown), indent=2, ensure_ascii=False))
    elif csv is None and svg is None:
        _show(shown)
    else:
        click.echo(f"Written: {', '.join(str(one) for one in (csv, svg) if one is not None)}")
    for one in shown.unreadable:
        click.echo(f"Reasons may be missing: {one.rows} rows of {one.day}. {one.why}", err=True)
    sys.exit(INCOMPLETE if shown.unreadable else 0)


def _show(shown: Period) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Control", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Longest gap", justify="right", no_wrap=True)
    for one in shown.controls:
        numbers = [one.counts[state] for state in State]
        good = (0, numbers[0]) if one.partial else (numbers[0], 0)
        counts = [str(number or "-") for number in (*good, *numbers[1:])]
        changes = str(len(one.changes) or "-")
        table.add_row(one.control_id, *counts, one.covered_percent, changes, _gap(one))
    console = Console()
    console.print(table)
    without = len(shown.days_without_run)
    console.print(f"{shown.days} days, {without} of them without a run.", highlight=False)
    newest = sorted(
        ((change, one.control_id) for one in shown.controls for change in one.changes),
        key=lambda pair: pair[0].day,
        reverse=True,
    )
    for change, control in newest[:NEWEST]:
        words = f"{change.before.words} to {change.after.words.lower()}: {change.why}"
        console.print(f"{change.day} {control}: {words}", highlight=False, markup=False)
    if len(newest) > NEWEST:
        console.print(f"{len(newest) - NEWEST} earlier changes: --json or --csv shows them.")


def _gap(one: ControlPeriod) -> str:
    gap = one.longest_gap
    if gap is None:
        return "none"
    return f"{(gap[1] - gap[0]).days + 1} d"
