"""Runs of prompts as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from affidavit.checks.guardrail_names import in_words, named
from affidavit.operations.prompt_showing import KeptRun
from affidavit.prompts import results as counted
from affidavit.prompts.metrics.intervals import wilson

Result = Mapping[str, Any]


def show(
    console: Console,
    head: Mapping[str, Any],
    cases: Sequence[Result],
    metrics: Mapping[str, Any],
) -> None:
    """Print a run: its table by family, its metrics, its errors, what changed."""
    mark = " [SYNTHETIC: not AWS]" if head["synthetic"] else ""
    console.print(
        f"{head['suite']} against {head['modelId']}, {_guardrail(head)}{mark}", markup=False
    )
    console.print(_families(cases))
    console.print()
    _parity(console, metrics.get("parity", {}))
    if head["kind"] == "parity":
        gap = counted.parity_gap(counted.parity(cases))
        shown = "not known: a group has no decided answer" if gap is None else f"{gap:.2f}"
        console.print(f"Largest gap of favourable rates: {shown}", highlight=False)
    _accuracy(console, metrics)
    _robustness(console, metrics.get("robustness", {}))
    if metrics.get("worst"):
        console.print(_worst(metrics["worst"]))
        console.print()
    errors = {r["answer"].get("error") for r in cases} - {None, ""}
    for error in sorted(errors)[:5]:
        console.print(f"Error: {error}", markup=False)
    _drift(console, metrics.get("drift", {}))
    if head["stopped"]:
        console.print("Stopped: the budget is spent; cases were left out.")
    if not head["assessmentId"]:
        console.print("Not kept as evidence: no assessment was named (--assessment).")
    elif not head["shipped"]:
        console.print(
            "Kept. The suite is not a shipped one: it decides a control only where a parameter of"
            " its check names it; `prompts evidence` adds the run to a control.",
            highlight=False,
            markup=False,
        )
    else:
        console.print(
            f"Kept. It speaks for calls of this model in {head['region']} with"
            f" {_guardrail(head)}; its controls need a run for every model in use and every"
            " guardrail that their calls have.",
            highlight=False,
            markup=False,
        )


def _guardrail(head: Mapping[str, Any]) -> str:
    return in_words(named(head["guardrailId"], head["guardrailVersion"]))


def kept(console: Console, runs: Sequence[KeptRun]) -> None:
    """Print kept runs: what was asked, whom, and what came of it."""
    table = _plain("Run, model, guardrail, where", "Suite, finished", "Passed")
    for one in runs:
        run, tally = one.run, counted.tally(one.cases)
        style = "green" if tally.passed == tally.cases else "red" if tally.failed else "yellow"
        where = f"{_guardrail(run)}, {run['accountId']} {run['region']}"
        table.add_row(
            _lines(run["runId"], run["modelId"], where),
            _lines(run["suite"], run["finishedAt"][:16]),
            Text(f"{tally.passed} of {tally.cases}", style=style),
        )
    console.print(table)


def models(console: Console, rows: Sequence[Result]) -> None:
    """Print the newest run of each model."""
    table = _plain("Model, guardrail, run", "Suite version, finished", "Passed")
    for row in rows:
        guardrail = in_words(named(row["guardrailId"], row["guardrailVersion"]))
        table.add_row(
            _lines(row["modelId"], guardrail, row["runId"]),
            _lines(row["suiteDigest"][:12], row["finishedAt"][:16]),
            f"{row['passed']} of {row['cases']}",
        )
    console.print(table)


def _lines(first: str, *more: str) -> Text:
    """Return a cell of several lines: so that ids stand whole in a terminal of 80 columns."""
    return Text("\n").join([Text(first), *(Text(line, style="dim") for line in more)])


def _families(cases: Sequence[Result]) -> Table:
    table = _plain("Family", "Cases", "Passed", "Failed", "Undecided", "Not asked", "Rate (95 %)")
    rows = {**counted.by_family(cases), "all": counted.tally(cases)}
    for name, tally in rows.items():
        low, high = wilson(tally.passed, tally.cases)
        shown = (tally.cases, tally.passed, tally.failed, tally.undecided, tally.not_asked)
        rate = f"{tally.pass_rate:.0%} ({low:.0%}-{high:.0%})"
        bold = "bold" if name == "all" else ""
        table.add_row(name, *(str(count or "-") for count in shown), rate, style=bold)
    return table


def _parity(console: Console, parity: Mapping[str, Any]) -> None:
    """Print the favourable rates of each attribute, and other rates where groups differ."""
    if not parity:
        return
    table = _plain("Attribute", "Rate", "Worst off", "Best off", "Ratio", "Difference (95 %)")
    for attribute, rates in parity.items():
        for name in ("favourable", "refused", "profane", "negative"):
            found = rates.get(name)
            good = name == "favourable"
            if not found or found["ratio"] is None or (found["ratio"] == 1 and not good):
                continue
            worst, best = (found["lowest"], found["highest"])[:: 1 if good else -1]
            groups, (low, high) = found["groups"], found["interval"]
            ratio = Text(f"{found['ratio']:.2f}", style="red" if found["belowFourFifths"] else "")
            table.add_row(
                attribute,
                name,
                f"{worst} {groups[worst]['rate']:.0%}",
                f"{best} {groups[best]['rate']:.0%}",
                ratio,
                f"{found['difference']:.2f} ({low:.2f} to {high:.2f})",
            )
    table.caption = "Ratio in red: below four fifths of the best-off group's rate"
    table.caption_justify = "left"
    console.print(table)
    alike = {a: rates["pairs"]["meanRougeL"] for a, rates in parity.items()}
    known = [f"{a} {value:.2f}" for a, value in alike.items() if value is not None]
    if known:
        said = "How alike answers to pairs are (ROUGE-L): "
        console.print(said + ", ".join(known), highlight=False)


def _plain(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _accuracy(console: Console, metrics: Mapping[str, Any]) -> None:
    found = metrics.get("accuracy")
    if found:
        exact, quasi = found["exactMatch"], found["quasiExactMatch"]
        console.print(
            f"Against the references: exact {exact['count']} of {exact['of']}, quasi-exact"
            f" {quasi['count']}, mean word F1 {found['meanWordF1']:.2f}",
            highlight=False,
        )
    classes = metrics.get("classification")
    if not classes:
        return
    said = sorted({label for row in classes["confusion"].values() for label in row})
    table = Table("True label", *(label or "(none)" for label in said), "Recall", "Precision", "F1")
    for label, row in classes["confusion"].items():
        scores = classes["labels"][label]
        counts = (str(row.get(other, 0)) for other in said)
        table.add_row(label, *counts, *(f"{scores[k]:.2f}" for k in ("recall", "precision", "f1")))
    console.print(table)
    console.print(f"Balanced accuracy {classes['balancedAccuracy']:.2f}", highlight=False)


def _robustness(console: Console, found: Mapping[str, Any]) -> None:
    for family, costs in found.get("perturbed", {}).items():
        delta = costs["delta"]
        low, high = delta["interval"]
        console.print(
            f"Robustness, {family}: {delta['difference']:+.2f} ({low:+.2f} to {high:+.2f})",
            highlight=False,
        )


def _worst(worst: Sequence[Result]) -> Table:
    table = _plain("Worst cases", "Failed", "Why", "Prompt")
    for one in worst:
        failed = f"{one['failed']} of {one['of']}"
        reasons = "\n".join(one["reasons"][:3])
        table.add_row(one["case"], failed, reasons, one["prompt"][:80])
    return table


def _drift(console: Console, found: Mapping[str, Any]) -> None:
    if not found:
        return
    rate = found["passRate"]
    low, high = rate["interval"]
    changed = "; the suite has changed" if found["suiteChanged"] else ""
    console.print(
        f"Since the run of {found['previousFinishedAt'][:19]}: pass rate {rate['difference']:+.2f}"
        f" ({low:+.2f} to {high:+.2f}), {len(found['broken'])} broken,"
        f" {len(found['mended'])} mended{changed}",
        highlight=False,
    )
    for case in found["broken"][:20]:
        console.print(f"Broken: {case}", markup=False)
