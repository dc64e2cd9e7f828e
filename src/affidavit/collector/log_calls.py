"""Who called which model, as logs say it: what the calls came to, and those that no log holds."""

from collections.abc import Iterator

from affidavit.checks.facts import Facts
from affidavit.checks.records import Place
from affidavit.checks.trail_files import trail_days
from affidavit.collector.activity import unread_gap
from affidavit.collector.configuration import Entry
from affidavit.collector.log_entry import log_entry, unread_entries
from affidavit.model.observation import Observation


def uses(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield what the calls of each model, and of each principal, came to that day."""
    for member, name, by in (("usedModels", "modelId", "of"), ("usedBy", "principal", "by")):
        for index, one in enumerate(read.body.get(member, ())):
            who = one[name] or "one that is not named"
            mean = round(one["latencyMs"] / one["timed"]) if one["timed"] else None
            latency = "not told" if mean is None else f"{mean} ms on average of {one['timed']}"
            words = (
                f"{one['calls']} calls {by} {who}: {one['errors']} errors "
                f"({one['errors'] / one['calls']:.1%}), {one['inputTokens']} tokens in, "
                f"{one['outputTokens']} out; latency {latency}."
            )
            shown = {
                "model" if name == "modelId" else name: one[name],
                "calls": one["calls"],
                "errors": one["errors"],
                "tokens in": one["inputTokens"],
                "tokens out": one["outputTokens"],
                "mean latency (ms)": "" if mean is None else mean,
            }
            yield log_entry(read, words, f"/{member}/{index}", shown)


def calls(read: Observation, _: Place) -> Iterator[Entry]:
    """Yield the calls that CloudTrail recorded and the log did not."""
    calls = read.body["calls"]
    if calls is None or calls.get("why"):
        why = f"None could be read. {calls['why']}" if calls else "There is none in this Region."
        words = f"Calls that are in no log are found by the files of the account's trail. {why}"
        yield log_entry(read, words, "/calls", {}, gap=unread_gap(read, words, {"log": "trail"}))
        return
    yield from unread_entries(read, "/calls/unread", calls["unread"])
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
    yield log_entry(read, words, "/calls", shown)
    for index, one in enumerate(calls["listed"]):
        words = f"{one['event']} at {one['time']} by {one['principal']} is in no invocation log."
        shown = {"request": one["requestId"], "principal": one["principal"], "time": one["time"]}
        yield log_entry(read, words, f"/calls/listed/{index}", shown)
    left = calls["unlogged"] - len(calls["listed"])
    if left:
        words = f"{left} more calls that are in no invocation log are counted, not listed."
        yield log_entry(read, words, "/calls/unloggedBy", {})


def calls_without_log(facts: Facts, region: str) -> Iterator[Entry]:
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
            "calls": calls["calls"],
            "without log": calls["calls"],
            "trail": day.read.unit.parameters["trail"],
            "principals": ", ".join(f"{who} ({count})" for who, count in calls["by"].items()),
        }
        yield log_entry(day.read, words, "/calls", shown)
