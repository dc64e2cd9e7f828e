"""Framework shares: a custom framework offered to another account, or to another Region.

The request is one document of the sender's tenant (parent SENT); the recipient's tenant holds a
pointer to it (parent RECEIVED). Whoever acts reads and writes the sender's document, so that both
sides always see the same state:

    ACTIVE --> EXPIRING (its last 30 days) --> EXPIRED (after 120 days)
       |-- ACCEPT --> REPLICATING --> SHARED, or FAILED where the framework is gone or the
       |              recipient manages an organization
       |-- DECLINE --> DECLINED        `-- REVOKE (by the sender) --> REVOKED

EXPIRING and EXPIRED follow from the time and are never written. The recipient gets the framework
as it is at acceptance, with copies of its custom controls; tags are not copied.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal

from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, parse
from affidavit.operations.accounts import is_management_account
from affidavit.operations.answers import answer
from affidavit.operations.assessment_frameworks import MAX_FRAMEWORKS, custom_framework
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.controls import MAX_CONTROLS, room
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault
from affidavit.operations.framework_copies import copied
from affidavit.operations.pages import Pages
from affidavit.store.documents import Document, Rule

EXPIRES_AFTER: Final = timedelta(days=120)
EXPIRING_DURING: Final = timedelta(days=30)
MAX_RECIPIENTS: Final = 100
"""Accounts and Regions with an open request of this tenant (behaviour notes, 2.12)."""
MAX_RECEIVED: Final = 100
"""Requests of one sender in a recipient's list: a new one takes the place of the oldest that has
ended, so that nobody fills the list of somebody else."""
_KIND: Final = "framework_share"
_OPEN: Final = frozenset({"ACTIVE", "EXPIRING"})
_ACCEPTABLE: Final = _OPEN | {"REPLICATING"}
"""REPLICATING too: an acceptance that was interrupted is finished by the next one."""
_UPDATABLE: Final = _OPEN | {"SHARED"}
"""States in which sharing again updates the same request."""

Side = Literal["SENT", "RECEIVED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One request, seen from one side."""

    sender: str
    """Tenant of the request's document."""
    request: Document
    pointer: Document | None
    """The recipient's; None after the recipient deleted it."""

    @property
    def recipient(self) -> str:
        """Return the recipient's tenant."""
        body = self.request.body
        return f"{body['destinationAccount']}/{body['destinationRegion']}"


