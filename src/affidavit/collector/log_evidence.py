"""What a scan of an invocation log gives besides verdicts: totals, disclosures, rates, joins.

Each disclosure is evidence of its own, and so is "nothing found in N records". Never a text: type,
place, keyed hash and masked excerpt. Rates by group carry Wilson's interval.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from affidavit.checks.facts import Facts
from affidavit.checks.records import Place, Record
from affidavit.checks.sets.invocation_scans import left_out, left_out_words, where
from affidavit.collector.activity import events_of
from affidavit.collector.configuration import Entry
from affidavit.collector.log_calls import calls, calls_without_log, uses
from affidavit.collector.log_entry import log_entry, unread_entries
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, Observation, Result
from affidavit.model.times import iso
from affidavit.prompts.metrics.intervals import difference, wilson

OPERATION: Final = "FilterLogEvents"
_DISCLOSING: Final = "InvocationLog_pii-in-output"
CHANGES: Final = ("bedrock_UpdateGuardrail", "bedrock_DeleteGuardrail")
ALERTING: Final = "InvocationLog_alerting-proof"
UNLOGGED: Final = "InvocationLog_unlogged-calls"
RATES: Final = ("refused", "intervened", "profane")
RATE_WORDS: Final = {
    "refused": "refusals",
    "intervened": "guardrail interventions",
    "profane": "profanity",
    "unguarded": "calls without guardrail",
    "personal": "outputs with personal data",
}
_TIME: Final = len("2026-11-29T10")
_DAY: Final = len("2026-11-29")


def log_entries(facts: Facts, place: Place, keyword: str) -> Iterator[Entry]:
    """Yield what yesterday's scans in a place say for one keyword; nothing where none was made."""
    for result in facts.results(OPERATION, place.region):
        if (
            keyword == ALERTING
            and isinstance(result, Gap)
            and "alertProof" in result.unit.parameters
        ):
            yield _proof(result)
        if isinstance(result, Observation) and _is_log(result):
            if keyword in _ABOUT:
                yield _population(result, keyword)
                yield from unread_entries(result, "/unread", result.body["unread"])
            yield from _MORE.get(keyword.partition("_")[2], _nothing)(result, place)
    if keyword == UNLOGGED and not any(map(_is_log, facts.results(OPERATION, place.region))):
        yield from calls_without_log(facts, place.region)


def _is_log(result: Result) -> bool:
    """Tell whether a result is what a log says, and not why there is none."""
    return isinstance(result, Observation) and "invocationLog" in result.unit.parameters


def _proof(told: Gap) -> Entry:
    """Return what the installation knows of its own alerts; a delivery is no gap."""
    return Entry(
        region=told.unit.region,
        reason=told.message,
        gap=None if told.reason is GapReason.NOTHING_TO_COLLECT else told,
        inputs=(Input(digest=told.digest, pointer=""),),
    )


def _population(read: Observation, keyword: str) -> Entry:
    """Return over how much the scan speaks, and how much it found of what the keyword is about."""
    body, day = read.body, read.unit.parameters["day"]
    seen = body["population"]
    counts = {n: c for n, c in body["counts"].items() if _is_about(keyword, n)}
    found, what = sum(counts.values()), _WORDS.get(keyword, "")
    hours = ", ".join(f"{hour:02}" for hour in seen["hoursWithout"])
    over = f"{seen['records']} records of {day}"
    reason = f"{found} {what} found in {over}." if found else f"Nothing found in {over}: no {what}."
    if not _ABOUT[keyword]:
        reason = f"The log has {over}."
    own = body.get("own", {}) if keyword == _DISCLOSING else {}
    left = left_out(body) if own else {}
    if left:
        reason = f"{reason} Left out as the company's own: {sum(left.values())}."
    if body["unreadInAll"]:
        reason = f"{reason} {body['unreadInAll']} things could not be read."
    return log_entry(
        read,
        reason,
        "/population",
        {
            "log": where(read),
            "objects": seen["objects"],
            "bytes compressed": seen["compressedBytes"],
            "bytes": seen["bytes"],
            "records": seen["records"],
            "other values": seen["foreign"] or "",
            "hours without any": hours or "none",
            "not read": body["unreadInAll"] or "",
            "repeated": seen.get("repeated", 0) or "",
            "not looked for": ", ".join(body["notLookedFor"]),
            "left out as the company's own": left_out_words(left),
            "list of the company's own": own.get("list", ""),
            **dict(sorted(counts.items())),
        },
    )


_ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "InvocationLog_pii-in-output": ("pii output ", "pii trace "),
    "InvocationLog_profanity-in-output": ("profanity output ",),
    "InvocationLog_guardrail-coverage": ("unguarded ",),
    "InvocationLog_volume-per-model": (),
}
"""What of the scan's counts a keyword is about, by the beginning of their names."""

_WORDS: Final = {
    "InvocationLog_pii-in-output": "disclosures of personal data in answers or traces",
    "InvocationLog_profanity-in-output": "terms of profanity in answers",
    "InvocationLog_guardrail-coverage": "calls without a guardrail",
}
"""What is counted for a keyword."""


def _is_about(keyword: str, name: str) -> bool:
    return name.startswith(_ABOUT[keyword])


def _disclosures(kind: str) -> Callable[[Observation, Place], Iterator[Entry]]:
    def entries(read: Observation, _: Place) -> Iterator[Entry]:
        listed = 0
        for index, one in enumerate(read.body["findings"]):
            if one["kind"] != kind:
                continue
            listed += 1
            yield _disclosure(read, index, one)
        names = [
            n for n in read.body["counts"] if n.startswith((f"{kind} output ", f"{kind} trac"))
        ]
        left = sum(read.body["counts"][name] for name in names) - listed
        if left > 0:
            yield log_entry(
                read, f"{left} more disclosures are counted, not listed.", "/counts", {}
            )

    return entries


def _disclosure(read: Observation, index: int, one: Mapping[str, Any]) -> Entry:
    where = f"{one['part']} at {one.get('path', '')}" if one.get("path") else one["part"]
    reason = (
        f"{one['entityType']} disclosed in the {where}, characters {one.get('start', 0)} to"
        f" {one.get('end', 0)}: {one.get('excerpt', '')}"
    )
    shown = {
        "entity type": one["entityType"],
        "part": one["part"],
        "request": one.get("requestId", ""),
        "model": one.get("modelId", ""),
        "principal": one.get("principal", ""),
        "time": one.get("time", ""),
        "hash": one.get("hash", ""),
        "object": one["objectUri"],
    }
    return log_entry(read, reason, f"/findings/{index}", shown)


def _guardrails(read: Observation, place: Place) -> Iterator[Entry]:
    """Yield who calls without guardrail, and what followed each change of a guardrail."""
    for index, one in enumerate(read.body["unguardedBy"]):
        words = (
            f"{one['records']} calls without a guardrail by {one['principal'] or 'nobody named'}."
        )
        shown = {"principal": one["principal"], "calls": one["records"]}
        yield log_entry(read, words, f"/unguardedBy/{index}", shown)
    for keyword in CHANGES:
        for record in events_of(place, keyword).records:
            if record.values["item"].get("EventTime") is not None:
                entry = _followed(read, keyword.partition("_")[2], record)
                yield replace(entry, inputs=(*entry.inputs, *record.inputs))


def _followed(read: Observation, name: str, change: Record) -> Entry:
    """Return what followed a change, by the rates of the whole hours of the scanned day.

    A change that was refused is followed by nothing, and one of another day is not in this log.
    """
    moment, day = iso(change.values["item"]["EventTime"]), read.unit.parameters["day"]
    event = change.values.get("event", {})
    asked = event.get("requestParameters") or {}
    about = {
        "event": name,
        "time": moment,
        "actor": change.attributes.get("actor", ""),
        "guardrail": asked.get("guardrailIdentifier", ""),
    }
    said = f"{name} at {moment}"
    if event.get("errorCode"):
        reason = f"{said} was refused ({event['errorCode']}): nothing changed."
    elif moment[:_DAY] != day:
        reason = f"{said}: the log that was read is of {day}; what followed is not in it."
    else:
        return _compared(read, said, moment[:_TIME], about)
    return log_entry(read, reason, "/byHour", about)


