"""Assessment reports: asked for, listed, downloaded, deleted, and held to their signatures.

A report is built by the server's worker (`tasks`). It holds exactly the evidence that was selected,
or that a query found, when it was asked for; the ledger's record of that says how much and which,
and the run records in the report count what it leaves out.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from affidavit.errors import CollectError
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import holds, report_choices, work
from affidavit.operations.answers import answer
from affidavit.operations.assessed import Assessed, assessed, is_assigned
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.manual_items import manual_items
from affidavit.operations.pages import Pages
from affidavit.operations.presigned import presign
from affidavit.operations.query_statements import Matched, matched
from affidavit.operations.reports import key_file
from affidavit.operations.selections import selection
from affidavit.operations.tenant_bindings import objects_of, place_problem
from affidavit.report.choice import Choice
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import Outcome, verify
from affidavit.store.documents import Document

KIND: Final = "assessment_report"
MAX_BYTES: Final = 2**33
"""Largest report that is fetched to be validated."""
GENERATING: Final = (
    "The assessment report is currently being generated and can't be deleted. You can only delete "
    "assessment reports that are completed or failed"
)
"""Audit Manager's own text (behaviour notes, 4.2)."""
ALGORITHM: Final = "Ed25519 (DSSE)"
_NOT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9-_()\s+=,.@]")
_MAX_NAME: Final = 128
_CHUNK: Final = 2**20


