"""Whom runs of prompts must speak for: the models in use in a Region, and their guardrails.

A model is in use when CloudWatch counted an invocation of it within IN_USE_DAYS (an unknown count
counts), or lists calls of it through bedrock-mantle or Agents, or when yesterday's invocation log
has an answered call of it. Which guardrails its calls had, that log tells. A model that gives no
text cannot be asked prompts: it is left out where the list of foundation models says so, and only
there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.checks.drafts import View
from affidavit.checks.guardrail_names import Named
from affidavit.checks.invocation_logs import CONFIGURATION, destinations
from affidavit.checks.listed import Found
from affidavit.checks.model_ids import resolve
from affidavit.checks.places import IN_USE_DAYS, Metrics
from affidavit.checks.sets.invocation_scans import invocation_scan, scans
from affidavit.checks.sets.models import bases, entries, entry_of, own_models, throughputs
from affidavit.checks.windows import MODEL_DIMENSION, OTHER_DOORS, models
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, Observation

_DOORS = "MetricsOfOtherDoors"
_MODEL_DIMENSIONS = (MODEL_DIMENSION, "Model")
_TEXT = "TEXT"
_RERANKS = "rerank"
"""Begin of the name of models that rank texts: they list TEXT as output and answer with scores."""


@dataclass(slots=True, kw_only=True)
class InUse:
    """A model in use."""

    name: str
    """As CloudWatch, or else the log, names it: it can be asked by this name."""
    invocations: float | None = 0.0
    """Within IN_USE_DAYS, as CloudWatch counts; None: not known."""
    guardrails: dict[Named, int] = field(default_factory=dict)
    """Yesterday's answered calls, by guardrail."""
    unknown: bool = False
    """True where yesterday had, or may have had, calls whose guardrail is not known."""
    doors: set[str] = field(default_factory=set)
    """Other ways than bedrock-runtime by which it is called."""
    inputs: dict[Input, None] = field(default_factory=dict)
    """What says that it is in use, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The models in use in one Region that can be asked prompts, by model id."""

    models: Mapping[str, InUse]
    silent: bool
    """Only models are in use that give no text: nobody can be asked prompts."""
    gaps: tuple[Gap, ...]
    """Why there may be more, or why it is not known which guardrails their calls had."""


def model_names(view: View) -> Mapping[str, str]:
    """Return what the account's own names of models stand for (see `model_ids.resolve`)."""
    return own_models(view) | throughputs(view)


def population(view: View) -> Population:
    """Return the models in use in the Region of a view."""
    own = model_names(view)
    found: dict[str, InUse] = {}
    for name in models(view.scope, view.region):
        _count(found, view, name, resolve(name, own))
    counted, unread = bool(found), _add_log(found, view, own)
    gaps = [
        *view.gaps("ListMetrics"),
        *(unread if counted else ()),
        *_by_other_doors(found, view, own),
    ]
    known, listed = bases(view), entries(view)
    asked = {m: one for m, one in found.items() if _gives_text(resolve(m, known), listed)}
    return Population(
        models=dict(sorted(asked.items())), silent=bool(found) and not asked, gaps=tuple(gaps)
    )


def _count(found: dict[str, InUse], view: View, name: str, model_id: str) -> None:
    """Add what CloudWatch counted under one name of a model."""
    window = view.metrics.get((IN_USE_DAYS, name), Metrics())
    value = window.values.get("invocations")
    listed = list(_listed(view, name))
    if value == 0.0 and not any(len(one.value["Dimensions"]) == 1 for one in listed):
        value = None  # listed with other dimensions only: the sum over ModelId says nothing
    if value == 0.0:
        return
    one = found.setdefault(model_id, InUse(name=name))
    one.unknown = one.unknown or value is None  # no log can be held against a count
    known = value is not None and one.invocations is not None
    one.invocations = (one.invocations or 0.0) + (value or 0.0) if known else None
    one.inputs |= dict.fromkeys(window.inputs.get("invocations", ()))
    one.inputs |= dict.fromkeys(view.answers.input(m.source, m.pointer) for m in listed)


def _listed(view: View, name: str) -> Iterator[Found]:
    for metric in view.items("ListMetrics"):
        if any(d.get("Value") == name for d in metric.value.get("Dimensions", ())):
            yield metric


def _by_other_doors(found: dict[str, InUse], view: View, own: Mapping[str, str]) -> Iterator[Gap]:
    """Add models that are used by bedrock-mantle or Agents; yield why there may be others.

    AWS/Bedrock may not count these calls, the invocation log may not hold them: which guardrail
    they have is not known.
    """
    if _DOORS not in view.answers.catalogue.operations:
        return  # judged again by the catalogue of a report that was made before
    yield from view.gaps(_DOORS)
    nameless: dict[str, Found] = {}
    for metric in view.items(_DOORS):
        door = OTHER_DOORS[metric.value["Namespace"]][1]
        dimensions = metric.value.get("Dimensions", ())
        names = [d["Value"] for d in dimensions if d.get("Name") in _MODEL_DIMENSIONS]
        if not names:
            nameless.setdefault(door, metric)
            continue
        one = found.setdefault(resolve(names[0], own), InUse(name=names[0], invocations=None))
        one.doors.add(door)
        one.unknown = True
        one.inputs[view.answers.input(metric.source, metric.pointer)] = None
    told = {door for one in found.values() for door in one.doors}
    for door in sorted(nameless.keys() - told):
        words = f"CloudWatch counts calls through {door} and names no model of them."
        yield view.answers.gap(_DOORS, view.region, {}, GapReason.NOT_CONFIGURED, words)


def _add_log(found: dict[str, InUse], view: View, own: Mapping[str, str]) -> list[Gap]:
    """Add what yesterday's log knows; return why it knows nothing, where it is there to be read."""
    read = next((one for one in scans(view) if isinstance(one, Observation)), None)
    scanned = invocation_scan(view)
    for record in scanned.records:
        name, fact = record.attributes["model"], record.values["fact"]
        logged = _logged(read, name)
        if not (fact["records"] or fact["unseen"] or fact["unread"]):
            continue
        one = found.setdefault(resolve(name, own), InUse(name=name, invocations=None))
        told = 0
        for entry in logged.get("guardrails", ()):
            key = (entry["guardrailId"], entry["guardrailVersion"])
            one.guardrails[key] = one.guardrails.get(key, 0) + entry["records"]
            told += entry["records"]
        lacks = fact["unseen"] or fact["unread"] or told < fact["records"]
        one.unknown = one.unknown or bool(lacks)
        one.inputs |= dict.fromkeys(record.inputs)
    if read is not None and scanned.gaps:  # not read whole, or CloudTrail knows more calls
        for one in found.values():
            one.unknown = True
    configured = view.gaps(CONFIGURATION) or list(destinations(view.scope, view.region))
    if read is not None or not configured:
        return []
    return [one for one in scanned.gaps if one.reason is not GapReason.UNSUPPORTED_IN_REGION]


def _logged(read: Observation | None, name: str) -> Mapping[str, Any]:
    """Return what the scan says of a model as it names it."""
    listed = read.body["models"] if read is not None else ()
    return next((one for one in listed if one["modelId"] == name), {})


def _gives_text(base: str, listed: Mapping[str, Found]) -> bool:
    """Tell whether a foundation model can be asked prompts; where it is not known, it is."""
    if base.partition(".")[2].startswith(_RERANKS):
        return False
    entry = entry_of(base, listed)
    given = entry.value.get("outputModalities") if entry is not None else None
    return not given or _TEXT in given
