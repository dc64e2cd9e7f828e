"""What a run prints at its end."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from affidavit.model.observation import GapReason
from affidavit.model.run import LeftOut
from affidavit.operations.prompt_runs import PromptOutcome
from affidavit.operations.runs import RunOutcome
from affidavit.operations.summary import Finding, RunSummary
from affidavit.prompts import results as counted

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def show(console: Console, outcome: RunOutcome) -> None:
    """Print the run: scope, verdicts by control set, the worst findings, the report."""
    summary, record = outcome.summary, outcome.summary.record
    if record.synthetic:
        console.print(
            "SYNTHETIC: collected from an endpoint that is not AWS. Proof of nothing.",
            style="bold magenta",
        )
    console.print(_scope(summary), highlight=False)
    for why, places in _left_out(record.estate.left_out).items():
        console.print(Text(f"Left out: {', '.join(places)}: {why}", style="yellow"))
    console.print()
    console.print(_sets(summary))
    if record.gaps:
        console.print(Text(_gaps(record.gaps), style="yellow"))
    if summary.worst:
        console.print()
        console.print(_worst(summary.worst))
    if outcome.prompts:
        console.print()
        console.print(_prompts(outcome.prompts))
    for warning in outcome.warnings:
        console.print(Text(f"Warning: {warning}", style="yellow"))
    if outcome.report is None:
        return
    report, key = shlex.quote(str(outcome.report)), shlex.quote(str(outcome.key))
    console.print()
    console.print(Text.assemble(("Report  ", "bold"), report), soft_wrap=True)
    command = f"{_program()} verify {report} --key {key}"
    console.print(Text.assemble(("Verify  ", "bold"), command), soft_wrap=True)


def _program() -> str:
    """Return how this command is called: by its name where that is found, else by its path."""
    return "affidavit" if shutil.which("affidavit") else shlex.quote(os.path.relpath(sys.argv[0]))


def _scope(summary: RunSummary) -> str:
    record = summary.record
    estate = record.estate
    seconds = (record.finished_at - record.started_at).total_seconds()
    return (
        f"{record.assessment_name}, {record.day.isoformat()} (UTC): "
        f"{len(estate.accounts)} account(s) in {', '.join(estate.regions)}\n"
        f"{record.evidence:,} evidence records from {record.operations:,} questions, each asked "
        f"once ({record.naive_operations:,} when asked for each control by itself), "
        f"{record.calls:,} HTTP requests, {seconds:.0f} s"
    )


def _left_out(left_out: tuple[LeftOut, ...]) -> dict[str, list[str]]:
    """Return what was left out by its reason, so that many Regions take one line."""
    reasons: dict[str, list[str]] = {}
    for left in left_out:
        place = f"{left.account_id} {left.region}".strip()
        reasons.setdefault(left.why, []).append(place)
    return reasons


def _gaps(gaps: Mapping[str, int]) -> str:
    """Return why records are gaps, most frequent first; where access was denied, what to allow."""
    most = sorted(gaps.items(), key=lambda one: (-one[1], one[0]))
    words = "Gaps: " + ", ".join(f"{number} {GapReason(why).words}" for why, number in most)
    if gaps.get(GapReason.DENIED):
        words += ". `affidavit policy` prints what the role must be allowed"
    return f"{words}."


COLUMNS = (
    ("Controls", "controls", ""),
    ("Compliant", "compliant", "green"),
    ("Automated part*", "automated_only", "green"),
    ("Non-\ncompliant", "non_compliant", "red"),
    ("Inconclusive", "inconclusive", ""),
    ("Gaps", "gaps", "yellow"),
)
"""Heading, member of `SetSummary`, and style of each column."""


def _sets(summary: RunSummary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    table.add_column("Control set", "Total")
    for heading, member, style in COLUMNS:
        total = sum(getattr(row, member) for row in summary.sets)
        table.add_column(heading, str(total), justify="right", style=style)
    for row in summary.sets:
        counts = (getattr(row, member) for _, member, _ in COLUMNS)
        table.add_row(row.name, *(str(count or "-") for count in counts))
    if any(row.automated_only for row in summary.sets):
        table.caption = "* compliant there; the manual part is missing or expired"
        table.caption_justify = "left"
    return table


def _worst(findings: tuple[Finding, ...]) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title="Worst findings",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("Severity")
    table.add_column("Control", no_wrap=True)
    table.add_column("#", justify="right")
    table.add_column("What is not met, for example where, and what to do", overflow="fold")
    for finding in findings:
        table.add_row(
            Text(finding.severity, style=SEVERITY_STYLES[finding.severity]),
            finding.control_id,
            str(finding.resources),
            Text.assemble(finding.expected, "\n", (finding.example, "dim"), f"\n→ {finding.todo}"),
        )
    return table


def _prompts(outcomes: tuple[PromptOutcome, ...]) -> Table:
    """Return a row for each suite and a column for each account: cases passed, of how many.

    All models of an account together: there may be many; `affidavit prompts runs` has each.
    """
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title="Prompts: cases passed by all models together",
        title_justify="left",
        title_style="bold",
        caption="`affidavit prompts runs` shows each model, with its guardrail",
        caption_justify="left",
    )
    by_account: dict[str, dict[str, list[PromptOutcome]]] = {}
    for outcome in outcomes:
        suites = by_account.setdefault(outcome.head["accountId"], {})
        suites.setdefault(outcome.head["suite"], []).append(outcome)
    table.add_column("Suite", no_wrap=True)
    for account, suites in by_account.items():
        models = max(len(runs) for runs in suites.values())
        table.add_column(f"{account}\n{models} model(s)", justify="right")
    for suite in sorted({suite for suites in by_account.values() for suite in suites}):
        table.add_row(suite, *(_share(suites.get(suite, [])) for suites in by_account.values()))
    return table


def _share(outcomes: list[PromptOutcome]) -> Text:
    if not outcomes:
        return Text("-")
    gaps = [counted.parity_gap(counted.parity(outcome.results)) for outcome in outcomes]
    if gap := max((gap for gap in gaps if gap is not None), default=None):
        return Text(f"gap between groups {gap:.2f}", style="red")
    if None not in gaps:
        return Text("gap between groups 0.00", style="green")
    tallies = [counted.tally(outcome.results) for outcome in outcomes]
    passed, cases = sum(t.passed for t in tallies), sum(t.cases for t in tallies)
    is_red = any(t.failed for t in tallies)
    style = "green" if passed == cases else "red" if is_red else "yellow"
    return Text(f"{passed} of {cases}", style=style)
