"""Suites of prompts that audit owners bring: kept with each version, run, used in canaries.

Each upload is a version: one document (kind prompt_suite, parent the suite's id) that names the
sealed file by its digest. A run says which version it asked by the digest of its suite. A suite
that is shipped cannot be replaced: its id is refused, so that no other questions decide its
controls.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

from affidavit.errors import AffidavitError, UsageError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso
from affidavit.operations import looking
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault, QuotaFault
from affidavit.operations.prompt_requests import assertion
from affidavit.prompts import imports
from affidavit.prompts.imports import ImportSettings
from affidavit.prompts.recorded_runs import SUITE
from affidavit.prompts.suite import Suite, from_yaml, load, shipped, unknown
from affidavit.store import Store
from affidavit.store.documents import Document, Rule

KIND: Final = SUITE
OPERATION: Final = "UpdateAssessment"
"""Of the API: who may run prompts for an assessment may bring what is asked."""
MAX_BYTES: Final = imports.MAX_FILE
MOST: Final = 500
"""Versions that a tenant keeps, of all its suites together."""
SUFFIXES: Final = (".yaml", ".yml", *imports.SUFFIXES)
_FORM: Final = "new"
"""The console's address of the form: no suite can be called so."""
_USING: Final = "canary"
"""Kind of documents whose member `suite` names a suite (`canaries.KIND`)."""


def add(
    context: Context, caller: Caller, name: str, data: bytes, assertions: Sequence[str] = ()
) -> Document:
    """Keep a file as the next version of its suite, for somebody who may (see `keep`)."""
    looking.require(context, caller, OPERATION)
    return keep(context, caller, name, data, assertions)


def keep(
    context: Context, caller: Caller, name: str, data: bytes, assertions: Sequence[str] = ()
) -> Document:
    """Keep a file as the next version of its suite; `UsageError`, with the line, for a bad one.

    The file that is the newest version already is not kept again. `assertions`: how an imported
    file is judged, as `affidavit prompts run --assertion` has them.
    """
    suite = _parsed(data, name, tuple(assertions))
    if suite.id in (*shipped(), _FORM):
        raise UsageError(
            f"A suite of yours cannot be called {suite.id}",
            why="The shipped suites keep their ids: their controls are decided by them alone.",
            todo="Give it another `id`, or another file name.",
        )
    before = versions(context.store, caller.tenant, suite.id)
    if before and before[-1].body["digest"] == suite.digest:
        return before[-1]
    with context.store.attachments.new(caller.tenant) as new:
        new.write(data)
        sha256 = new.close()
    document = _document(context, caller, suite, len(before) + 1)
    document.body.update(sha256=sha256, size=len(data), fileName=name, assertions=list(assertions))
    room = context.store.documents.counted(caller.tenant, KIND, _require_room)
    change = _change("UPDATE_METADATA" if before else "CREATE", document)
    try:
        act(context, caller, change, puts=[document], rules=[room], brought=[new.brought])
    except AffidavitError:
        _give_up(context, caller.tenant, sha256)
        raise
    return document


def _give_up(context: Context, tenant: str, sha256: str) -> None:
    """Remove a file that was kept, unless a document names it."""
    files = context.store.attachments.given_up(tenant, [sha256])
    context.store.documents.act(tenant, now=context.now(), given_up=files)
    context.store.attachments.remove_given_up(files)


def _document(context: Context, caller: Caller, suite: Suite, number: int) -> Document:
    return Document(
        kind=KIND,
        # Two that come at once are the same version of the same suite: the second is refused.
        id=stable_id("prompt suite", f"{caller.tenant}:{suite.id}:{number}"),
        parent=suite.id,
        sort=f"{suite.id}\n{number:06}",
        body={
            "suite": suite.id,
            "number": number,
            "kind": suite.kind,
            "description": suite.description,
            "cases": len(suite.cases),
            "digest": suite.digest,
            "addedAt": iso(context.now()),
            "addedBy": caller.principal_arn,
        },
    )


def _require_room(count: int) -> None:
    if count >= MOST:
        raise QuotaFault(f"There are {MOST} versions of suites already: delete a suite first.")


def newest(store: Store, tenant: str) -> list[Document]:
    """Return the newest version of each suite of a tenant, by id."""
    every = store.documents.every(tenant, KIND)
    return list({one.parent: one for one in every}.values())


