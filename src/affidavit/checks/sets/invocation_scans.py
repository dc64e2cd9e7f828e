"""Daily scans of the invocation log: one record for each model that the log or CloudWatch names.

What the scan could not read, or a model that was invoked and is not in the log, is never "nothing
found": the checks see it as unread and unseen. A log that could not be read at all is a gap.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any, Final

from affidavit.checks.drafts import View
from affidavit.checks.invocation_logs import (
    CONFIGURATION,
    Counted,
    destinations,
    scanned_day,
    sum_on,
)
from affidavit.checks.model_ids import plain_id
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.windows import query_id, questions, read_points
from affidavit.model.observation import Gap, GapReason, Observation, Result

OPERATION: Final = "FilterLogEvents"
_OWN_SHOWN: Final = 50
"""Entries of own data that evidence names; the observation behind it counts each."""
_METRIC: Final = "Invocations"
MAY_LACK: Final = 0.02
"""Share of a day's calls that the log may lack: the last ones may lie in the next day's objects."""
_COUNTS: Final = (
    "records", "guarded", "guardUnknown", "intervened", "piiOutputs", "profaneOutputs", "unread",
)  # fmt: skip


def invocation_scan(view: View) -> RecordSet:
    """Return yesterday's scan of this Region's log, by model."""
    counted, unknown = _counted(view)
    results = scans(view)
    read = next((r for r in results if isinstance(r, Observation)), None)
    if read is not None:
        records = list(_records(view, read, counted, all_listed=not unknown))
        if read.body["unreadInAll"] and not records:
            unknown = [*unknown, _not_read(view, read)]
        return view.finish(records, [*unknown, *_contradicting(view, read)])
    gaps = [r for r in results if isinstance(r, Gap)] or list(view.gaps(CONFIGURATION))
    used = {name: one for name, one in counted.items() if one.value != 0.0}
    if not gaps and (asked := next(destinations(view.scope, view.region), None)):
        gaps = [view.answers.not_asked(OPERATION, view.region, asked)]
    unread = next(iter(gaps), None)
    if not gaps and (used or unknown):
        gaps = [_no_log(view), *unknown, *(one.gap for one in used.values() if one.gap)]
    return view.finish(_unlogged(view, used, unread), gaps)


def scans(view: View) -> list[Result]:
    """Return what became of the questions for yesterday's log, the newest form of each."""
    return [
        result
        for result in view.answers.facts.results(OPERATION, view.region)
        if "invocationLog" in result.unit.parameters
    ]


def _not_read(view: View, read: Observation) -> Gap:
    first = read.body["unread"][0]
    words = f"The log could not be read whole: {first['objectUri']}: {first['why']}."
    return view.answers.gap(OPERATION, view.region, {}, GapReason.MALFORMED, words)


def _contradicting(view: View, read: Observation) -> Iterator[Gap]:
    """Yield that CloudTrail's files know more calls than the log, where it is more than a few.

    So a log that is empty, or whole by CloudWatch's count, vouches for nothing against them.
    """
    calls = read.body.get("calls") or {}
    seen, lacking = int(calls.get("calls", 0)), int(calls.get("unlogged", 0))
    if lacking > MAY_LACK * seen:
        words = f"CloudTrail's files hold {seen} calls, {lacking} of which are in no log."
        yield view.answers.gap(OPERATION, view.region, {}, GapReason.FAILED, words)


def _no_log(view: View) -> Gap:
    words = (
        "Models were invoked, or may have been, and invocation logging is not configured in this"
        " Region: there is no log to scan."
    )
    return view.answers.gap(OPERATION, view.region, {}, GapReason.NOT_CONFIGURED, words)


def _counted(view: View) -> tuple[Mapping[str, Counted], list[Gap]]:
    """Return what CloudWatch counted yesterday by ModelId, and why it may be incomplete."""
    found: dict[str, Counted] = {}
    for series, parameters in questions(view.scope, view.region):
        wanted = [(i, model) for i, (metric, model) in enumerate(series) if metric == _METRIC]
        if not any(model for _, model in wanted):
            continue
        answer = view.answers.ask("GetMetricData", view.region, parameters)
        for index, model in wanted:
            if model and model not in found:
                found[model] = _of_model(view, answer, index, model)
    return found, list(view.gaps("ListMetrics"))


