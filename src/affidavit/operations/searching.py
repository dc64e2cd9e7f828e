"""One search over everything that has a name, and that the caller may see.

Assessments, controls, frameworks, reports, suites of prompts, canaries; own searches and exports.

Evidence has the finder; a search ends there with the words as free text.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from affidavit.operations import (
    assessment_reports,
    canary_views,
    evidence_exports,
    finding,
    looking,
    prompt_views,
    saved_searches,
)
from affidavit.operations.assessed import Assessed, assessed, is_assigned
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault

MOST: Final = 50
"""Hits that are shown of a kind."""
Kind = Literal[
    "assessment",
    "assessed_control",
    "control",
    "framework",
    "report",
    "suite",
    "canary",
    "saved_search",
    "export",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something that was found."""

    kind: Kind
    id: str
    name: str
    within: str = ""
    """What it belongs to, in words."""
    assessment_id: str = ""
    set_id: str = ""


def search(context: Context, caller: Caller, text: str) -> list[Hit]:
    """Return what has all the words of `text` in its name, id or statement, kind by kind."""
    looking.require(context, caller, "ListAssessments")
    words = text.lower().split()
    if not words:
        return []

    def holds(*parts: str) -> bool:
        joined = " ".join(parts).lower()
        return all(word in joined for word in words)

    own = list(_own(context, caller))
    kinds = (_assessments(own), _assessed(context, own), _library(context, caller))
    found: list[Hit] = []
    for hits in (
        *kinds,
        _reports(context, caller),
        _asking(context, caller),
        _kept(context, caller),
    ):
        found += islice((hit for hit, said in hits if holds(*said)), MOST)
    return found


Said = tuple[Hit, tuple[str, ...]]
"""A hit if its words have what is searched for."""


def _own(context: Context, caller: Caller) -> Iterator[Assessed]:
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            yield assessed(context, caller, "ListAssessments", stored.id)


def _assessments(own: list[Assessed]) -> Iterator[Said]:
    for one in own:
        yield Hit(kind="assessment", id=one.id, name=one.name), (one.name, one.id)


def _assessed(context: Context, own: list[Assessed]) -> Iterator[Said]:
    statements = {one.id: one.statement for one in context.catalogue.framework.controls()}
    for one in own:
        for control in one.controls:
            hit = Hit(
                kind="assessed_control",
                id=control.id,
                name=control.name,
                within=one.name,
                assessment_id=one.id,
                set_id=control.set_id,
            )
            yield hit, (control.name, control.key, control.id, statements.get(control.key, ""))


def _library(context: Context, caller: Caller) -> Iterator[Said]:
    if scope(caller.role, "ListControls") is Scope.DENY:
        return
    documents, own = context.store.documents, context.catalogue.framework
    yield Hit(kind="framework", id=own.uuid, name=own.name), (own.name, own.id)
    for one in documents.every(caller.tenant, "framework"):
        yield Hit(kind="framework", id=one.id, name=one.body["name"]), (one.body["name"], one.id)
    for control in own.controls():
        hit = Hit(kind="control", id=control.uuid, name=control.title, within=control.id)
        yield hit, (control.title, control.id, control.statement)
    for one in documents.every(caller.tenant, "control"):
        hit = Hit(kind="control", id=one.id, name=one.body["name"])
        yield hit, (one.body["name"], one.id, one.body.get("description", ""))


def _reports(context: Context, caller: Caller) -> Iterator[Said]:
    allowed = scope(caller.role, "ListAssessmentReports")
    if allowed is Scope.DENY:
        return
    for one in context.store.documents.every(caller.tenant, assessment_reports.KIND):
        if allowed is Scope.ALLOW or is_assigned(context, caller, one.parent):
            name = one.body["name"]
            within = one.body["assessmentName"]
            yield Hit(kind="report", id=one.id, name=name, within=within), (name, within)


def _asking(context: Context, caller: Caller) -> Iterator[Said]:
    """Yield suites and canaries, to whom their pages are open."""
    if scope(caller.role, prompt_views.OPERATION) is not Scope.DENY:
        for suite in prompt_views.suites(context, caller):
            hit = Hit(kind="suite", id=suite.id, name=suite.id, within=suite.description)
            yield hit, (suite.id, suite.description)
    if scope(caller.role, canary_views.OPERATION) is not Scope.DENY:
        for one in canary_views.listed(context, caller):
            canary = one.canary
            within = f"{canary.suite}: {canary.model}"
            hit = Hit(kind="canary", id=canary.name, name=canary.name, within=within)
            yield hit, (canary.name, within)


def _kept(context: Context, caller: Caller) -> Iterator[Said]:
    """Yield what the caller saved and exported."""
    if scope(caller.role, finding.OPERATION) is Scope.DENY:
        return
    for one in saved_searches.listed(context, caller):
        query = " and ".join(one.tokens)
        yield Hit(kind="saved_search", id=one.id, name=one.name, within=query), (one.name, query)
    for document in evidence_exports.listed(context, caller):
        name, query = document.body["name"], document.body["query"]
        yield Hit(kind="export", id=document.id, name=name, within=query), (name, query)
