"""When running traffic is alarming: disclosures, spikes, differences between groups, open doors.

All from counts of scanned objects. A spike is a rate whose interval lies above that of the day
before; a difference between groups counts from a number of answers on, beyond a threshold, and only
where its interval excludes parity.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from typing import Any, Final

from affidavit.alerting.alert import Alert
from affidavit.prompts.metrics.intervals import wilson

RATES: Final[Mapping[str, str]] = {
    "refused": "refusals",
    "intervened": "guardrail interventions",
    "profane": "profanity",
}
SPIKES: Final = ("refused", "profane")
ACT: Final = "The owner of the account, by the spill procedure (control GENAI-PRIV-03)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is told."""

    least: int = 50
    """Answers of a group, or of the last hour, below which no rate is compared."""
    difference: float = 0.1
    """Between the rates of two groups."""
    least_hits: int = 5
    """Hits in the last hour that make a spike."""


def of_object(name: str, where: str, body: Mapping[str, Any]) -> Iterator[tuple[Alert, int]]:
    """Yield the alerts on what one object disclosed, with how often."""
    types = {n: c for n, c in body["types"].items() if c}
    if types:
        yield (
            _alert(name, "disclosure", "Personal data disclosed", where, types),
            sum(types.values()),
        )
    if body["profane"]:
        found = {"answers with profanity": body["profane"]}
        yield (
            _alert(name, "profanity", "Profanity in answers", where, found, "high"),
            body["profane"],
        )
    if body["unguarded"]:
        found = {"calls without guardrail": body["unguarded"]}
        alert = _alert(name, "unguarded", "Calls without a guardrail", where, found, "high")
        yield alert, body["unguarded"]
    if damaged := body.get("damaged"):
        found = {"first": damaged[0]}
        title = "Objects of the invocation log are damaged: what they hold was not all scanned"
        yield replace(_alert(name, "scan", title, where, found, "high"), key=f"damaged:{name}"), 1


def _alert(
    name: str,
    kind: str,
    title: str,
    where: str,
    facts: Mapping[str, Any],
    severity: Any = "critical",
) -> Alert:
    return Alert(
        key=f"{kind}:{name}",
        kind=kind,
        severity=severity,
        title=title,
        facts={key: str(value) for key, value in sorted(facts.items())},
        where=where,
        act=ACT,
    )


def of_hours(
    name: str,
    where: str,
    last: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    limits: Thresholds,
) -> tuple[dict[str, Alert], set[str]]:
    """Return the alerts on the last hour's rates by key, and all keys that were looked at."""
    found: dict[str, Alert] = {}
    looked: set[str] = set()
    hour, day = _summed(last), _summed(before)
    for rate in SPIKES:
        key = f"{rate}-spike:{name}"
        if hour["answered"] >= limits.least and day["answered"] >= limits.least:
            looked.add(key)
            if _is_spike(hour, day, rate, limits):
                found[key] = _spike(key, rate, where, hour, day)
    for attribute, groups in _groups([*before, *last]).items():
        for rate in RATES:
            key = f"groups:{name}:{attribute}:{rate}"
            compared = {g: c for g, c in groups.items() if c["records"] >= limits.least}
            if len(compared) > 1:
                looked.add(key)
                alert = _difference(key, (attribute, rate), where, compared, limits)
                found |= {key: alert} if alert is not None else {}
    return found, looked


def _summed(bodies: Sequence[Mapping[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for body in bodies:
        total.update({n: body[n] for n in ("answered", *RATES)})
    return total


def _is_spike(hour: Counter[str], day: Counter[str], rate: str, limits: Thresholds) -> bool:
    low, _ = wilson(hour[rate], hour["answered"])
    _, high = wilson(day[rate], day["answered"])
    return hour[rate] >= limits.least_hits and low > high


def _spike(key: str, rate: str, where: str, hour: Counter[str], day: Counter[str]) -> Alert:
    facts = {"last hour": _shown(hour, rate), "day before": _shown(day, rate)}
    return Alert(
        key=key,
        kind="spike",
        severity="high",
        title=f"More {RATES[rate]} than the day before",
        facts=facts,
        where=where,
        act=ACT,
    )


def _shown(counts: Mapping[str, int], rate: str, of: str = "answered") -> str:
    low, high = wilson(counts[rate], counts[of])
    return f"{counts[rate]} of {counts[of]} ({low:.3f} to {high:.3f})"


def _groups(bodies: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Counter[str]]]:
    found: dict[str, dict[str, Counter[str]]] = {}
    for body in bodies:
        for one in body["groups"]:
            known = found.setdefault(one["attribute"], {}).setdefault(one["group"], Counter())
            known.update({n: one[n] for n in ("records", *RATES)})
    return found


def _difference(
    key: str,
    named: tuple[str, str],
    where: str,
    groups: Mapping[str, Counter[str]],
    limits: Thresholds,
) -> Alert | None:
    """Return the alert on the two groups that differ most of those that differ beyond chance."""
    attribute, rate = named
    differing = [
        (one, other)
        for one, other in combinations(sorted(groups), 2)
        if _gap(groups, (one, other), rate) > limits.difference
        and interval_of_difference(groups[one], groups[other], rate)[0] > 0
    ]
    if not differing:
        return None
    worst = max(differing, key=lambda two: _gap(groups, two, rate))
    return Alert(
        key=key,
        kind="groups",
        severity="high",
        title=f"{RATES[rate].capitalize()} differ between groups",
        facts={
            "attribute": attribute,
            **{f"group {group}": _shown(groups[group], rate, "records") for group in worst},
        },
        where=where,
        act="Whoever answers for fairness (control GENAI-FAIR-01).",
    )


def _gap(groups: Mapping[str, Counter[str]], two: tuple[str, str], rate: str) -> float:
    one, other = (groups[name][rate] / groups[name]["records"] for name in two)
    return abs(one - other)


def interval_of_difference(
    one: Mapping[str, int], other: Mapping[str, int], rate: str
) -> tuple[float, float]:
    """Return Newcombe's 95 % interval of the larger rate less the smaller one.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions
    (1998), method 10.
    """
    first, second = sorted((one, other), key=lambda c: c[rate] / c["records"], reverse=True)
    p1, p2 = first[rate] / first["records"], second[rate] / second["records"]
    low1, high1 = wilson(first[rate], first["records"])
    low2, high2 = wilson(second[rate], second["records"])
    down = sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    up = sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return p1 - p2 - down, p1 - p2 + up
