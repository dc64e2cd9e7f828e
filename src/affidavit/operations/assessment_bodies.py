"""An assessment in Audit Manager's shape: made once, as a frozen copy of its framework, and shown.

The document's body is the API's own shape. Members of ours: `_type` of each control, and what its
custom control said when the assessment was made (`_control`), when it was reviewed, and the key
that was set when the assessment was made. Delegations stand in their control set only; counts are
taken when the assessment is shown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from affidavit.model.times import iso, parse
from affidavit.operations import standard
from affidavit.operations.answers import answer
from affidavit.operations.assessed import Assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.evidence_folders import get_evidence_folders_by_assessment
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.owners import OWNER, iam_arn, with_caller
from affidavit.store.documents import Document

KIND: Final = "assessment"
MAX_DESCRIPTION: Final = 200
"""The model's longest AssessmentFrameworkDescription."""
_NOTHING: Final[Mapping[str, int]] = {"all": 0, "manual": 0, "selected": 0}
"""Counts of a control without evidence."""
_MAX_SORT: Final = 10**17
"""More microseconds than any time here has: what is newest is sorted first."""
_KEPT_OF_CONTROL: Final = (
    "description",
    "testingInformation",
    "actionPlanTitle",
    "actionPlanInstructions",
    "controlMappingSources",
)


