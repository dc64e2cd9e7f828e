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
from affidavit.checks.trail_files import trail_days
from affidavit.collector.activity import events_of, result_synthetic, unread_gap
from affidavit.collector.configuration import Entry
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, Observation, Result
from affidavit.model.times import iso
from affidavit.prompts.metrics.intervals import difference, wilson

OPERATION: Final = "FilterLogEvents"
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
                yield from _unread(result, "/unread", result.body["unread"])
            yield from _MORE.get(keyword.partition("_")[2], _nothing)(result, place)
    if keyword == UNLOGGED and not any(map(_is_log, facts.results(OPERATION, place.region))):
        yield from _calls_without_log(facts, place.region)


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


def _entry(
    read: Observation, reason: str, pointer: str, attributes: Mapping[str, object], **more: Any
) -> Entry:
    return Entry(
        region=read.unit.region,
        reason=reason,
        inputs=(Input(digest=read.digest, pointer=pointer),),
        attributes={name: str(value) for name, value in attributes.items() if value != ""},
        synthetic=result_synthetic(read),
        **more,
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
    if body["unreadInAll"]:
        reason = f"{reason} {body['unreadInAll']} things could not be read."
    return _entry(
        read,
        reason,
        "/population",
        {
            "log": _place(read),
            "objects": seen["objects"],
            "bytes compressed": seen["compressedBytes"],
            "bytes": seen["bytes"],
            "records": seen["records"],
            "other values": seen["foreign"] or "",
            "hours without any": hours or "none",
            "not read": body["unreadInAll"] or "",
            "not looked for": ", ".join(body["notLookedFor"]),
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


def _place(read: Observation) -> str:
    asked = read.unit.parameters
    if asked["invocationLog"] == "s3":
        return f"s3://{asked['bucket']}/{asked['prefix']}"
    return f"log group {asked['logGroupName']}"


def _unread(read: Observation, pointer: str, named: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield what could not be read, each with its object's name."""
    for index, one in enumerate(named):
        words = f"{one['objectUri']}: {one['why']}."
        shown = {"object": one["objectUri"], "times": one["count"]}
        gap = unread_gap(read, words, {"log": one["objectUri"]})
        yield _entry(read, words, f"{pointer}/{index}", shown, gap=gap)


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
            yield _entry(read, f"{left} more disclosures are counted, not listed.", "/counts", {})

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
    return _entry(read, reason, f"/findings/{index}", shown)


def _guardrails(read: Observation, place: Place) -> Iterator[Entry]:
    """Yield who calls without guardrail, and what followed each change of a guardrail."""
    for index, one in enumerate(read.body["unguardedBy"]):
        words = (
            f"{one['records']} calls without a guardrail by {one['principal'] or 'nobody named'}."
        )
        shown = {"principal": one["principal"], "calls": one["records"]}
        yield _entry(read, words, f"/unguardedBy/{index}", shown)
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
    return _entry(read, reason, "/byHour", about)


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
        return _entry(read, reason, "/byHour", about)
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
    return _entry(read, reason, "/byHour", {**about, **shown})


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


def _calls(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield the calls that CloudTrail recorded and the log did not."""
    calls = read.body["calls"]
    if calls is None or calls.get("why"):
        why = f"None could be read. {calls['why']}" if calls else "There is none in this Region."
        words = f"Calls that are in no log are found by the files of the account's trail. {why}"
        yield _entry(read, words, "/calls", {}, gap=unread_gap(read, words, {"log": "trail"}))
        return
    yield from _unread(read, "/calls/unread", calls["unread"])
    words = f"All {calls['calls']} calls in the trail's files are in the invocation log."
    if calls["unlogged"]:
        words = (
            f"{calls['unlogged']} of {calls['calls']} calls in the trail's files are in no"
            " invocation log."
        )
    elif not calls["calls"]:
        words = "There are no calls of models in the trail's files."
    shown = {
        "day": read.unit.parameters["day"],
        "trail": calls["trail"],
        "trail files": calls["objects"],
        "calls": calls["calls"],
        "unlogged": calls["unlogged"],
    }
    yield _entry(read, words, "/calls", shown)
    for index, one in enumerate(calls["listed"]):
        words = f"{one['event']} at {one['time']} by {one['principal']} is in no invocation log."
        shown = {"request": one["requestId"], "principal": one["principal"], "time": one["time"]}
        yield _entry(read, words, f"/calls/listed/{index}", shown)
    left = calls["unlogged"] - len(calls["listed"])
    if left:
        words = f"{left} more calls that are in no invocation log are counted, not listed."
        yield _entry(read, words, "/calls/unloggedBy", {})


def _calls_without_log(facts: Facts, region: str) -> Iterator[Entry]:
    """Yield the calls that a trail's files hold of a Region in which no log was read at all."""
    for day in trail_days(facts, region):
        if day.read is None or not day.read.body["calls"]["calls"]:
            continue
        calls = day.read.body["calls"]
        words = (
            f"{calls['calls']} calls of models stand in the trail's files of {day.day}, and no "
            "invocation log of this Region was read: none is configured, or it could not be."
        )
        shown = {
            "day": day.day,
            "trail": day.read.unit.parameters["trail"],
            "principals": ", ".join(f"{who} ({count})" for who, count in calls["by"].items()),
        }
        yield _entry(day.read, words, "/calls", shown)


def _groups(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield each group's rates, how they compare, and the gap where no record carries a group."""
    groups = read.body["groups"]
    if not groups:
        words = (
            "No record carries a group in its requestMetadata (`group` or `group:<attribute>`): "
            "rates of running traffic cannot be compared between groups."
        )
        yield _entry(read, words, "/groups", {}, empty=True)
    for index, one in enumerate(groups):
        named = f"{one['attribute']} {one['group']}"
        rates = {RATE_WORDS[name]: _rate(one, name) for name in RATES}
        words = f"Rates of {one['records']} answers for {named}, with intervals of 95 %."
        shown = {"attribute": one["attribute"], "group": one["group"], **rates}
        yield _entry(read, words, f"/groups/{index}", shown)
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
    return _entry(read, reason, "/groups", {"attribute": attribute, **apart})


def _nothing(_read: Observation, _place: Place) -> Iterator[Entry]:
    yield from ()


_MORE: Final[Mapping[str, Callable[[Observation, Place], Iterator[Entry]]]] = {
    "pii-in-output": _disclosures("pii"),
    "profanity-in-output": _disclosures("profanity"),
    "guardrail-coverage": _guardrails,
    "unlogged-calls": _calls,
    "rates-by-group": _groups,
}
