"""What a scan of an invocation log gives besides verdicts: totals, disclosures, rates, joins.

Each disclosure is evidence of its own, and so is "nothing found in N records". Never a text: type,
place, keyed hash and masked excerpt. Rates by group carry Wilson's interval.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from affidavit.checks.facts import Facts
from affidavit.checks.records import Place
from affidavit.collector.activity import events_of, result_synthetic
from affidavit.collector.configuration import Entry
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, JsonObject, Observation, Unit
from affidavit.model.times import iso
from affidavit.prompts.metrics.intervals import wilson

OPERATION: Final = "FilterLogEvents"
CHANGES: Final = ("bedrock_UpdateGuardrail", "bedrock_DeleteGuardrail")
ALERTING: Final = "InvocationLog_alerting-proof"
RATES: Final = ("refused", "intervened", "profane")
RATE_WORDS: Final = {
    "refused": "refusals",
    "intervened": "guardrail interventions",
    "profane": "profanity",
    "unguarded": "calls without guardrail",
    "personal": "outputs with personal data",
}
_TIME: Final = len("2026-11-29T10")


def log_entries(facts: Facts, place: Place, keyword: str) -> Iterator[Entry]:
    """Yield what yesterday's scans in a place say for one keyword; nothing where none was made."""
    for result in facts.results(OPERATION, place.region):
        if (
            keyword == ALERTING
            and isinstance(result, Gap)
            and "alertProof" in result.unit.parameters
        ):
            yield _proof(result)
        if isinstance(result, Observation) and "invocationLog" in result.unit.parameters:
            if keyword in _ABOUT:
                yield _population(result, keyword)
                yield from _unread(result, "/unread", result.body["unread"])
            yield from _MORE.get(keyword.partition("_")[2], _nothing)(result, place)


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
    found = sum(counts.values())
    hours = ", ".join(f"{hour:02}" for hour in seen["hoursWithout"])
    over = f"{seen['records']} records of {day}"
    reason = f"{found or 'Nothing'} found in {over}."
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
        gap = _gap(read, words, one["objectUri"])
        yield _entry(read, words, f"{pointer}/{index}", shown, gap=gap)


def _gap(read: Observation, words: str, name: str) -> Gap:
    unit = read.unit
    asked: JsonObject = {"log": name}
    return Gap(
        unit=Unit(key=unit.key, account_id=unit.account_id, region=unit.region, parameters=asked),
        service=read.service,
        operation=read.operation,
        reason=GapReason.FAILED,
        code="",
        message=words,
        proof=None,
    )


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
            moment = record.values["item"].get("EventTime")
            if moment is not None:
                yield _followed(read, keyword, iso(moment), record.inputs)


def _followed(read: Observation, keyword: str, moment: str, cited: Sequence[Input]) -> Entry:
    """Return the rates before and after a change, of the whole hours of the scanned day."""
    changed = moment[:_TIME]
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for one in read.body["byHour"]:
        counts = Counter({name: n for name, n in one.items() if name != "hour"})
        before += counts if one["hour"] < changed else Counter()
        after += counts if one["hour"] > changed else Counter()
    name = keyword.partition("_")[2]
    if not before.get("records") or not after.get("records"):
        reason = f"{name} at {moment}: no whole hours with answers on both sides of it that day."
        shown: dict[str, object] = {}
    else:
        reason = f"{name} at {moment}: rates of answers before and after."
        shown = {
            words: f"{_rate(before, key)} before, {_rate(after, key)} after"
            for key, words in RATE_WORDS.items()
        }
    entry = _entry(read, reason, "/byHour", {"event": name, "time": moment, **shown})
    return Entry(
        region=entry.region,
        reason=entry.reason,
        inputs=(*entry.inputs, *cited),
        attributes=entry.attributes,
        synthetic=entry.synthetic,
    )


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
        yield _entry(read, words, "/calls", {}, gap=_gap(read, words, "trail"))
        return
    yield from _unread(read, "/calls/unread", calls["unread"])
    words = (
        f"{calls['unlogged'] or 'None'} of {calls['calls']} calls in the trail's files are in no"
        " invocation log."
    )
    shown = {"trail": calls["trail"], "calls": calls["calls"], "unlogged": calls["unlogged"]}
    yield _entry(read, words, "/calls", shown)
    for index, one in enumerate(calls["listed"]):
        words = f"{one['event']} at {one['time']} by {one['principal']} is in no invocation log."
        shown = {"request": one["requestId"], "principal": one["principal"], "time": one["time"]}
        yield _entry(read, words, f"/calls/listed/{index}", shown)


def _groups(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield each group's rates, and the gap where no record carries a group."""
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


def _nothing(_read: Observation, _place: Place) -> Iterator[Entry]:
    yield from ()


_MORE: Final[Mapping[str, Callable[[Observation, Place], Iterator[Entry]]]] = {
    "pii-in-output": _disclosures("pii"),
    "profanity-in-output": _disclosures("profanity"),
    "guardrail-coverage": _guardrails,
    "unlogged-calls": _calls,
    "rates-by-group": _groups,
}