def new_body(
    framework: Mapping[str, Any], *, arn: str, account_id: str, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a new assessment of a framework (as GetAssessmentFramework answers it)."""
    shown = {
        name: framework[name]
        for name in ("name", "description", "complianceType")
        if framework.get(name)
    }
    if "description" in shown:
        shown["description"] = shown["description"][:MAX_DESCRIPTION]
    return {
        "arn": arn,
        "awsAccount": {"id": account_id},
        "metadata": {**_compliance(framework), "status": "ACTIVE", **metadata},
        "framework": {
            "id": framework["id"],
            "arn": framework["arn"],
            "metadata": shown,
            "controlSets": [_set(one) for one in framework["controlSets"]],
        },
        "tags": {},
    }


def document_of(context: Context, caller: Caller, found: Assessed) -> Document:
    """Return an assessment's document; a new one, of version 0, where `affidavit run` made it."""
    if found.document is not None:
        return found.document
    framework = standard.standard_framework(caller, context.catalogue)
    metadata = {
        "id": found.id,
        "name": found.name,
        "assessmentReportsDestination": {"destinationType": "S3"},
        "scope": scope_of(found.stored.estate.accounts),
        "roles": [{"roleType": OWNER, "roleArn": iam_arn(found.stored.created_by)}],
        "creationTime": iso(found.stored.created_at),
        "lastUpdated": iso(found.stored.created_at),
    }
    body = new_body(
        framework,
        arn=standard.arn(caller, "assessment", found.id),
        account_id=caller.account_id,
        metadata=metadata,
    )
    return Document(kind=KIND, id=found.id, body=body | {"_madeBy": found.stored.created_by})


def writable(context: Context, caller: Caller, found: Assessed) -> Document:
    """Return the document to change; who first changes one of `affidavit run` owns it too."""
    document = document_of(context, caller, found)
    if document.version:
        return document
    metadata = document.body["metadata"]
    roles = with_caller(caller, metadata["roles"])
    return replace(document, body={**document.body, "metadata": {**metadata, "roles": roles}})


def scope_of(accounts: Sequence[str]) -> dict[str, Any]:
    """Return the scope of these accounts; services in scope are inferred, never kept."""
    return {"awsAccounts": [{"id": account} for account in accounts], "awsServices": []}


def updated(context: Context, document: Document, body: Mapping[str, Any]) -> Document:
    """Return the document with a changed body, last updated now."""
    metadata = {**body["metadata"], "lastUpdated": iso(context.now())}
    return replace(document, body={**body, "metadata": metadata})


def set_of(body: Mapping[str, Any], set_id: str) -> dict[str, Any]:
    """Return a control set by id; `NotFoundFault` where the assessment has none of it."""
    for one in body["framework"]["controlSets"]:
        if one["id"] == set_id:
            return dict(one)
    raise NotFoundFault(set_id, "controlSet")


def with_set(body: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with one control set changed, found by its id."""
    framework = body["framework"]
    sets = [
        dict(changed) if one["id"] == changed["id"] else one for one in framework["controlSets"]
    ]
    return {**body, "framework": {**framework, "controlSets": sets}}


def delegations(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the delegations of all control sets, in their order."""
    for one in body["framework"]["controlSets"]:
        yield from one.get("delegations", ())


def shown(context: Context, caller: Caller, found: Assessed, document: Document) -> dict[str, Any]:
    """Return the API's Assessment: only what the caller may see, with counts."""
    sets = {control.set_id for control in found.controls}
    chosen = [one for one in document.body["framework"]["controlSets"] if one["id"] in sets]
    return _shown(document.body, chosen, _counts(context, caller, found))


def shown_new(document: Document) -> dict[str, Any]:
    """Return the API's Assessment to who made it just now: all of it, without evidence."""
    return _shown(document.body, document.body["framework"]["controlSets"], {})


def _shown(
    body: Mapping[str, Any],
    chosen: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    body = {
        **body,
        "metadata": {**body["metadata"], "delegations": [*_of(chosen)]},
        "framework": {
            **body["framework"],
            "controlSets": [_with_counts(one, counts) for one in chosen],
        },
    }
    return answer(body)


def shown_set(one: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return an assessment's control set as the API answers it."""
    return answer(_with_counts(one, counts))


def _with_counts(one: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return an assessment's control set with the evidence of its controls counted."""
    found = [counts.get(f"{one['id']}\n{c['id']}", _NOTHING) for c in one["controls"]]
    return {
        **one,
        "roles": [
            {"roleType": d["roleType"], "roleArn": d["roleArn"]} for d in one.get("delegations", ())
        ],
        "controls": [
            {**c, "evidenceCount": n["all"], "assessmentReportEvidenceCount": n["selected"]}
            for c, n in zip(one["controls"], found, strict=True)
        ],
        "systemEvidenceCount": sum(n["all"] - n["manual"] for n in found),
        "manualEvidenceCount": sum(n["manual"] for n in found),
    }


def counted_set(
    context: Context, caller: Caller, found: Assessed, one: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one control set as the API answers it, with counts."""
    return shown_set(one, _counts(context, caller, found))


def newest_first(time: str, identifier: str) -> tuple[str, str]:
    """Return a place in a list whose newest items come first; `time` as RFC 3339."""
    micros = int(parse(time).timestamp() * 1_000_000)
    return f"{_MAX_SORT - micros:018}", identifier


def _compliance(framework: Mapping[str, Any]) -> dict[str, str]:
    kind = framework.get("complianceType")
    return {"complianceType": kind} if kind else {}


def _set(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a framework's control set as an assessment's: its name is its id there."""
    return {
        "id": one["name"],
        "status": "ACTIVE",
        "roles": [],
        "controls": [_control(control) for control in one["controls"]],
        "delegations": [],
    }


def _control(control: Mapping[str, Any]) -> dict[str, Any]:
    sources = control["controlSources"]
    made = {
        "id": control["id"],
        "name": control["name"],
        "status": "UNDER_REVIEW",
        "response": "MANUAL" if sources == standard.ONLY_MANUAL else "AUTOMATE",
        "comments": [],
        "evidenceSources": sources.split(", "),
        "_type": control["type"],
    }
    if control.get("description"):
        made["description"] = control["description"]
    if control["type"] != "Standard":
        made["_control"] = {name: control[name] for name in _KEPT_OF_CONTROL if name in control}
    return made


def _of(sets: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for one in sets:
        yield from one.get("delegations", ())


def _counts(context: Context, caller: Caller, found: Assessed) -> dict[str, Counter[str]]:
    """Return "control set, control" -> evidence counted over all its folders."""
    counts: dict[str, Counter[str]] = {}
    request = {"assessmentId": found.id}
    while True:
        page = get_evidence_folders_by_assessment(context, caller, request)
        for folder in page["evidenceFolders"]:
            key = f"{folder['controlSetId']}\n{folder['controlId']}"
            counts.setdefault(key, Counter()).update(
                all=folder["totalEvidence"],
                manual=folder["evidenceByTypeManualCount"],
                selected=folder["assessmentReportSelectionCount"],
            )
        if "nextToken" not in page:
            return counts
        request = {"assessmentId": found.id, "nextToken": page["nextToken"]}
