"""The outcome in words, for a terminal of 80 columns."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from .outcome import NO_KEY, Outcome

WIDTH = 80
_LABEL = 14
_STEP = len(" ok   manual evidence ")
"""Where the words of a step begin: that one has the longest name."""
_SHOWN = 10
_WORDS = {
    "COMPLIANT": "compliant",
    "NON_COMPLIANT": "non-compliant",
    "NOT_APPLICABLE": "inconclusive",
}


def render(outcome: Outcome, *, details: bool = False) -> str:
    """Return the whole summary; `details` adds the counts of each control."""
    return "\n".join(printable(line) for line in _lines(outcome, details=details))


def printable(text: str) -> str:
    """Return `text` with all that could move the cursor or turn the direction written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _lines(outcome: Outcome, *, details: bool) -> list[str]:
    about = _about_export if outcome.kind == "export" else _about
    lines = [f"{outcome.kind.capitalize()} {outcome.name}", ""]
    if outcome.facts:
        lines += [*about(outcome.facts), ""]
    for step, words in outcome.steps:
        lines += _item(" ok ", step, words)
    if outcome.failure:
        failure = outcome.failure
        lines += _item("FAIL", failure.step, f"{failure.where}: {failure.what}")
    if outcome.facts and details and outcome.kind == "report":
        lines += ["", *_controls(outcome.facts)]
    if outcome.notes:
        lines += ["", f"Not proved by this {outcome.kind}:"]
        for note in outcome.notes:
            lines += textwrap.wrap(note, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return [*lines, "", *textwrap.wrap(_verdict(outcome), WIDTH)]


def _item(mark: str, label: str, words: str) -> list[str]:
    head = f"{mark}  {label}".ljust(_STEP)
    return textwrap.wrap(
        words, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )


def _about(facts: dict[str, Any]) -> Iterator[str]:
    first, last = facts["period"]
    partly = f", {facts['activity_runs']} of activity alone" if facts["activity_runs"] else ""
    runs, missing = facts["runs"], [date.fromisoformat(d) for d in facts["days_without_run"]]
    yield from _fact("Assessment", f"{facts['assessment']['name']} ({facts['assessment']['id']})")
    yield from _fact("Tenant", facts["tenant"])
    yield from _fact(
        "Period", f"{first} to {last}: {runs} {'run' if runs == 1 else 'runs'}{partly}"
    )
    without = _ranges(missing) if missing else "none"
    yield from _fact("Without run", _days(len(missing), without))
    yield from _fact("Evidence", _counts(facts["evidence"]))
    for words in _deleted(facts["deleted"]):
        yield from _fact("DELETED", words)
    if facts["chosen"]:
        yield from _fact("Chosen", _choice(facts["chosen"]))
        yield from _fact("Left out", _left_out(facts["omitted"]))
    yield from _fact("Controls", _control_counts(facts))
    yield from _fact(
        "Ledger", f"{facts['tree']['size']} leaves, root {facts['tree']['root'][:32]}…"
    )
    yield from _fact("Leaves", _leaves(facts["leaves"]))
    yield from _fact("Deviations", _deviations(facts["deviations"]))
    yield from _fact(
        "Signing key", f"protection, as the operator says: {facts['signing_key_protection']}"
    )
    if facts["synthetic"]:
        yield from _fact(
            "SYNTHETIC", "evidence from an emulator or an unknown endpoint, not from AWS itself"
        )


def _about_export(facts: dict[str, Any]) -> Iterator[str]:
    yield from _fact("Tenant", facts["tenant"])
    yield from _fact("Query", facts["query"] or "all evidence")
    yield from _fact("Understood", facts["understood"] or "all evidence")
    yield from _fact("Asked at", f"{facts['generated_at']} by {facts['tool']}")
    yield from _fact("Rows", f"{facts['rows']}, {facts['format']}")
    for name in ("sample", "first"):
        if name in facts:
            yield from _fact("Only", f"{name} {facts[name]}")
    missing = sum(one["rows"] for one in facts["unreadable"])
    yield from _fact("Not in it", f"{missing} rows that could not be read" if missing else "none")


def _fact(label: str, words: str) -> list[str]:
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=f"{label}:".ljust(_LABEL),
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )


def _choice(choice: dict[str, Any]) -> str:
    """Return how the report's records were chosen."""
    words = {
        "selection": "by a person, record by record or folder by folder",
        "query": f"by the query {choice['query']!r}",
        "sample": f"at random from {choice['population']} records of the query "
        f"{choice['query']!r}, seed {choice['seed']!r}",
    }
    return f"{words.get(choice['by'], choice['by'])}; leaf {choice['leaf']} of the ledger says so"


