"""A custom control's mapping sources: completed, checked, given ids.

A source may carry what Audit Manager does not know of: a rule, parameters (`source_rules`). These
stand in members of our own, which no answer shows. A client that knows nothing of them sends
sources back without: each then keeps what is its own, and none takes another's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from affidavit.model.catalogue import Catalogue
from affidavit.model.identifiers import new_id
from affidavit.operations import keywords
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault

LIMITS: Final[Mapping[str, int]] = {"Common_Control": 5, "Core_Control": 50, "": 100}
"""Most sources of a type in one control; the last one: of all other (customer-managed) types."""
_SYSTEM: Final = "System_Controls_Mapping"
_PROCEDURAL: Final = "Procedural_Controls_Mapping"
_MANUAL_INPUTS: Final = ("UPLOAD_FILE", "INPUT_TEXT")
_PATH: Final = "controlMappingSources"
RULE, PARAMETERS = "_rule", "_parameters"
"""Our own members of a source."""
_KEPT: Final = ": a rule or parameters are kept with it; clear them first (affidavit control)"

Problem = tuple[str, str]


def completed(
    context: Context, given: Sequence[Mapping[str, Any]], present: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return the sources with ids, type and set-up option; `ValidationFault` for wrong ones.

    `present` are the ids that an update may keep; a source without an id gets a new one.
    """
    sources = [_completed(source) for source in given]
    known = set(present)
    problems = [
        problem
        for index, source in enumerate(sources)
        for problem in _problems(context.catalogue, source, known, f"{_PATH}[{index}]")
    ]
    problems += _too_many(sources) + _twice(sources)
    if problems:
        raise ValidationFault.of_members(problems)
    now = context.now()
    return [{"sourceId": new_id(now), **source} for source in sources]


def own_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a source carries of our own: its rule, its parameters."""
    return {name: source[name] for name in (RULE, PARAMETERS) if source.get(name)}


def carried(
    present: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    """Return completed sources with what is kept of those present, and those whose own is gone.

    A source is known by its id; one that comes without its id by what it asks, where that is plain.
    `ValidationFault` for a source that would ask something else with a rule made for another
    thing, and where it is not plain whose rule it is.
    """
    made = {source["sourceId"]: dict(source) for source in sources}
    known = {source["sourceId"] for source in present}
    new = [one for one in sources if one["sourceId"] not in known]
    unnamed = [one for one in present if one["sourceId"] not in made]
    problems, gone = [], []
    for old in filter(own_of, present):
        same = made.get(old["sourceId"])
        alike = [one for one in new if asks(one) == asks(old)]
        if same is not None and asks(same) != asks(old):
            at = list(made).index(old["sourceId"])
            problems.append((f"{_PATH}[{at}].sourceKeyword", f"Member must stay as it is{_KEPT}"))
        elif same is not None:
            same.update(own_of(old))
        elif not alike:
            gone.append(old)
        elif len(alike) == 1 and sum(asks(one) == asks(old) for one in unnamed) == 1:
            made[alike[0]["sourceId"]].update(own_of(old))
        else:
            problems.append((_PATH, f"Member must name the sourceId {old['sourceId']}{_KEPT}"))
    if problems:
        raise ValidationFault.of_members(problems)
    return list(made.values()), gone


def asks(source: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a source asks: its type and keyword."""
    return source["sourceType"], source["sourceKeyword"].get("keywordValue", "")


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source with what follows from what is given; Audit Manager infers the same."""
    source = {name: value for name, value in given.items() if name not in (RULE, PARAMETERS)}
    if "sourceType" not in source and source.get("sourceSetUpOption") == _PROCEDURAL:
        source["sourceType"] = "MANUAL"
    kind = source.get("sourceType", "")
    manual = kind == "MANUAL"
    source.setdefault("sourceSetUpOption", _PROCEDURAL if manual else _SYSTEM)
    keyword = dict(source.get("sourceKeyword", {}))
    keyword.setdefault("keywordInputType", "UPLOAD_FILE" if manual else "SELECT_FROM_LIST")
    source["sourceKeyword"] = keyword
    source.setdefault("sourceName", keyword.get("keywordValue", "Manual evidence"))
    if kind == "AWS_API_Call":
        source.setdefault("sourceFrequency", "DAILY")
    return source


def _problems(
    catalogue: Catalogue, source: Mapping[str, Any], known: set[str], path: str
) -> list[Problem]:
    kind = source.get("sourceType")
    if kind is None:
        return [(f"{path}.sourceType", "Member must not be null")]
    problems = []
    if source.get("sourceId", None) not in {None, *known}:
        problems.append((f"{path}.sourceId", "Member must be the id of a source of this control"))
    option = _PROCEDURAL if kind == "MANUAL" else _SYSTEM
    if source["sourceSetUpOption"] != option:
        problems.append((f"{path}.sourceSetUpOption", f"Member must be {option} for {kind}"))
    return problems + _keyword_problems(catalogue, source, kind, f"{path}.sourceKeyword")


def _keyword_problems(
    catalogue: Catalogue, source: Mapping[str, Any], kind: str, path: str
) -> list[Problem]:
    keyword = source["sourceKeyword"]
    inputs = _MANUAL_INPUTS if kind == "MANUAL" else ("SELECT_FROM_LIST",)
    if keyword["keywordInputType"] not in inputs:
        text = f"Member must be {' or '.join(inputs)} for {kind}"
        return [(f"{path}.keywordInputType", text)]
    value = keyword.get("keywordValue")
    if kind == "MANUAL":
        return []
    if value is None:
        return [(f"{path}.keywordValue", "Member must not be null")]
    if kind in ("Common_Control", "Core_Control"):
        return []
    wrong = keywords.problem(catalogue, kind, value)
    return [(f"{path}.keywordValue", wrong)] if wrong else []


def _too_many(sources: Sequence[Mapping[str, Any]]) -> list[Problem]:
    counts = Counter(
        kind if (kind := source.get("sourceType", "")) in LIMITS else "" for source in sources
    )
    return [
        (_PATH, f"Member must have at most {LIMITS[kind]} sources of {kind or 'other types'}")
        for kind, count in counts.items()
        if count > LIMITS[kind]
    ]


def _twice(sources: Sequence[Mapping[str, Any]]) -> list[Problem]:
    counts = Counter(source["sourceId"] for source in sources if "sourceId" in source)
    twice = any(count > 1 for count in counts.values())
    return [(_PATH, "Member must not name a sourceId twice")] if twice else []