def versions(store: Store, tenant: str, suite_id: str) -> list[Document]:
    """Return the versions of a suite, the oldest first; none where there is no such suite."""
    return store.documents.every(tenant, KIND, parent=suite_id)


def suite_named(store: Store, tenant: str, name: str) -> Suite:
    """Return a suite by its id: a shipped one, or the newest version of an own one.

    Raises `UsageError` where there is none.
    """
    if name in shipped():
        return load(name)
    found = newest_of(store, tenant, name)
    if found is None:
        raise unknown(name)
    return found


def newest_of(store: Store, tenant: str, suite_id: str) -> Suite | None:
    """Return the newest version of an own suite, or None."""
    found = versions(store, tenant, suite_id)
    if not found:
        return None
    body = found[-1].body
    data = b"".join(store.attachments.parts(tenant, body["sha256"]))
    return _parsed(data, body["fileName"], tuple(body["assertions"]))


@lru_cache(maxsize=2)
def _parsed(data: bytes, name: str, assertions: tuple[str, ...]) -> Suite:
    """Return the suite of a file's content; `UsageError` with the line for what does not hold."""
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name} has more than {MAX_BYTES} bytes")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{name} is no file of a suite",
            why=f"Its name tells the form: it ends in {', '.join(SUFFIXES)}.",
        )
    how = tuple(map(assertion, assertions))
    if suffix in imports.SUFFIXES:
        return imports.from_bytes(data, name, ImportSettings(assertions=how))
    if how:
        raise UsageError(
            "Assertions are named for imported files only",
            why="A suite in YAML has its own.",
            todo="Write them into the suite.",
        )
    return from_yaml(data, name)


def file_of(
    context: Context, caller: Caller, suite_id: str, number: int
) -> tuple[Iterator[bytes], str]:
    """Return a version's file as it was brought, and its name."""
    looking.require(context, caller, "GetInsights")
    for one in versions(context.store, caller.tenant, suite_id):
        if one.body["number"] == number:
            parts = context.store.attachments.parts(caller.tenant, one.body["sha256"])
            return parts, str(one.body["fileName"])
    raise NotFoundFault(f"{suite_id} version {number}", "suite")


def delete(context: Context, caller: Caller, suite_id: str) -> None:
    """Delete a suite, for somebody who may (see `remove`)."""
    looking.require(context, caller, OPERATION)
    remove(context, caller, suite_id)


def remove(context: Context, caller: Caller, suite_id: str) -> None:
    """Delete a suite with all its versions; `UsageError` while a canary uses it. Runs stay."""
    store, found = context.store, versions(context.store, caller.tenant, suite_id)
    if not found:
        raise NotFoundFault(suite_id, "suite")
    files = store.attachments.given_up(caller.tenant, [one.body["sha256"] for one in found])
    unused = store.documents.rule(caller.tenant, _USING, _use, _unused(suite_id))
    change = _change("DELETE", found[-1])
    act(context, caller, change, deletes=found, given_up=files, rules=[unused])
    store.attachments.remove_given_up(files)


def uses(store: Store, tenant: str, suite_id: str) -> list[str]:
    """Return the names of the canaries that use a suite."""
    every = store.documents.every(tenant, _USING)
    return [one.id for one in every if one.body["suite"] == suite_id]


def still_there(store: Store, tenant: str, suite_id: str) -> list[Rule]:
    """Return the rules under which a canary of a suite is written: it is not gone by then."""
    if not versions(store, tenant, suite_id):
        return []

    def require(count: int) -> None:
        if not count:
            raise unknown(suite_id)

    return [store.documents.counted(tenant, KIND, require, parent=suite_id)]


def _use(canary: Document) -> tuple[str, str]:
    return canary.id, canary.body["suite"]


def _unused(suite_id: str) -> Any:
    def check(every: list[tuple[str, str]]) -> None:
        using = sorted(name for name, suite in every if suite == suite_id)
        if using:
            raise UsageError(
                f"The suite {suite_id} is used by canaries",
                why=f"They are {', '.join(using)}.",
                todo="Delete them first.",
            )

    return check


def _change(action: Any, document: Document) -> Change:
    body = document.body
    return Change(
        action=action,
        object_type="PROMPT_SUITE",
        object_id=document.parent,
        object_name=document.parent,
        details={name: body[name] for name in ("number", "digest", "cases")},
    )
