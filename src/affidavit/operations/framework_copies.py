"""Copies of a framework for another tenant: what a recipient of a share gets."""

from dataclasses import dataclass, replace

from affidavit.model.identifiers import new_id, stable_id
from affidavit.operations import mapping_sources, standard
from affidavit.operations.assessment_frameworks import framework_of
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.controls import new_control
from affidavit.store.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """New documents for the recipient's tenant, not yet stored."""

    framework: Document
    controls: tuple[Document, ...]
    """Copies of the custom controls that it uses, each once."""


def copied(context: Context, caller: Caller, sender: str, source: Document, offer: str) -> Copy:
    """Return the sender's framework as documents of the caller's tenant, with ids of their own.

    The framework's id follows from the offer: two acceptances at once cannot both keep a copy.

    Standard and core controls have the same ids everywhere; a custom control that is gone is left
    out. Tags stay behind, as with Audit Manager. The copy remembers the `offer` it came from.
    """
    controls: dict[str, Document] = {}
    for one in source.body["controlSets"]:
        for ref in one["controls"]:
            own = context.store.documents.get(sender, "control", ref["id"])
            if own is not None and own.id not in controls:
                controls[own.id] = _copy(context, caller, own)
    sets = [
        {
            "id": new_id(context.now()),
            "name": one["name"],
            "controls": [
                {"id": controls[ref["id"]].id if ref["id"] in controls else ref["id"]}
                for ref in one["controls"]
            ],
        }
        for one in source.body["controlSets"]
    ]
    framework = framework_of(context, caller, source.body, sets, {})
    identifier = stable_id("framework copy", f"{caller.tenant}\n{sender}\n{offer}")
    named = {"id": identifier, "arn": standard.arn(caller, "assessmentFramework", identifier)}
    framework = replace(framework, id=identifier, body=framework.body | named | {"_offer": offer})
    return Copy(framework=framework, controls=tuple(controls.values()))


def _copy(context: Context, caller: Caller, control: Document) -> Document:
    """Return a custom control for another tenant: new ids, the same rules and parameters."""
    given = control.body["controlMappingSources"]
    bare = [{name: v for name, v in source.items() if name != "sourceId"} for source in given]
    made = new_control(context, caller, control.body | {"controlMappingSources": bare}, {})
    sources = [
        source | mapping_sources.own_of(own)
        for source, own in zip(made.body["controlMappingSources"], given, strict=True)
    ]
    return replace(made, body=made.body | {"controlMappingSources": sources})