def _of_model(view: View, answer: Any, index: int, model: str) -> Counted:
    inputs = () if answer.result is None else (view.answers.input(answer.result),)
    points = None
    if answer.gap is None and not answer.body.get("Messages"):
        points, _ = read_points(answer.body, query_id(index))
    if points is None:
        words = f"CloudWatch did not give the whole of {_METRIC} {model}."
        gap = answer.gap or view.answers.gap(
            "GetMetricData", view.region, {}, GapReason.MALFORMED, words
        )
        return Counted(value=None, gap=gap, inputs=inputs)
    value = sum_on(points, scanned_day(view.answers.now))
    return Counted(value=value, gap=None, inputs=inputs)


def _records(
    view: View, read: Observation, counted: Mapping[str, Counted], *, all_listed: bool
) -> Iterator[Record]:
    body = read.body
    logged = {one["modelId"]: one for one in body["models"]}
    metrics: dict[str, Counted] = {}
    for other, count in counted.items():
        name = _logged_as(other, logged, counted)
        metrics[name] = _together(metrics[name], count) if name in metrics else count
    unread = int(body["unreadInAll"])
    for name in sorted({*logged, *(n for n, count in metrics.items() if count.value != 0.0)}):
        own = logged.get(name)
        draft = view.draft()
        place = next((i for i, one in enumerate(body["models"]) if one is own), None)
        draft.cite(read, "/population" if place is None else f"/models/{place}")
        fact = _fact(own, body, unread)
        known = metrics.get(name)
        fact["unseen"] = _unseen(known, fact["records"], all_listed=all_listed)
        draft.values["fact"] = {**fact, "modelId": plain_id(name)}
        if known is None:
            draft.values["metric"] = {"invocations": 0.0}
        elif known.value is None and known.gap is not None:
            draft.gaps["metric"] = known.gap
        else:
            draft.values["metric"] = {"invocations": known.value}
        for cited in known.inputs if known else ():
            draft.cite_input(cited)
        draft.attributes |= _shown(name, read, fact, known)
        yield draft.record(model_arn(view, name))


def _together(one: Counted, other: Counted) -> Counted:
    """Return what CloudWatch counted under two names of one model of the log."""
    known = one.value is not None and other.value is not None
    return Counted(
        value=(one.value or 0.0) + (other.value or 0.0) if known else None,
        gap=one.gap or other.gap,
        inputs=tuple(dict.fromkeys((*one.inputs, *other.inputs))),
    )


def _unseen(known: Counted | None, records: int, *, all_listed: bool) -> int:
    """Return how many calls CloudWatch counted and the log lacks, where it is more than a few.

    Where CloudWatch's count is not known the log may lack any number: that is no less than one.
    """
    if known is None:
        return 0 if all_listed else 1
    if known.value is None:
        return 1
    lacking = known.value - records
    return ceil(lacking) if lacking > MAY_LACK * known.value else 0


def _logged_as(name: str, logged: Mapping[str, Any], counted: Mapping[str, Counted]) -> str:
    """Return the name under which the log has a model of CloudWatch's, else CloudWatch's own.

    The same but for the ARN; else the same model, where CloudWatch has no closer name for it.
    """
    exact = [one for one in sorted(logged) if _short(one) == _short(name)]
    if exact:
        return exact[0]
    taken = {_short(one) for one in counted}
    plain = [
        one
        for one in sorted(logged)
        if plain_id(one) == plain_id(name) and _short(one) not in taken
    ]
    return plain[0] if len(plain) == 1 else name


def _short(name: str) -> str:
    """Return a model's name as CloudWatch and the log may both write it: without the ARN."""
    return name.rsplit("/", maxsplit=1)[-1] if name.startswith("arn:") else name


