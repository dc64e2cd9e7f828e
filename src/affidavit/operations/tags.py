"""Tags of assessments, custom frameworks and custom controls; they live in the noun's body."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from affidavit.operations.assessed import find, is_same
from affidavit.operations.assessment_bodies import writable
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault
from affidavit.store.documents import Document

MAX_TAGS: Final = 50
RESERVED: Final = ("aws:", "affidavit:")
"""What keys begin with that clients may not set, in any case: an import trusts its own mark."""
_ARN: Final = re.compile(
    r"arn:aws:auditmanager:(?P<region>[^:]+):(?P<account>[0-9]{12}):"
    r"(?P<kind>assessment|assessmentFramework|control)/(?P<id>[a-f0-9-]{36})"
)
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "assessment": ("assessment", "ASSESSMENT"),
    "assessmentFramework": ("framework", "FRAMEWORK"),
    "control": ("control", "CONTROL"),
}
"""Kind in an ARN -> kind of document, object type in the change log."""


def list_tags_for_resource(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the tags of a resource; standard frameworks and controls have none to ask for."""
    return {"tags": dict(_find(context, caller, request["resourceArn"]).body.get("tags", {}))}


def tag_resource(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags; others stay. `ValidationFault` for more than 50 in all."""
    found = _find(context, caller, request["resourceArn"])
    _require_own(caller, found, "TagResource")
    tags = found.body.get("tags", {}) | request["tags"]
    if len(tags) > MAX_TAGS:
        text = f"Member must leave the resource with at most {MAX_TAGS} tags"
        raise ValidationFault.of_members([("tags", text)])
    _put(context, caller, found, tags)
    return {}


def untag_resource(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Take tags off; keys that the resource does not have are no error."""
    found = _find(context, caller, request["resourceArn"])
    _require_own(caller, found, "UntagResource")
    gone = set(request["tagKeys"])
    tags = {k: v for k, v in found.body.get("tags", {}).items() if k not in gone}
    _put(context, caller, found, tags)
    return {}


def require_free(request: Mapping[str, Any]) -> None:
    """Raise `ValidationFault` where a request sets tags with keys that are reserved."""
    reserved = [key for key in request.get("tags", {}) if key.lower().startswith(RESERVED)]
    if reserved:
        text = f"Member must have no key {reserved[0]}: {' and '.join(RESERVED)} are reserved"
        raise ValidationFault.of_members([("tags", text)])


def _find(context: Context, caller: Caller, arn: str) -> Document:
    """Return the document that the ARN names; `NotFoundFault` where it is not the caller's."""
    match = _ARN.fullmatch(arn)
    if match is not None and f"{match['account']}/{match['region']}" == caller.tenant:
        kind, _ = _KINDS[match["kind"]]
        document = context.store.documents.get(caller.tenant, kind, match["id"])
        if document is None and kind == "assessment":
            found = find(context, caller.tenant, match["id"])
            document = None if found is None else writable(context, caller, found)
        if document is not None:
            return document
    raise NotFoundFault(arn, "resource")


def _require_own(caller: Caller, document: Document, operation: str) -> None:
    """Raise `AccessDeniedFault` for an assessment whose roles do not name the caller."""
    if scope(caller.role, operation) is not Scope.OWN or document.kind != "assessment":
        return
    roles = document.body.get("metadata", {}).get("roles", [])
    if not any(is_same(caller.principal_arn, r["roleArn"]) for r in roles):
        raise AccessDeniedFault(
            f"User: {caller.principal_arn} is not an audit owner of this assessment"
        )


def _put(context: Context, caller: Caller, document: Document, tags: Mapping[str, str]) -> None:
    if tags == document.body.get("tags", {}):
        return
    names = dict(_KINDS.values())
    body = document.body
    change = Change(
        action="UPDATE_METADATA",
        object_type=names[document.kind],
        object_id=document.id,
        object_name=body["name"] if "name" in body else body["metadata"]["name"],
        assessment_id=document.id if document.kind == "assessment" else "",
        details={"tags": dict(tags)},
    )
    put = replace(document, body=body | {"tags": dict(tags)})
    act(context, caller, change, puts=[put])


HANDLERS: Mapping[str, Operation] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
