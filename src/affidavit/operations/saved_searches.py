"""Saved searches of the evidence finder: named, each of one person, shared by its address.

A saved search keeps the question and no answer. Whoever opens its address asks it anew, and finds
what he may see himself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from affidavit.finder.parse import parse
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import looking
from affidavit.operations.assessed import is_same
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault
from affidavit.operations.finding import OPERATION
from affidavit.store.documents import Document

KIND: Final = "saved_search"
MOST: Final = 100
"""Of one person."""
MAX_NAME: Final = 100
MAX_TOKENS: Final = 50
MAX_TEXT: Final = 10_000
"""Characters of all tokens together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A question with its name."""

    id: str
    name: str
    owner: str
    """ARN of who saved it."""
    tokens: tuple[str, ...]
    """Expressions of the finder's language, all of which must hold."""
    shown: Mapping[str, str]
    """How the answer is shown: day, group, sort; those that were given."""
    is_own: bool
    """Whether it is the caller's, who may delete it."""


def listed(context: Context, caller: Caller) -> list[SavedSearch]:
    """Return the caller's own saved searches, by name."""
    looking.require(context, caller, OPERATION)
    return [_saved(one, caller) for one in _own(context, caller)]


def saved(context: Context, caller: Caller, search_id: str) -> SavedSearch:
    """Return a saved search of anybody in the tenant; `NotFoundFault` where there is none."""
    looking.require(context, caller, OPERATION)
    return _saved(_document(context, caller, search_id), caller)


def save(
    context: Context, caller: Caller, name: str, tokens: list[str], shown: Mapping[str, str]
) -> SavedSearch:
    """Keep a question under a name, in place of the caller's own of the same name.

    `QueryError` for a token that is none, `ValidationFault` for a name that is empty or too long.
    """
    looking.require(context, caller, OPERATION)
    _check(name, tokens)
    own = _own(context, caller)
    same = next((one for one in own if one.body["name"] == name), None)
    if same is None and len(own) >= MOST:
        raise QuotaFault(f"{MOST} searches are saved already: delete one first.")
    now = context.now()
    put = Document(
        kind=KIND,
        id=same.id if same else new_id(now),
        sort=name,
        version=same.version if same else 0,
        body={
            "name": name,
            "owner": caller.principal_arn,
            "tokens": tokens,
            "shown": {key: value for key, value in shown.items() if value},
            "savedAt": iso(now),
        },
    )
    context.store.documents.act(caller.tenant, now=now, puts=[put])
    return _saved(put, caller)


def forget(context: Context, caller: Caller, search_id: str) -> None:
    """Delete one of the caller's own; `NotFoundFault` for anybody else's."""
    looking.require(context, caller, OPERATION)
    found = _document(context, caller, search_id)
    if not is_same(caller.principal_arn, found.body["owner"]):
        raise NotFoundFault(search_id, "savedSearch")
    context.store.documents.act(caller.tenant, now=context.now(), deletes=[found])


def _check(name: str, tokens: list[str]) -> None:
    if not 1 <= len(name) <= MAX_NAME:
        raise ValidationFault.of_members(
            [("name", f"Member must have from 1 to {MAX_NAME} characters")]
        )
    if len(tokens) > MAX_TOKENS or sum(map(len, tokens)) > MAX_TEXT:
        raise ValidationFault(f"A saved search has at most {MAX_TOKENS} filters.")
    for one in tokens:
        parse(one)


def _own(context: Context, caller: Caller) -> list[Document]:
    every = context.store.documents.every(caller.tenant, KIND)
    return [one for one in every if is_same(caller.principal_arn, one.body["owner"])]


def _document(context: Context, caller: Caller, search_id: str) -> Document:
    found = context.store.documents.get(caller.tenant, KIND, search_id)
    if found is None:
        raise NotFoundFault(search_id, "savedSearch")
    return found


def _saved(document: Document, caller: Caller) -> SavedSearch:
    body: dict[str, Any] = document.body
    return SavedSearch(
        id=document.id,
        name=body["name"],
        owner=body["owner"],
        tokens=tuple(body["tokens"]),
        shown=body["shown"],
        is_own=is_same(caller.principal_arn, body["owner"]),
    )
