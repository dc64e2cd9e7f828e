"""Assessment frameworks: the catalogue's as standard ones, custom ones as documents.

A custom framework's document holds references to its controls, so that an edited control is seen
in every framework at once; assessments hold copies of their own.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import holds, standard
from affidavit.operations.answers import answer
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Action, Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.controls import known_control, room, sort_key
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.pages import Pages
from affidavit.store.documents import Document

MAX_FRAMEWORKS: Final = 100
"""Custom frameworks in an account and Region, shared ones included (behaviour notes, 2.12)."""
_TEXTS: Final = ("name", "description", "complianceType")
_METADATA: Final = (
    "arn",
    "id",
    "type",
    "name",
    "description",
    "complianceType",
    "createdAt",
    "lastUpdatedAt",
)


def create_assessment_framework(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Make a custom framework: from controls of any type, so also a copy of a standard one."""
    document = new_framework(context, caller, request, request.get("tags", {}))
    rules = [room(context, caller, "framework", MAX_FRAMEWORKS)]
    act(context, caller, change("CREATE", document), puts=[document], rules=rules)
    return {"framework": _resolved(context, caller, document)}


def get_assessment_framework(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a framework with its control sets and whole controls."""
    return {"framework": framework(context, caller, request["frameworkId"])}


def update_assessment_framework(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Replace a custom framework's texts and control sets.

    A set with an `id` of this framework keeps it; one without is new; those not named are gone.
    Assessments made from it stay as they are.
    """
    found = custom_framework(context, caller, request["frameworkId"])
    present = {one["id"] for one in found.body["controlSets"]}
    sets = _sets(context, caller, request["controlSets"], present)
    kept = {name: value for name, value in found.body.items() if name not in _TEXTS}
    body = kept | _contents(request, sets) | _updated(context, caller)
    document = replace(found, body=body, sort=sort_key(request["name"]))
    act(context, caller, change("UPDATE_METADATA", document), puts=[document])
    return {"framework": _resolved(context, caller, document)}


def delete_assessment_framework(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Delete a custom framework; its controls and the assessments made from it stay."""
    found = custom_framework(context, caller, request["frameworkId"])
    act(context, caller, change("DELETE", found), deletes=[found], absent=holds.unless_held())
    return {}


def list_assessment_frameworks(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the frameworks of a type, by name, a page at a time."""
    pages = Pages(
        context=context, caller=caller, operation="ListAssessmentFrameworks", request=request
    )
    if request["frameworkType"] == "Standard":
        own = [standard.standard_framework(caller, context.catalogue)]
        bodies, more = pages.of(own, lambda body: (sort_key(body["name"]), body["id"]))
    else:
        documents, more = pages.stored("framework")
        bodies = [answer(document.body) for document in documents]
    return {"frameworkMetadataList": [_metadata(body) for body in bodies], **more}


def framework(context: Context, caller: Caller, framework_id: str) -> dict[str, Any]:
    """Return a framework with whole controls, as assessments copy it; `NotFoundFault` for none."""
    document = context.store.documents.get(caller.tenant, "framework", framework_id)
    if document is not None:
        return _resolved(context, caller, document)
    if framework_id == context.catalogue.framework.uuid:
        return standard.standard_framework(caller, context.catalogue)
    raise NotFoundFault(framework_id, "framework")


def custom_framework(context: Context, caller: Caller, framework_id: str) -> Document:
    """Return a custom framework's document; `ValidationFault` for a standard one."""
    document = context.store.documents.get(caller.tenant, "framework", framework_id)
    if document is None:
        framework(context, caller, framework_id)
        raise ValidationFault(
            "Standard frameworks cannot be changed, deleted or shared; make a custom copy."
        )
    return document


def new_framework(
    context: Context,
    caller: Caller,
    contents: Mapping[str, Any],
    tags: Mapping[str, str],
    made: Collection[str] = (),
) -> Document:
    """Return a new custom framework, not yet stored; `NotFoundFault` for an unknown control.

    `made` are the ids of controls that are not stored yet either, and will be with it.
    """
    sets = _sets(context, caller, contents["controlSets"], set(), made)
    return framework_of(context, caller, contents, sets, tags)


def framework_of(
    context: Context,
    caller: Caller,
    contents: Mapping[str, Any],
    sets: Sequence[Mapping[str, Any]],
    tags: Mapping[str, str],
) -> Document:
    """Return a new custom framework of these control sets (references), not yet stored."""
    identifier = new_id(context.now())
    body = {
        "arn": standard.arn(caller, "assessmentFramework", identifier),
        "id": identifier,
        "type": "Custom",
        **_contents(contents, sets),
        "createdAt": iso(context.now()),
        "createdBy": caller.principal_arn,
        **_updated(context, caller),
        "tags": dict(tags),
    }
    return Document(kind="framework", id=identifier, body=body, sort=sort_key(contents["name"]))


def change(action: Action, document: Document) -> Change:
    """Return the change of a framework."""
    return Change(
        action=action,
        object_type="FRAMEWORK",
        object_id=document.id,
        object_name=document.body["name"],
        details=document.body,
    )


def _contents(contents: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **{name: contents[name] for name in _TEXTS if name in contents},
        "controlSets": list(sets),
    }


def _updated(context: Context, caller: Caller) -> dict[str, str]:
    return {"lastUpdatedAt": iso(context.now()), "lastUpdatedBy": caller.principal_arn}


def _sets(
    context: Context,
    caller: Caller,
    given: Sequence[Mapping[str, Any]],
    present: set[str],
    made: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return control sets as references, with ids; refuses what is unknown or named twice."""
    problems = [
        (f"controlSets[{index}].id", "Member must be the id of a control set of this framework")
        for index, one in enumerate(given)
        if "id" in one and one["id"] not in present
    ]
    problems += _twice("controlSets", "name", [one["name"] for one in given])
    problems += _twice("controlSets", "id", [one["id"] for one in given if "id" in one])
    for index, one in enumerate(given):
        ids = [ref["id"] for ref in one.get("controls", [])]
        problems += _twice(f"controlSets[{index}].controls", "id", ids)
    if problems:
        raise ValidationFault.of_members(problems)
    _require_controls(context, caller, given, made)
    return [
        {
            "id": one.get("id") or new_id(context.now()),
            "name": one["name"],
            "controls": [{"id": ref["id"]} for ref in one.get("controls", [])],
        }
        for one in given
    ]


def _twice(path: str, member: str, values: Sequence[str]) -> list[tuple[str, str]]:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    return [(path, f"Member must not have the {member} {value} twice") for value in twice[:1]]


def _require_controls(
    context: Context, caller: Caller, given: Sequence[Mapping[str, Any]], made: Collection[str]
) -> None:
    for one in given:
        for ref in one.get("controls", []):
            if ref["id"] not in made and known_control(context, caller, ref["id"]) is None:
                raise NotFoundFault(ref["id"], "control")


def _resolved(context: Context, caller: Caller, document: Document) -> dict[str, Any]:
    """Return a custom framework with its whole controls; one that is gone is left out."""
    body = answer(document.body)
    for one in body["controlSets"]:
        found = (known_control(context, caller, ref["id"]) for ref in one["controls"])
        one["controls"] = [control for control in found if control is not None]
    shown = [control for one in body["controlSets"] for control in one["controls"]]
    body["controlSources"] = standard.control_sources(
        [source for control in shown for source in control["controlMappingSources"]]
    )
    return body


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    sets = body["controlSets"]
    return {
        **{name: body[name] for name in _METADATA if name in body},
        "controlsCount": sum(len(one["controls"]) for one in sets),
        "controlSetsCount": len(sets),
    }


HANDLERS: Mapping[str, Operation] = {
    "CreateAssessmentFramework": create_assessment_framework,
    "DeleteAssessmentFramework": delete_assessment_framework,
    "GetAssessmentFramework": get_assessment_framework,
    "ListAssessmentFrameworks": list_assessment_frameworks,
    "UpdateAssessmentFramework": update_assessment_framework,
}
