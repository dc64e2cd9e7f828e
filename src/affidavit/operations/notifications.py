"""Notifications: told at delegation, submission and completion, in the application.

Each is one document (kind notification) for one identity. The tenant's SNS topic at that time
stands in it (`_topic`), and what became of its message (`_delivery`); see `outbox`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import account_settings, outbox
from affidavit.operations.answers import answer
from affidavit.operations.assessed import is_same
from affidavit.operations.assessment_bodies import newest_first
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.pages import Pages
from affidavit.operations.service import service_caller
from affidavit.store.documents import Document

KIND: Final = "notification"
SOURCE: Final = "AWS Audit Manager"
SERVER: Final = "Affidavit"
"""Source of what Audit Manager has no notification for."""


def list_notifications(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the notifications of the caller (of everybody for administrators), newest first."""
    operation = "ListNotifications"
    every = context.store.documents.every(caller.tenant, KIND)
    if scope(caller.role, operation) is not Scope.ALLOW:
        every = [one for one in every if is_same(caller.principal_arn, one.body["_for"])]
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    page, more = pages.of(every, lambda one: newest_first(one.sort, one.id))
    return {"notifications": [answer(_shown(one.body)) for one in page], **more}


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "description": outbox.description(body)}


def notification(
    context: Context,
    caller: Caller,
    recipient: str,
    assessment: Mapping[str, Any],
    set_id: str,
    words: str,
) -> Document:
    """Return a notification for an identity (ARN), to be written with the act it tells of.

    `assessment` is the body of the assessment's document.
    """
    now = context.now()
    identifier = new_id(now)
    metadata = assessment["metadata"]
    body = {
        "id": f"{int(now.timestamp() * 1000)}_{identifier}",
        "assessmentId": metadata["id"],
        "assessmentName": metadata["name"],
        "controlSetId": set_id,
        "controlSetName": set_id,
        "description": words,
        "eventTime": iso(now),
        "source": SOURCE,
        "_for": recipient,
        "_topic": account_settings.document(context, caller).body["snsTopic"],
    }
    return Document(kind=KIND, id=identifier, parent=metadata["id"], sort=iso(now), body=body)


def tell_owners(context: Context, tenant: str, assessment: Document, words: str) -> list[Document]:
    """Return notifications of the server itself about an assessment, for each of its owners."""
    caller, body = service_caller(tenant), assessment.body
    empty = ("controlSetId", "controlSetName")
    told = []
    for role in body["metadata"].get("roles", ()):
        one = notification(context, caller, role["roleArn"], body, "", words)
        kept = {name: value for name, value in one.body.items() if name not in empty}
        told.append(replace(one, body={**kept, "source": SERVER}))
    return told


HANDLERS: Mapping[str, Operation] = {"ListNotifications": list_notifications}