def _compared(read: Observation, said: str, changed: str, about: Mapping[str, object]) -> Entry:
    """Return the rates of answers in the whole hours before and after one of the scanned day."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for one in read.body["byHour"]:
        counts = Counter({name: n for name, n in one.items() if name != "hour"})
        before += counts if one["hour"] < changed else Counter()
        after += counts if one["hour"] > changed else Counter()
    if not before["records"] or not after["records"]:
        reason = f"{said}: no whole hours with answers on both sides of it that day."
        return log_entry(read, reason, "/byHour", about)
    apart = [
        f"{words} went {'up' if found['difference'] > 0 else 'down'}"
        for key, words in RATE_WORDS.items()
        if (found := _difference(after, before, key)) is not None
    ]
    reason = (
        f"{said}: {before['records']} answers in the hours before it, {after['records']} after. "
        f"{_first(', '.join(apart)) or 'No rate changed'} beyond chance (95 %)."
    )
    shown = {
        words: f"{_rate(before, key)} before, {_rate(after, key)} after"
        for key, words in RATE_WORDS.items()
    }
    return log_entry(read, reason, "/byHour", {**about, **shown})


def _difference(
    one: Mapping[str, int], other: Mapping[str, int], name: str
) -> Mapping[str, Any] | None:
    """Return the difference of two rates; None where its interval holds none."""
    found = difference((one.get(name, 0), one["records"]), (other.get(name, 0), other["records"]))
    low, high = found["interval"]
    return None if low <= 0 <= high else found


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _rate(counts: Mapping[str, int], name: str) -> str:
    of, count = counts["records"], counts.get(name, 0)
    low, high = wilson(count, of)
    return f"{count} of {of} ({low:.3f} to {high:.3f})"


def _groups(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield each group's rates, how they compare, and the gap where no record carries a group."""
    groups = read.body["groups"]
    if not groups:
        words = (
            "No record carries a group in its requestMetadata (`group` or `group:<attribute>`): "
            "rates of running traffic cannot be compared between groups."
        )
        yield log_entry(read, words, "/groups", {}, empty=True)
    for index, one in enumerate(groups):
        named = f"{one['attribute']} {one['group']}"
        rates = {RATE_WORDS[name]: _rate(one, name) for name in RATES}
        words = f"Rates of {one['records']} answers for {named}, with intervals of 95 %."
        shown = {"attribute": one["attribute"], "group": one["group"], **rates}
        yield log_entry(read, words, f"/groups/{index}", shown)
    for attribute in dict.fromkeys(one["attribute"] for one in groups):
        yield _between(read, attribute, [g for g in groups if g["attribute"] == attribute])


def _between(read: Observation, attribute: str, groups: Sequence[Mapping[str, Any]]) -> Entry:
    """Return which rates differ between two groups of an attribute, and in how many records."""
    pairs = list(combinations(groups, 2))
    apart = {
        RATE_WORDS[name]: ", ".join(
            f"{one['group']} {one[name]} of {one['records']}, "
            f"{other['group']} {other[name]} of {other['records']}"
            for one, other in pairs
            if _difference(one, other, name) is not None
        )
        for name in RATES
    }
    differ = [words for words, where in apart.items() if where]
    records, of = sum(one["records"] for one in groups), read.body["population"]["records"]
    reason = (
        f"{records} of {of} records carry a group of {attribute}, {len(groups)} groups in all. "
        f"{_first(' and '.join(differ)) or 'No rate'} differ{'' if differ else 's'} between two of "
        f"them beyond chance (95 %, {len(pairs) * len(RATES)} comparisons)."
    )
    return log_entry(read, reason, "/groups", {"attribute": attribute, **apart})


def _nothing(_read: Observation, _place: Place) -> Iterator[Entry]:
    yield from ()


_MORE: Final[Mapping[str, Callable[[Observation, Place], Iterator[Entry]]]] = {
    "pii-in-output": _disclosures("pii"),
    "volume-per-model": uses,
    "profanity-in-output": _disclosures("profanity"),
    "guardrail-coverage": _guardrails,
    "unlogged-calls": calls,
    "rates-by-group": _groups,
}
