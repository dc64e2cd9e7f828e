"""A custom control's mapping sources: completed, checked, given ids."""

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


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source with what follows from what is given; Audit Manager infers the same."""
    source = dict(given)
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