def create_assessment_report(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Ask for a report of what is selected; it is IN_PROGRESS until the worker has built it."""
    found = assessed(context, caller, "CreateAssessmentReport", request["assessmentId"])
    return ask(context, caller, found, _wanted(context, caller, found, request), request)


def ask(
    context: Context, caller: Caller, found: Assessed, wanted: Matched, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Leave the task that builds a report of what is wanted, and answer the report."""
    now = context.now()
    body: dict[str, Any] = {
        "id": new_id(now),
        "name": request["name"],
        "description": request.get("description"),
        "awsAccountId": caller.account_id,
        "assessmentId": found.id,
        "assessmentName": found.name,
        "author": author_of(caller.principal_arn),
        "status": "IN_PROGRESS",
        "creationTime": iso(now),
        "_firstDay": wanted.days[0].isoformat(),
        "_lastDay": wanted.days[1].isoformat(),
        "_said": wanted.choice.said(),
        "_frozen": dict(wanted.frozen),
        "_since": context.store.log(caller.tenant).size,
    }
    if found.document is not None:
        body["_kmsKey"] = found.document.body.get("_kmsKey", "")
    body["_s3"] = _object_url(found.destination, f"{body['name']}-{body['id']}")
    document = Document(
        kind=KIND, id=body["id"], parent=found.id, sort=body["creationTime"], body=body
    )
    task = work.queued(context, "report", found.id, subject=document.id)
    act(context, caller, _change("CREATE", document), puts=[document, task])
    context.wake()
    return {"assessmentReport": answer(body)}


def _wanted(
    context: Context, caller: Caller, found: Assessed, request: Mapping[str, Any]
) -> Matched:
    """Return what evidence a report is wanted of."""
    if "queryStatement" in request:
        return matched(context, caller, found, request["queryStatement"])
    chosen = selection(context, caller.tenant, found.id)
    if not chosen.days():
        raise ValidationFault(
            "No evidence has been added to the assessment report. Add evidence with "
            "AssociateAssessmentReportEvidenceFolder or BatchAssociateAssessmentReportEvidence."
        )
    manual = manual_items(context, caller.tenant, found.id)
    frozen = report_choices.frozen_selection(chosen, found.id, manual)
    choice, runs = report_choices.by_selection(context.store, found.stored, frozen, chosen.days())
    known = report_choices.run_days(context.store, found.stored, context.now().date())
    days = {*chosen.days(), *(known.of[run] for run in runs)}
    return Matched(choice=choice, days=report_choices.span(days, known.whole), frozen=frozen)


def choice_of(context: Context, tenant: str, document: Document) -> Choice:
    """Return what a report is to hold, as it was chosen when the report was asked for."""
    body = document.body
    choice = report_choices.kept(
        context.store,
        context.store.assessment(document.parent),
        body["_said"],
        body["_frozen"],
    )
    return report_choices.recorded(context.store, tenant, choice, document.id, body["_since"])


def list_assessment_reports(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the reports of the assessments that are the caller's own, the newest first."""
    operation = "ListAssessmentReports"
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    found = context.store.documents.every(caller.tenant, KIND, after=pages.after, newest_first=True)
    if scope(caller.role, operation) is Scope.OWN:
        known = {one.parent for one in found}
        own = {one for one in known if is_assigned(context, caller, one)}
        found = [one for one in found if one.parent in own]
    page = found[: pages.limit]
    more = {"nextToken": pages.token((page[-1].sort, page[-1].id))} if found[len(page) :] else {}
    shown = [answer({k: v for k, v in one.body.items() if k != "awsAccountId"}) for one in page]
    return {"assessmentReports": shown, **more}


def delete_assessment_report(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Delete a report that is not being generated, here and in its bucket."""
    document = _report(context, caller, "DeleteAssessmentReport", request)
    if document.body["status"] == "IN_PROGRESS":
        raise ValidationFault(GENERATING)
    puts = []
    if document.body.get("_s3") and document.body["status"] == "COMPLETE":
        task = work.queued(context, "forget", document.parent, url=document.body["_s3"])
        puts.append(task)
    absent = holds.unless_held(document.parent)
    file = context.store.attachments.given_up_report(caller.tenant, document.id)
    more = {"absent": absent, "given_up": file}
    act(context, caller, _change("DELETE", document), puts=puts, deletes=[document], **more)
    context.store.attachments.remove_given_up(file)
    forget_file(context, caller.tenant, document.id)
    if puts:
        context.wake()
    return {}


def get_assessment_report_url(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a URL that downloads a report, for a quarter of an hour."""
    document = _report(context, caller, "GetAssessmentReportUrl", request)
    body = document.body
    if body["status"] != "COMPLETE":
        why = body.get("_reason") or "It is still being generated."
        raise ValidationFault(f"The assessment report is {body['status']}. {why}")
    link = presign(context, caller, "report", document.id, "")
    return {"preSignedUrl": {"hyperlinkName": f"{body['name']}.zip"[:200], "link": link}}


def validate_assessment_report_integrity(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Fetch a report from the tenant's bucket and hold it to signature, ledger and digests."""
    url = request["s3RelativePath"]
    problem = place_problem(context, caller.tenant, url, "reports")
    if problem:
        raise ValidationFault.of_members([("s3RelativePath", problem)])
    with TemporaryDirectory(prefix="affidavit-") as folder:
        path = Path(folder) / "report.zip"
        try:
            with (
                objects_of(context, caller.tenant, "reports") as objects,
                path.open("xb") as file,
            ):
                objects.fetch(url, file.write, MAX_BYTES)
        except CollectError as error:
            raise ValidationFault(
                error.in_a_line, fields=[("s3RelativePath", "Member must be readable")]
            ) from error
        outcome, key = _verified(context, path)
    return {
        "signatureValid": outcome.verified,
        "signatureAlgorithm": ALGORITHM,
        "signatureDateTime": _signed_at(context, caller, url),
        "signatureKeyId": key,
        "validationErrors": _errors(outcome),
    }


def report_file(
    context: Context, tenant: str, report_id: str
) -> tuple[Iterator[bytes], str] | None:
    """Return a complete report in parts and the name to give it, or None."""
    document = context.store.documents.get(tenant, KIND, report_id)
    if document is None or document.body["status"] != "COMPLETE":
        return None
    parts = context.store.attachments.report(tenant, report_id)
    old = _old_path(context, tenant, report_id)
    if parts is None and old.is_file():
        parts = _parts(old)
    return (parts, f"{document.body['name']}.zip") if parts is not None else None


def forget_file(context: Context, tenant: str, report_id: str) -> None:
    """Remove a report's own copy."""
    context.store.attachments.remove_report(tenant, report_id)
    _old_path(context, tenant, report_id).unlink(missing_ok=True)


def _old_path(context: Context, tenant: str, report_id: str) -> Path:
    """Return where a report's own copy was kept before they were sealed."""
    account, region = tenant.split("/")
    return context.settings.home / "reports" / account / region / f"{report_id}.zip"


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK), b"")


def author_of(principal_arn: str) -> str:
    """Return the Username that an identity is shown as: the last part of its ARN."""
    name = principal_arn.rpartition(":")[2].rpartition("/")[2]
    return _NOT_IN_NAME.sub("_", name)[:_MAX_NAME] or "unknown"


def _report(
    context: Context, caller: Caller, operation: str, request: Mapping[str, Any]
) -> Document:
    found = assessed(context, caller, operation, request["assessmentId"])
    identifier = request["assessmentReportId"]
    document = context.store.documents.get(caller.tenant, KIND, identifier)
    if document is None or document.parent != found.id:
        raise NotFoundFault(identifier, "assessmentReport")
    return document


def _object_url(destination: str, name: str) -> str:
    """Return the S3 URL of a report below its assessment's destination; empty: none."""
    return f"{destination.rstrip('/')}/{name}.zip" if destination else ""


def _change(action: Any, document: Document) -> Change:
    return Change(
        action=action,
        object_type="ASSESSMENT_REPORT",
        object_id=document.id,
        object_name=document.body["name"],
        assessment_id=document.parent,
        details={
            **{k: v for k, v in document.body.items() if v and k not in ("_said", "_frozen")},
            "choice": document.body["_said"],
        },
    )


def _verified(context: Context, path: Path) -> tuple[Outcome, str]:
    """Return what verifying finds under the key that holds, else under the current one."""
    tried = []
    for public in context.store.public_keys():
        outcome = verify(path, read_key(str(key_file(context.store, public))))
        tried.append((outcome, public.fingerprint))
        if outcome.verified:
            return tried[-1]
    return tried[0]


def _errors(outcome: Outcome) -> list[str]:
    failure = outcome.failure
    return [f"{failure.step}: {failure.where}: {failure.what}"[:2048]] if failure else []


def _signed_at(context: Context, caller: Caller, url: str) -> str:
    for one in context.store.documents.every(caller.tenant, KIND):
        if one.body.get("_s3") == url:
            return str(one.body.get("_signedAt", ""))
    return ""


HANDLERS: Mapping[str, Operation] = {
    "CreateAssessmentReport": create_assessment_report,
    "DeleteAssessmentReport": delete_assessment_report,
    "GetAssessmentReportUrl": get_assessment_report_url,
    "ListAssessmentReports": list_assessment_reports,
    "ValidateAssessmentReportIntegrity": validate_assessment_report_integrity,
}
