"""Suites and kept runs of prompts as the console shows them, of the caller's own assessments."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from affidavit.operations import looking, own_suites
from affidavit.operations.assessed import Assessed, assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.prompts import results as counted
from affidavit.prompts.metrics.analysis import by_model
from affidavit.prompts.recorded_runs import KIND
from affidavit.prompts.results import Tally
from affidavit.prompts.suite import Suite, load, shipped
from affidavit.store.documents import Document

OPERATION: Final = "GetInsights"
"""Of the API: a run is about the whole assessment, so a delegate may not read it."""
NEWEST: Final = 50
"""Runs of a page, and of an assessment that are looked through for those of a suite."""
BACK: Final = 12
"""Earlier runs of a model that a case is shown in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRun:
    """A kept run."""

    assessment_id: str
    assessment: str
    head: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]

    @property
    def tally(self) -> Tally:
        """Return how many cases came out how."""
        return counted.tally(self.cases)

    @property
    def families(self) -> Mapping[str, Tally]:
        """Return the tally of each family."""
        return counted.by_family(self.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRunDetails:
    """A kept run beside those of other models."""

    run: PromptRun
    models: Sequence[Mapping[str, Any]]
    """The newest run of the same suite of each model, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteHead:
    """A suite as it is listed."""

    id: str
    kind: str
    cases: int
    description: str
    version: int = 0
    """Of an own suite; 0: it is shipped."""


@cache
def shipped_heads() -> tuple[SuiteHead, ...]:
    """Return the shipped suites; read once, which takes a tenth of a second."""
    return tuple(
        SuiteHead(id=one.id, kind=one.kind, cases=len(one.cases), description=one.description)
        for one in map(load, shipped())
    )


def suites(context: Context, caller: Caller) -> list[SuiteHead]:
    """Return the tenant's own suites and the shipped ones."""
    looking.require(context, caller, OPERATION)
    own = [
        SuiteHead(
            id=one.parent,
            version=one.body["number"],
            **{name: one.body[name] for name in ("kind", "cases", "description")},
        )
        for one in own_suites.newest(context.store, caller.tenant)
    ]
    return [*own, *shipped_heads()]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteDetails:
    """A suite with what it asks."""

    suite: Suite
    versions: Sequence[Mapping[str, Any]]
    """Of an own suite, the newest first."""
    canaries: Sequence[str]
    """Names of those that use it."""


def suite(context: Context, caller: Caller, suite_id: str) -> SuiteDetails:
    """Return a suite; `NotFoundFault` where there is none of the id."""
    looking.require(context, caller, OPERATION)
    store, tenant = context.store, caller.tenant
    versions = [one.body for one in own_suites.versions(store, tenant, suite_id)]
    if not versions and suite_id not in shipped():
        raise NotFoundFault(suite_id, "suite")
    return SuiteDetails(
        suite=own_suites.suite_named(store, tenant, suite_id),
        versions=versions[::-1],
        canaries=own_suites.uses(store, tenant, suite_id),
    )


def runs(
    context: Context, caller: Caller, after: tuple[str, str] | None = None
) -> tuple[list[PromptRun], tuple[str, str] | None]:
    """Return a page of the kept runs of the caller's assessments, the newest first.

    And behind which one the next page begins; None: there is none.
    """
    looking.require(context, caller, OPERATION)
    found = [
        (document.sort, document.id, _run(one, document.body))
        for one in _own(context, caller)
        for document in context.store.documents.every(
            caller.tenant, KIND, parent=one.id, newest_first=True, after=after, limit=NEWEST + 1
        )
    ]
    found.sort(key=lambda one: one[:2], reverse=True)
    page = found[:NEWEST]
    return [run for *_, run in page], page[-1][:2] if len(found) > NEWEST else None


def run(context: Context, caller: Caller, run_id: str) -> PromptRunDetails:
    """Return a kept run; `NotFoundFault` where there is none that the caller may see."""
    looking.require(context, caller, OPERATION)
    document = context.store.documents.get(caller.tenant, KIND, run_id)
    if document is None:
        raise NotFoundFault(run_id, "promptRun")
    found = assessed(context, caller, "GetInsightsByAssessment", document.parent)
    every = context.store.documents.every(
        caller.tenant, KIND, parent=found.id, newest_first=True, limit=NEWEST
    )
    suite = document.body["run"]["suite"]
    return PromptRunDetails(
        run=_run(found, document.body),
        models=by_model([one.body for one in every if one.body["run"]["suite"] == suite]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOverTime:
    """One case in the runs of its suite."""

    suite: str
    case: str
    over_time: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    """(run, case) of the same model, guardrail and place, the newest first."""
    others: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    """The newest of each other one."""


def case_over_time(context: Context, caller: Caller, run_id: str, case: str) -> CaseOverTime:
    """Return a case of a run, in the runs of its model before and since, and of other models."""
    looking.require(context, caller, OPERATION)
    document = context.store.documents.get(caller.tenant, KIND, run_id)
    if document is None:
        raise NotFoundFault(run_id, "promptRun")
    found = assessed(context, caller, "GetInsightsByAssessment", document.parent)
    head = document.body["run"]
    newest = context.store.documents.every(
        caller.tenant, KIND, parent=found.id, newest_first=True, limit=NEWEST
    )
    of_suite = [one for one in newest if one.body["run"]["suite"] == head["suite"]]
    by_asked: dict[tuple[str, ...], list[Document]] = {}
    for one in of_suite:
        by_asked.setdefault(_asked(one.body), []).append(one)
    own = by_asked.pop(_asked(document.body), [])
    since = [one.body for one in own if (one.sort, one.id) > (document.sort, document.id)]
    before = [document.body, *_before(context, caller, document)]
    over_time = _in([*since, *before], case)
    if not over_time:
        raise NotFoundFault(case, "promptCase")
    return CaseOverTime(
        suite=head["suite"],
        case=case,
        over_time=over_time,
        others=_in((held[0].body for held in by_asked.values()), case),
    )


def _before(context: Context, caller: Caller, document: Document) -> Iterator[Mapping[str, Any]]:
    """Yield the runs that a run and those before it were compared with, the newest first."""
    for _ in range(BACK):
        previous = document.body.get("metrics", {}).get("drift", {}).get("previousRun", "")
        found = context.store.documents.get(caller.tenant, KIND, previous) if previous else None
        if found is None or found.parent != document.parent:
            return
        yield found.body
        document = found


def _asked(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return who was asked in a run: a model, as it was guarded, at a place."""
    names = ("modelId", "guardrailId", "guardrailVersion", "accountId", "region")
    return tuple(str(body["run"].get(name, "")) for name in names)


def _in(
    bodies: Iterable[Mapping[str, Any]], case: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return a case as it came out in each of these runs, where it was asked."""
    return [(b["run"], held) for b in bodies for held in b["cases"] if held["case"] == case]


def _own(context: Context, caller: Caller) -> Iterator[Assessed]:
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            yield assessed(context, caller, "GetInsightsByAssessment", stored.id)


def _run(found: Assessed, body: Mapping[str, Any]) -> PromptRun:
    return PromptRun(
        assessment_id=found.id,
        assessment=found.name,
        head=body["run"],
        cases=body["cases"],
        metrics=body.get("metrics", {}),
    )