def _left_out(omitted: dict[str, dict[str, int]]) -> str:
    """Return how many records of the period the report leaves out, and of which controls."""
    total: Counter[str] = Counter()
    for counts in omitted.values():
        total.update(counts)
    if not total:
        return "none"
    worst = sorted(
        ((n.get("NON_COMPLIANT", 0), control) for control, n in omitted.items()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    shown = "; ".join(f"{number} of {control}" for number, control in worst[:_SHOWN] if number)
    more = f". Non-compliant: {shown}" if shown else ""
    rest = sum(number > 0 for number, _ in worst[_SHOWN:])
    return f"{_counts(total)}{more}" + (f"; and of {rest} more controls" if rest else "")


def _deleted(found: list[dict[str, Any]]) -> Iterator[str]:
    """Yield for each deletion which days' evidence is gone, when, by whom and why."""
    acts: dict[int, list[dict[str, Any]]] = {}
    for one in found:
        acts.setdefault(one["leaf"], []).append(one)
    for leaf, runs in acts.items():
        days = _ranges(sorted({date.fromisoformat(run["day"]) for run in runs}))
        number = sum(run["records"] for run in runs)
        yield (
            f"the evidence of {days} ({number} records) on {runs[0]['time']} by {runs[0]['by']}: "
            f"{runs[0]['why']} (leaf {leaf})"
        )


def _leaves(leaves: dict[str, int]) -> str:
    return (
        f"accounted for from {leaves['accounted_from']} on; not shown: "
        f"{leaves['before_not_shown']} before, {leaves['claimed_by_other_runs']} of other runs"
    )


def _deviations(found: list[dict[str, str]]) -> str:
    """Return how many parameters differ from the catalogue's, and which."""
    shown = "; ".join(f"{one['check']} {one['parameter']}" for one in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    words = "parameter differs" if len(found) == 1 else "parameters differ"
    return f"{len(found)} {words} from the catalogue: {shown}{more}" if found else "none"


def _counts(counts: "Counter[str] | dict[str, int]") -> str:
    return ", ".join(f"{counts.get(verdict, 0)} {word}" for verdict, word in _WORDS.items())


def _control_counts(facts: dict[str, Any]) -> str:
    """Return the controls by verdict; partial ones are never counted as plainly compliant."""
    last, partial = facts["controls_last_run"], set(facts["partial_controls"])
    automated = sum(last[name] == "COMPLIANT" for name in partial)
    whole = Counter(last.values())
    whole["COMPLIANT"] -= automated
    words = _counts(whole)
    return f"{words}, {automated} compliant in their automated part only" if automated else words


def _days(number: int, words: str) -> str:
    """Return how many days and which, or `none`."""
    return f"{number} {'day' if number == 1 else 'days'}: {words}" if number else words


def _ranges(days: list[date]) -> str:
    """Return days as `2026-01-03 to 2026-01-05, 2026-01-09`."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1] = [spans[-1][0], day]
        else:
            spans.append([day, day])
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in spans)


def _controls(facts: dict[str, Any]) -> Iterator[str]:
    yield f"{'Records by control':<34}{'compliant':>13}{'non-compliant':>15}{'inconcl.':>12}"
    for control, counts in facts["evidence_by_control"].items():
        numbers = [counts[verdict] for verdict in _WORDS]
        yield f"{control:<34}{numbers[0]:>13}{numbers[1]:>15}{numbers[2]:>12}"


def _verdict(outcome: Outcome) -> str:
    if outcome.failure:
        return (
            f"NOT VERIFIED. Do not rely on this {outcome.kind}; the line marked FAIL says what is "
            "wrong."
        )
    if outcome.keyless:
        return f"NOT VERIFIED. {NO_KEY}"
    if outcome.kind == "export":
        return "VERIFIED: the file is what its signed manifest says."
    mark = " Its evidence is SYNTHETIC." if outcome.facts["synthetic"] else ""
    gone = outcome.facts["deleted"]
    if gone:
        runs = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
        mark = (
            f" The evidence of {runs} was deleted before, as the ledger says, and is not in the "
            f"report: what it showed cannot be checked any more.{mark}"
        )
    if outcome.facts["chosen"]:
        left = sum(sum(counts.values()) for counts in outcome.facts["omitted"].values())
        return (
            "VERIFIED: nothing in this report was altered since it was logged, and no run of its "
            "period was left out. It holds chosen evidence only, exactly what the ledger says was "
            f"chosen; {left} other records of the period are not in it.{mark}"
        )
    return (
        "VERIFIED: nothing in this report was altered since it was logged, and no run and no "
        f"record of its period was left out.{mark}"
    )