def _fact(own: Mapping[str, Any] | None, body: Mapping[str, Any], unread: int) -> dict[str, Any]:
    if own is None:
        more = {"personal": [], "looked": _looked(body), "unread": unread}
        return {**dict.fromkeys(_COUNTS, 0), **more}
    answered = own["records"] - own["errors"]
    unknown = min(own["incomplete"], body["guardUnknown"])
    return {
        "records": answered,
        "guarded": max(0, answered - own["unguarded"] - unknown),
        "guardUnknown": unknown,
        "intervened": own["intervened"],
        "personal": own["personal"],
        "profaneOutputs": own["profane"],
        "unread": unread,
        "looked": _looked(body),
    }


def _looked(body: Mapping[str, Any]) -> list[str]:
    return sorted(set(body["entityTypes"]) - set(body["notLookedFor"]))


def _shown(
    name: str, read: Observation, fact: Mapping[str, Any], known: Counted | None
) -> dict[str, object]:
    body = read.body
    population = body["population"]
    with_personal = sum(one["records"] for one in fact["personal"])
    return {
        "model": name,
        "day": read.unit.parameters["day"],
        "log": where(read),
        "records": fact["records"],
        "outputs with personal data": with_personal,
        "outputs with profanity": fact["profaneOutputs"],
        "records with a guardrail": fact["guarded"],
        "guardrail interventions": fact["intervened"],
        "invocations by CloudWatch": "" if known is None or known.value is None else known.value,
        "objects": population["objects"],
        "left out as the company's own": left_out_words(left_out(body, name)),
        "not read": fact["unread"] or "",
        "not looked for": ", ".join(body["notLookedFor"]),
    }


def left_out(body: Mapping[str, Any], model: str | None = None) -> Mapping[str, int]:
    """Return how many hits in answers and traces each entry of the list of own data left out.

    Of one model, and of calls whose model is not known, as bodies kept apart name none; or of all.
    """
    found: Counter[str] = Counter()
    for one in body.get("own", {}).get("leftOut", ()):
        if one["part"] != "input" and (model is None or one["modelId"] in ("", model)):
            found[one["entry"]] += one["count"]
    return found


def left_out_words(found: Mapping[str, int]) -> str:
    """Return what was left out by entry, the most first, in words; empty for nothing."""
    every = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    more = [f"{len(every) - _OWN_SHOWN} more entries"] if len(every) > _OWN_SHOWN else []
    return ", ".join([*(f"{entry} ({count})" for entry, count in every[:_OWN_SHOWN]), *more])


def where(read: Observation) -> str:
    """Return where a scanned log lies, in words."""
    asked = read.unit.parameters
    if asked["invocationLog"] == "s3":
        return f"s3://{asked['bucket']}/{asked['prefix']}"
    return f"log group {asked['logGroupName']}"


def _unlogged(view: View, used: Mapping[str, Counted], unread: Gap | None) -> Iterable[Record]:
    """Yield the models that were or may have been invoked where nothing is logged: who knows.

    `unread`: why the log could not be read, where there is or may be one: it may hold every call.
    """
    for name, one in sorted(used.items()):
        draft = view.draft()
        nothing = dict.fromkeys(_COUNTS, 0)
        draft.values["fact"] = {**nothing, "unseen": 1, "modelId": plain_id(name)}
        if unread is not None:
            draft.gaps["fact"] = unread
        if one.value is None and one.gap is not None:
            draft.gaps["metric"] = one.gap
        else:
            draft.values["metric"] = {"invocations": one.value}
        for cited in one.inputs:
            draft.cite_input(cited)
        draft.cite_all(CONFIGURATION)
        draft.attributes |= {"model": name, "invocations by CloudWatch": one.value}
        draft.attributes["records"] = 0 if unread is None else ""
        yield draft.record(model_arn(view, name))


def model_arn(view: View, name: str) -> str:
    """Return the ARN of a model as the log or CloudWatch names it."""
    if name.startswith("arn:"):
        return name
    if plain_id(name) != name:
        return view.arn("bedrock", f"inference-profile/{name}")
    return f"arn:{view.partition}:bedrock:{view.region}::foundation-model/{name}"
