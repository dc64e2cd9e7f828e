"""Controls: standard and core ones from the catalogue, custom ones as documents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from affidavit.model.catalogue import Catalogue
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import holds, mapping_sources, standard
from affidavit.operations.answers import answer
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Action, Change, act, act_all
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault
from affidavit.operations.pages import Pages
from affidavit.store.documents import Document, Rule

MAX_CONTROLS: Final = 500
"""Custom controls in an account and Region (behaviour notes, 2.12)."""
SORT_LENGTH: Final = 64
"""Characters of a name that lists are ordered by; the id decides beyond."""
_TEXTS: Final = (
    "name",
    "description",
    "testingInformation",
    "actionPlanTitle",
    "actionPlanInstructions",
)
_METADATA: Final = ("arn", "id", "name", "controlSources", "createdAt", "lastUpdatedAt")
_CATALOGUED: Final = frozenset({"Common_Control", "Core_Control"})


def create_control(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Make a custom control; `QuotaFault` beyond 500."""
    document = new_control(context, caller, request, request.get("tags", {}))
    rules = [room(context, caller, "control", MAX_CONTROLS)]
    act(context, caller, change("CREATE", document), puts=[document], rules=rules)
    return {"control": answer(document.body)}


def get_control(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a standard, core or custom control."""
    return {"control": control(context, caller, request["controlId"])}


def update_control(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Replace a custom control's texts and sources.

    A source with a `sourceId` of this control keeps it; one without is new; those not named are
    gone. A text that is not given is gone too: the request is the whole control. Rules and
    parameters stay with their sources; what goes with a source is told in the ledger.
    """
    found = custom_control(context, caller, request["controlId"])
    present = found.body["controlMappingSources"]
    ids = [source["sourceId"] for source in present]
    given = mapping_sources.completed(context, request["controlMappingSources"], ids)
    sources, gone = mapping_sources.carried(present, given)
    kept = {name: value for name, value in found.body.items() if name not in _TEXTS}
    body = kept | _contents(request, sources) | updated(context, caller)
    document = replace(found, body=body, sort=sort_key(request["name"]))
    lost = [replace(change("DELETE", found), details={"source": one}) for one in gone]
    changes = [change("UPDATE_METADATA", document), *lost]
    act_all(context, caller, changes, puts=[document])
    return {"control": answer(body)}


def delete_control(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a custom control, and take it out of the custom frameworks that use it."""
    found = custom_control(context, caller, request["controlId"])
    using = [
        changed
        for document in context.store.documents.every(caller.tenant, "framework")
        if (changed := _without(document, found.id)) is not None
    ]
    act(
        context,
        caller,
        change("DELETE", found),
        puts=using,
        deletes=[found],
        absent=holds.unless_held(),
    )
    return {}


def list_controls(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the controls of a type, by name, a page at a time.

    `controlCatalogId` chooses those of a control domain or common control of the catalogue, or
    with UNCATEGORIZED custom controls without any.
    """
    pages = Pages(context=context, caller=caller, operation="ListControls", request=request)
    chosen = request.get("controlCatalogId")
    listers = {"Standard": _standard, "Core": _core, "Custom": _custom}
    found = listers[request["controlType"]](context, caller, chosen)
    page, more = pages.of(found, lambda item: (sort_key(item["name"]), item["id"]))
    return {
        "controlMetadataList": [{k: item[k] for k in _METADATA if k in item} for item in page],
        **more,
    }


def control(context: Context, caller: Caller, control_id: str) -> dict[str, Any]:
    """Return a control of any type as GetControl answers it; `NotFoundFault` for none."""
    found = known_control(context, caller, control_id)
    if found is None:
        raise NotFoundFault(control_id, "control")
    return found


def known_control(context: Context, caller: Caller, control_id: str) -> dict[str, Any] | None:
    """Return a control of any type as GetControl answers it, or None."""
    document = context.store.documents.get(caller.tenant, "control", control_id)
    if document is not None:
        return answer(document.body)
    for own in context.catalogue.framework.controls():
        if own.uuid == control_id:
            return standard.standard_control(caller, own)
    for check in context.catalogue.checks.values():
        if standard.core_id(check.id) == control_id:
            return standard.core_control(caller, check)
    return None


def custom_control(context: Context, caller: Caller, control_id: str) -> Document:
    """Return a custom control's document; `ValidationFault` for a standard or core one."""
    document = context.store.documents.get(caller.tenant, "control", control_id)
    if document is None:
        kind = control(context, caller, control_id)["type"]
        raise ValidationFault(f"{kind} controls cannot be changed or deleted; make a custom copy.")
    return document


def new_control(
    context: Context, caller: Caller, contents: Mapping[str, Any], tags: Mapping[str, str]
) -> Document:
    """Return a new custom control, not yet stored; `ValidationFault` for wrong sources."""
    sources = mapping_sources.completed(context, contents["controlMappingSources"])
    identifier = new_id(context.now())
    time = iso(context.now())
    body = {
        "arn": standard.arn(caller, "control", identifier),
        "id": identifier,
        "type": "Custom",
        **_contents(contents, sources),
        "createdAt": time,
        "createdBy": caller.principal_arn,
        **updated(context, caller),
        "tags": dict(tags),
        "state": "ACTIVE",
    }
    return Document(kind="control", id=identifier, body=body, sort=sort_key(contents["name"]))


def room(context: Context, caller: Caller, kind: str, limit: int, adding: int = 1) -> Rule:
    """Return the rule that the tenant has at most `limit` documents of a kind, asked as it writes.

    It raises `QuotaFault`.
    """

    def check(count: int) -> None:
        if count + adding > limit:
            raise QuotaFault(
                f"There are {count} custom {kind}s; an account and Region has {limit}."
            )

    return context.store.documents.counted(caller.tenant, kind, check)


def sort_key(name: str) -> str:
    """Return what lists of named things are ordered by: the name without case, cut."""
    return name.casefold()[:SORT_LENGTH]


def change(action: Action, document: Document) -> Change:
    """Return the change of a control; its sources stand in the ledger too."""
    return Change(
        action=action,
        object_type="CONTROL",
        object_id=document.id,
        object_name=document.body["name"],
        details=document.body,
    )


def _contents(contents: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **{name: contents[name] for name in _TEXTS if name in contents},
        "controlSources": standard.control_sources(sources),
        "controlMappingSources": list(sources),
    }


def updated(context: Context, caller: Caller) -> dict[str, str]:
    """Return who changes a control now."""
    return {"lastUpdatedAt": iso(context.now()), "lastUpdatedBy": caller.principal_arn}


def _without(framework: Document, control_id: str) -> Document | None:
    """Return the framework without the control, or None where it does not use it."""
    sets = framework.body["controlSets"]
    left = [
        {**one, "controls": [ref for ref in one["controls"] if ref["id"] != control_id]}
        for one in sets
    ]
    return None if left == sets else replace(framework, body=framework.body | {"controlSets": left})


def _standard(context: Context, caller: Caller, chosen: str | None) -> list[dict[str, Any]]:
    found = (
        list(context.catalogue.framework.controls())
        if chosen is None
        else standard.in_catalogue_id(context.catalogue, chosen)
    )
    return [standard.standard_control(caller, own) for own in found]


def _core(context: Context, caller: Caller, chosen: str | None) -> list[dict[str, Any]]:
    catalogue = context.catalogue
    wanted = _checks_of(catalogue, chosen) if chosen is not None else set(catalogue.checks)
    return [
        standard.core_control(caller, check)
        for check in catalogue.checks.values()
        if check.id in wanted
    ]


def _custom(context: Context, caller: Caller, chosen: str | None) -> list[dict[str, Any]]:
    bodies = [answer(d.body) for d in context.store.documents.every(caller.tenant, "control")]
    if chosen is None:
        return bodies
    if chosen == standard.UNCATEGORIZED:
        return [body for body in bodies if not _catalogued(body)]
    wanted = _checks_of(context.catalogue, chosen)
    return [
        body
        for body in bodies
        if any(
            keyword == chosen or standard.core_check(context.catalogue, keyword) in wanted
            for keyword in _catalogued(body)
        )
    ]


def _checks_of(catalogue: Catalogue, chosen: str) -> set[str | None]:
    """Return the checks that the controls of a domain or common control use."""
    found = standard.in_catalogue_id(catalogue, chosen)
    return {source.check for own in found for source in own.sources if source.check}


def _catalogued(body: Mapping[str, Any]) -> list[str]:
    """Return the keywords of a control's common and core sources."""
    return [
        source["sourceKeyword"]["keywordValue"]
        for source in body["controlMappingSources"]
        if source["sourceType"] in _CATALOGUED
    ]


HANDLERS: Mapping[str, Operation] = {
    "CreateControl": create_control,
    "DeleteControl": delete_control,
    "GetControl": get_control,
    "ListControls": list_controls,
    "UpdateControl": update_control,
}