def start_assessment_framework_share(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Offer a custom framework; to the same recipient again, update the same request."""
    framework = custom_framework(context, caller, request["frameworkId"])
    destination = f"{request['destinationAccount']}/{request['destinationRegion']}"
    if destination == caller.tenant:
        raise ValidationFault("A framework cannot be shared with the account and Region it is in.")
    sent = context.store.documents.every(caller.tenant, _KIND)
    document = _same(context, sent, framework.id, destination) or Document(
        kind=_KIND,
        id=new_id(context.now()),
        parent="SENT",
        sort=iso(context.now()),
        body={"creationTime": iso(context.now())},
    )
    failed = is_management_account(context, destination)
    body = document.body | _offer(context, caller, framework, request)
    body["status"] = "FAILED" if failed else "ACTIVE"
    body["_offers"] = body.get("_offers", 0) + 1
    document = replace(document, body=body)
    rules = [_one_to_each(context, caller, document)]
    outdated = [] if failed else _outdated(context, caller.tenant, destination, document)
    _write(context, caller, caller.tenant, document, rules)
    if not failed:
        _point(context, caller.tenant, destination, document)
        _drop(context, outdated)
    return {"assessmentFrameworkShareRequest": _answer(context, document)}


def update_assessment_framework_share(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Accept or decline a request that was received, or revoke one that was sent."""
    side, action = request["requestType"], request["action"]
    if (side == "SENT") != (action == "REVOKE"):
        raise ValidationFault(f"{action} is not an action on a request of type {side}.")
    share = _find(context, caller, request["requestId"], side)
    status = _status(context, share.request.body)
    if status not in (_ACCEPTABLE if action == "ACCEPT" else _OPEN):
        raise ValidationFault(f"The share request is {status}; {action} is not possible.")
    if action == "ACCEPT":
        document = _accept(context, caller, share)
    else:
        document = _set(context, share, "DECLINED" if action == "DECLINE" else "REVOKED")
        _write(context, caller, share.sender, document)
        if side == "RECEIVED":
            act(context, caller, _change("UPDATE_METADATA", document))
    return {"assessmentFrameworkShareRequest": _answer(context, document)}


def delete_assessment_framework_share(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Remove a request from the caller's own list; open ones must be ended first."""
    share = _find(context, caller, request["requestId"], request["requestType"])
    status = _status(context, share.request.body)
    if status in ("ACTIVE", "REPLICATING"):
        raise ValidationFault(f"The share request is {status} and cannot be deleted.")
    change = _change("DELETE", share.request)
    if request["requestType"] == "RECEIVED":
        act(context, caller, change, deletes=[share.pointer] if share.pointer else [])
        if share.request.parent != "SENT":
            documents = context.store.documents
            documents.act(share.sender, now=context.now(), deletes=[share.request])
    elif share.pointer is None:
        act(context, caller, change, deletes=[share.request])
    else:
        # The recipient still lists it: kept, but not in the list of what was sent.
        act(context, caller, change, puts=[replace(share.request, parent="")])
    return {}


def list_assessment_framework_share_requests(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the requests that the caller's tenant sent or received, a page at a time."""
    pages = Pages(
        context=context,
        caller=caller,
        operation="ListAssessmentFrameworkShareRequests",
        request=request,
    )
    documents, more = pages.stored(_KIND, parent=request["requestType"])
    if request["requestType"] == "RECEIVED":
        read = context.store.documents.get
        found = [read(document.body["_sender"], _KIND, document.id) for document in documents]
        documents = [document for document in found if document is not None]
    shown = [_answer(context, document) for document in documents]
    return {"assessmentFrameworkShareRequests": shown, **more}


def open_shares(context: Context, caller: Caller, framework_id: str) -> list[dict[str, Any]]:
    """Return the requests by which the caller's tenant offers a framework now."""
    sent = context.store.documents.every(caller.tenant, _KIND, parent="SENT")
    return [
        _answer(context, one)
        for one in sent
        if one.body["frameworkId"] == framework_id and _status(context, one.body) in _OPEN
    ]


def _accept(context: Context, caller: Caller, share: Share) -> Document:
    """Copy the framework as it is now into the caller's tenant; return the request's document."""
    source = context.store.documents.get(
        share.sender, "framework", share.request.body["frameworkId"]
    )
    if source is None or is_management_account(context, caller.tenant):
        document = _set(context, share, "FAILED")
        _write(context, caller, share.sender, document)
        return document
    offer = f"{share.request.id}/{share.request.body['_offers']}"
    if not _has_copy(context, caller, offer):
        copy = copied(context, caller, share.sender, source, offer)
        if share.request.body["status"] != "REPLICATING":  # else whoever copies could not end it
            marked = _set(context, share, "REPLICATING")
            _write(context, caller, share.sender, marked)
            share = replace(share, request=replace(marked, version=marked.version + 1))
        puts = [*copy.controls, copy.framework]
        rules = [
            room(context, caller, "framework", MAX_FRAMEWORKS),
            room(context, caller, "control", MAX_CONTROLS, adding=len(copy.controls)),
        ]
        try:
            act(context, caller, _change("CREATE", copy.framework), puts=puts, rules=rules)
        except QuotaFault:
            _write(context, caller, share.sender, _set(context, share, "ACTIVE"))
            raise
    document = _set(context, share, "SHARED")
    _write(context, caller, share.sender, document)
    return document


def _has_copy(context: Context, caller: Caller, offer: str) -> bool:
    """Tell whether an interrupted acceptance of this offer got as far as the copy."""
    own = context.store.documents.every(caller.tenant, "framework")
    return any(document.body.get("_offer") == offer for document in own)


def _offer(
    context: Context, caller: Caller, framework: Document, request: Mapping[str, Any]
) -> dict[str, Any]:
    refs = [ref["id"] for one in framework.body["controlSets"] for ref in one["controls"]]
    documents = context.store.documents
    custom = sum(documents.get(caller.tenant, "control", ref) is not None for ref in refs)
    now = context.now()
    return {
        "frameworkId": framework.id,
        "frameworkName": framework.body["name"],
        "frameworkDescription": framework.body.get("description"),
        "complianceType": framework.body.get("complianceType"),
        "sourceAccount": caller.account_id,
        "destinationAccount": request["destinationAccount"],
        "destinationRegion": request["destinationRegion"],
        "comment": request.get("comment"),
        "expirationTime": iso(now + EXPIRES_AFTER),
        "lastUpdated": iso(now),
        "standardControlsCount": len(refs) - custom,
        "customControlsCount": custom,
    }


def _one_to_each(context: Context, caller: Caller, own: Document) -> Rule:
    """Return the rule that there is one request of a framework to each of not too many recipients.

    It raises `QuotaFault`, or `StoreConflictError` where another sent the same one meanwhile.
    """

    def check(every: list[tuple[str, str, dict[str, Any]]]) -> None:
        others = [
            body
            for identifier, parent, body in every
            if parent != "RECEIVED" and identifier != own.id and _status(context, body) in _OPEN
        ]
        open_to = {_recipient(body) for body in others}
        if len(open_to | {_recipient(own.body)}) > MAX_RECIPIENTS:
            raise QuotaFault(f"There are open share requests to {MAX_RECIPIENTS} recipients.")
        this = (own.body["frameworkId"], _recipient(own.body))
        if any((body["frameworkId"], _recipient(body)) == this for body in others):
            raise StoreConflictError("The same share request was sent by somebody else meanwhile")

    return context.store.documents.rule(caller.tenant, _KIND, _of_share, check)


def _of_share(document: Document) -> tuple[str, str, dict[str, Any]]:
    names = ("frameworkId", "destinationAccount", "destinationRegion", "status", "expirationTime")
    told = {name: document.body[name] for name in names if name in document.body}
    return document.id, document.parent, told


def _recipient(body: Mapping[str, Any]) -> str:
    return f"{body['destinationAccount']}/{body['destinationRegion']}"


def _same(
    context: Context, sent: list[Document], framework_id: str, destination: str
) -> Document | None:
    account, region = destination.split("/")
    wanted = {
        "frameworkId": framework_id,
        "destinationAccount": account,
        "destinationRegion": region,
    }
    return next(
        (
            document
            for document in sent
            if document.parent == "SENT"
            and wanted.items() <= document.body.items()
            and _status(context, document.body) in _UPDATABLE
        ),
        None,
    )


def _find(context: Context, caller: Caller, request_id: str, side: Side) -> Share:
    """Return a request that the caller's tenant sent or received; else `NotFoundFault`."""
    own = context.store.documents.get(caller.tenant, _KIND, request_id)
    if own is not None and own.parent == side:
        if side == "SENT":
            destination = f"{own.body['destinationAccount']}/{own.body['destinationRegion']}"
            pointer = context.store.documents.get(destination, _KIND, request_id)
            return Share(sender=caller.tenant, request=own, pointer=pointer)
        sender = own.body["_sender"]
        request = context.store.documents.get(sender, _KIND, request_id)
        if request is not None:
            return Share(sender=sender, request=request, pointer=own)
    raise NotFoundFault(request_id, "assessmentFrameworkShareRequest")


def _status(context: Context, body: Mapping[str, Any]) -> str:
    status: str = body["status"]
    left = parse(body["expirationTime"]) - context.now()
    if status != "ACTIVE" or left > EXPIRING_DURING:
        return status
    return "EXPIRING" if left > timedelta(0) else "EXPIRED"


def _set(context: Context, share: Share, status: str) -> Document:
    body = share.request.body | {"status": status, "lastUpdated": iso(context.now())}
    return replace(share.request, body=body)


def _write(
    context: Context,
    caller: Caller,
    sender: str,
    document: Document,
    rules: Sequence[Rule] = (),
) -> None:
    """Write the request with its leaf into the sender's log, whoever of the two acted.

    Of a recipient the sender learns the account, not who in it acted.
    """
    account, region = sender.split("/")
    if caller.tenant != sender:
        anybody = f"arn:aws:iam::{caller.account_id}:root"
        caller = replace(caller, account_id=account, region=region, principal_arn=anybody)
    change = _change("UPDATE_METADATA", document)
    act(context, caller, change, puts=[document], rules=rules)


def _point(context: Context, sender: str, recipient: str, document: Document) -> None:
    """Put the request into the recipient's list; the recipient's log is the recipient's own."""
    known = context.store.documents.get(recipient, _KIND, document.id)
    if known is None:
        pointer = replace(document, parent="RECEIVED", version=0, body={"_sender": sender})
        context.store.documents.act(recipient, now=context.now(), puts=[pointer])


def _outdated(context: Context, sender: str, recipient: str, new: Document) -> list[Share]:
    """Return the sender's oldest ended requests that leave the recipient's list for a new one.

    Raises `QuotaFault` where too many are open.
    """
    documents = context.store.documents
    listed = [
        one
        for one in documents.every(recipient, _KIND, parent="RECEIVED")
        if one.body["_sender"] == sender and one.id != new.id
    ]
    excess = len(listed) + 1 - MAX_RECEIVED
    if excess <= 0:
        return []
    ended = [
        Share(sender=sender, request=request, pointer=one)
        for one in sorted(listed, key=lambda one: one.sort)
        if (request := documents.get(sender, _KIND, one.id)) is not None
        and _status(context, request.body) not in _ACCEPTABLE
    ]
    if len(ended) < excess:
        raise QuotaFault(f"{recipient} has {MAX_RECEIVED} open share requests of yours already.")
    return ended[:excess]


def _drop(context: Context, outdated: Sequence[Share]) -> None:
    """Take ended requests out of their recipient's list; somebody else may do so meanwhile."""
    documents, now = context.store.documents, context.now()
    for one in outdated:
        with suppress(StoreConflictError):
            documents.act(one.recipient, now=now, deletes=[one.pointer] if one.pointer else [])
            if one.request.parent != "SENT":
                documents.act(one.sender, now=now, deletes=[one.request])


def _change(action: Any, document: Document) -> Change:
    body = document.body
    return Change(
        action=action,
        object_type="FRAMEWORK" if document.kind == "framework" else "FRAMEWORK_SHARE",
        object_id=document.id,
        object_name=body.get("frameworkName") or body["name"],
        details=body,
    )


def _answer(context: Context, document: Document) -> dict[str, Any]:
    shown = answer(document.body)
    return {"id": document.id, **shown, "status": _status(context, document.body)}


HANDLERS: Mapping[str, Operation] = {
    "DeleteAssessmentFrameworkShare": delete_assessment_framework_share,
    "ListAssessmentFrameworkShareRequests": list_assessment_framework_share_requests,
    "StartAssessmentFrameworkShare": start_assessment_framework_share,
    "UpdateAssessmentFrameworkShare": update_assessment_framework_share,
}
