"""Insights: the day's evidence counted by assessment, control domain and control.

A snapshot of one UTC day, not a sum over days: the newest day that has evidence (for several
assessments, the newest of any of them). Control domains are the catalogue's control sets; custom
controls are UNCATEGORIZED. Only what has evidence on that day is shown; of several runs the last
one counts. Manual evidence carries no verdict and counts as inconclusive; so does the manual part
of a control whose automated part is compliant.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from affidavit.model.run import ControlVerdict
from affidavit.model.times import parse
from affidavit.model.verdict import Verdict
from affidavit.operations import standard
from affidavit.operations.assessed import Assessed, AssessedControl, assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.operations.manual_items import manual_items
from affidavit.operations.pages import Pages

UNCATEGORIZED_NAME: Final = "Uncategorized"
_MEMBERS: Final[Mapping[str, str]] = {
    "noncompliantEvidenceCount": "NON_COMPLIANT",
    "compliantEvidenceCount": "COMPLIANT",
    "inconclusiveEvidenceCount": "NOT_APPLICABLE",
}
_MOST: Final = 10**12
"""More evidence than a control has in a day: the most non-compliant are sorted first."""

Domain = tuple[str, str]
"""(id, name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlDay:
    """A control's evidence of the day in one assessment."""

    control: AssessedControl
    domain: Domain
    counts: Counter[str]
    """Evidence by verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentDay:
    """An assessment's evidence of the day."""

    found: Assessed
    controls: tuple[ControlDay, ...]
    """Only those with evidence."""
    updated: datetime | None
    """When the day's last run was finished; None where there was none."""


def get_insights(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the counts of all the caller's assessments."""
    del request
    days = _days(context, caller, "GetInsights")
    active = sum(day.found.active for day in days)
    return {"insights": {"activeAssessmentsCount": active, **_insights(days)}}


def get_insights_by_assessment(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the counts of one assessment."""
    days = _days(context, caller, "GetInsightsByAssessment", request["assessmentId"])
    return {"insights": _insights(days)}


def list_control_domain_insights(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the control domains of all the caller's assessments."""
    return _domains(context, caller, "ListControlDomainInsights", request)


def list_control_domain_insights_by_assessment(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the control domains of one assessment."""
    return _domains(context, caller, "ListControlDomainInsightsByAssessment", request)


def list_control_insights_by_control_domain(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a domain's controls over all assessments, the most non-compliant first."""
    operation = "ListControlInsightsByControlDomain"
    days = _days(context, caller, operation)
    merged: dict[str, tuple[AssessedControl, Counter[str]]] = {}
    for day in _in_domain(context, days, request["controlDomainId"]):
        _, counts = merged.setdefault(day.control.id, (day.control, Counter()))
        counts.update(day.counts)
    items = [_item(control, counts, days) for control, counts in merged.values()]
    page, more = _page(context, caller, operation, request, items)
    return {"controlInsightsMetadata": page, **more}


def list_assessment_control_insights_by_control_domain(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a domain's controls in one assessment, the most non-compliant first."""
    operation = "ListAssessmentControlInsightsByControlDomain"
    days = _days(context, caller, operation, request["assessmentId"])
    items = [
        {**_item(one.control, one.counts, days), "controlSetName": one.control.set_id}
        for one in _in_domain(context, days, request["controlDomainId"])
    ]
    page, more = _page(context, caller, operation, request, items)
    return {"controlInsightsByAssessment": page, **more}


def _domains(
    context: Context, caller: Caller, operation: str, request: dict[str, Any]
) -> dict[str, Any]:
    days = _days(context, caller, operation, request.get("assessmentId"))
    counts: dict[Domain, Counter[str]] = {}
    controls: dict[Domain, dict[str, bool]] = {}
    for one in _controls(days):
        counts.setdefault(one.domain, Counter()).update(one.counts)
        bad = controls.setdefault(one.domain, {})
        bad[one.control.id] = bad.get(one.control.id, False) or one.counts["NON_COMPLIANT"] > 0
    items = [
        {
            "name": domain[1],
            "id": domain[0],
            "controlsCountByNoncompliantEvidence": sum(controls[domain].values()),
            "totalControlsCount": len(controls[domain]),
            "evidenceInsights": _evidence(counts[domain]),
            **_updated(days),
        }
        for domain in counts
    ]
    page, more = _page(context, caller, operation, request, items)
    return {"controlDomainInsights": page, **more}


def _days(
    context: Context, caller: Caller, operation: str, assessment_id: str | None = None
) -> list[AssessmentDay]:
    """Return what was collected on the newest day, in one assessment or in all of the caller's."""
    if assessment_id is not None:
        found = [assessed(context, caller, operation, assessment_id)]
    else:
        found = list(_own(context, caller, operation))
    newest = {one.id: _newest(context, caller, one) for one in found}
    day = max((day for day in newest.values() if day is not None), default=None)
    domains = _domains_by_key(context)
    return [_day(context, caller, one, day, domains) for one in found]


def _own(context: Context, caller: Caller, operation: str) -> Iterator[Assessed]:
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            yield assessed(context, caller, operation, stored.id)


def _newest(context: Context, caller: Caller, found: Assessed) -> date | None:
    collected = context.store.last_day(found.id)
    manual = manual_items(context, caller.tenant, found.id)[-1:]
    return max(filter(None, [collected, *(item.time.date() for item in manual)]), default=None)


def _day(
    context: Context,
    caller: Caller,
    found: Assessed,
    day: date | None,
    domains: Mapping[str, Domain],
) -> AssessmentDay:
    if day is None:
        return AssessmentDay(found=found, controls=(), updated=None)
    # The day's last run: a folder holds the evidence of every run of its day.
    counts = {key: _counts(said) for key, said in context.store.verdicts(found.id, day).items()}
    for item in manual_items(context, caller.tenant, found.id):
        if item.time.date() == day:
            counts.setdefault(item.control_key, Counter())["NOT_APPLICABLE"] += 1
    unknown = (standard.UNCATEGORIZED, UNCATEGORIZED_NAME)
    # A control in two sets has one folder: counted once, in the first set.
    once = {one.key: one for one in reversed(found.controls)}
    controls = tuple(
        ControlDay(control=one, domain=domains.get(one.key, unknown), counts=counts[one.key])
        for one in found.controls
        if counts.get(one.key) and once[one.key] is one
    )
    ends = [record["finished_at"] for record in context.store.whole_runs(found.stored, day)]
    return AssessmentDay(found=found, controls=controls, updated=parse(ends[-1]) if ends else None)


def _counts(said: ControlVerdict) -> Counter[str]:
    """Return a control's evidence by verdict, never as if it were compliant as a whole.

    What a person has to add to a control whose automated part is compliant is inconclusive, whether
    it is there or not: one item, where nothing else of the day is.
    """
    counts = Counter({verdict: n for verdict, n in said.counts.items() if n})
    if said.verdict is Verdict.COMPLIANT and said.manual:
        counts["NOT_APPLICABLE"] = max(1, counts["NOT_APPLICABLE"])
    return counts


def _domains_by_key(context: Context) -> dict[str, Domain]:
    """Return the control domain of each standard control, by the control as evidence names it."""
    return {
        control.id: (standard.domain_arn(one.uuid), one.name)
        for one in context.catalogue.framework.control_sets
        for control in one.controls
    }


def _insights(days: Iterable[AssessmentDay]) -> dict[str, Any]:
    """Return the counts; none of evidence (no data, rather than 0) where nothing was collected."""
    days = list(days)
    total = sum(len(day.found.controls) for day in days)
    shown: dict[str, Any] = {"totalAssessmentControlsCount": total}
    controls = list(_controls(days))
    if not controls:
        return shown
    counts: Counter[str] = Counter()
    for one in controls:
        counts.update(one.counts)
    bad = sum(one.counts["NON_COMPLIANT"] > 0 for one in controls)
    return {
        **shown,
        **_evidence(counts),
        "assessmentControlsCountByNoncompliantEvidence": bad,
        **_updated(days),
    }


def _controls(days: Iterable[AssessmentDay]) -> Iterator[ControlDay]:
    for day in days:
        yield from day.controls


def _updated(days: Iterable[AssessmentDay]) -> dict[str, datetime]:
    last = max((day.updated for day in days if day.updated is not None), default=None)
    return {} if last is None else {"lastUpdated": last}


def _evidence(counts: Mapping[str, int]) -> dict[str, int]:
    return {member: counts.get(verdict, 0) for member, verdict in _MEMBERS.items()}


def _in_domain(context: Context, days: Iterable[AssessmentDay], domain_id: str) -> list[ControlDay]:
    """Return the controls of a domain, by its ARN or UUID; `NotFoundFault` for no such domain."""
    sets = context.catalogue.framework.control_sets
    known = {standard.UNCATEGORIZED, *(standard.domain_arn(one.uuid) for one in sets)}
    wanted = domain_id if domain_id in known else standard.domain_arn(domain_id)
    if wanted not in known:
        raise NotFoundFault(domain_id, "controlDomain")
    return [one for one in _controls(days) if one.domain[0] == wanted]


def _item(
    control: AssessedControl, counts: Mapping[str, int], days: Iterable[AssessmentDay]
) -> dict[str, Any]:
    return {
        "name": control.name,
        "id": control.id,
        "evidenceInsights": _evidence(counts),
        **_updated(days),
    }


def _page(
    context: Context,
    caller: Caller,
    operation: str,
    request: dict[str, Any],
    items: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    def place(item: dict[str, Any]) -> tuple[str, str]:
        bad = item["evidenceInsights"]["noncompliantEvidenceCount"]
        return f"{_MOST - bad:013}", item["id"]

    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    return pages.of(items, place)


HANDLERS: Mapping[str, Operation] = {
    "GetInsights": get_insights,
    "GetInsightsByAssessment": get_insights_by_assessment,
    "ListAssessmentControlInsightsByControlDomain": (
        list_assessment_control_insights_by_control_domain
    ),
    "ListControlDomainInsights": list_control_domain_insights,
    "ListControlDomainInsightsByAssessment": list_control_domain_insights_by_assessment,
    "ListControlInsightsByControlDomain": list_control_insights_by_control_domain,
}
