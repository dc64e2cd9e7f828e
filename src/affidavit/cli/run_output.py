"""What a run prints at its end."""

import shlex

from rich.console import Console
from rich.table import Table
from rich.text import Text

from affidavit.model.run import LeftOut
from affidavit.operations.runs import RunOutcome
from affidavit.operations.summary import Finding, RunSummary, SetSummary

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
    if summary.worst:
        console.print()
        console.print(_worst(summary.worst))
    for warning in outcome.warnings:
        console.print(Text(f"Warning: {warning}", style="yellow"))
    if outcome.report is None:
        return
    report, key = shlex.quote(str(outcome.report)), shlex.quote(str(outcome.key))
    console.print()
    console.print(Text.assemble(("Report  ", "bold"), report), soft_wrap=True)
    command = f"affidavit verify {report} --key {key}"
    console.print(Text.assemble(("Verify  ", "bold"), command), soft_wrap=True)


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


def _sets(summary: RunSummary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    total = {
        name: sum(getattr(row, name) for row in summary.sets)
        for name in ("controls", "compliant", "non_compliant", "inconclusive", "gaps")
    }
    table.add_column("Control set", "Total")
    table.add_column("Controls", str(total["controls"]), justify="right")
    table.add_column("Compliant", str(total["compliant"]), justify="right", style="green")
    table.add_column("Non-compliant", str(total["non_compliant"]), justify="right", style="red")
    table.add_column("Inconclusive", str(total["inconclusive"]), justify="right")
    table.add_column("Gaps", str(total["gaps"]), justify="right", style="yellow")
    for row in summary.sets:
        table.add_row(
            row.name,
            str(row.controls),
            _compliant(row),
            str(row.non_compliant or "-"),
            str(row.inconclusive or "-"),
            str(row.gaps or "-"),
        )
    if any(row.automated_only for row in summary.sets):
        table.caption = "* automated part only; the manual part is missing or expired"
        table.caption_justify = "left"
    return table


def _compliant(row: SetSummary) -> str:
    if not row.compliant:
        return "-"
    return f"{row.compliant} ({row.automated_only}*)" if row.automated_only else str(row.compliant)


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
    table.add_column("Not met, and for example where", overflow="fold", ratio=3)
    table.add_column("What to do", ratio=2)
    for finding in findings:
        table.add_row(
            Text(finding.severity, style=SEVERITY_STYLES[finding.severity]),
            finding.control_id,
            str(finding.resources),
            Text.assemble(finding.expected, "\n", (finding.example, "dim")),
            finding.todo,
        )
    return table
