"""Searching what a control's source may ask for: keywords, core and common controls, by words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from affidavit.operations import keywords, looking, standard
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.library_uses import common_control_names

LIMIT: Final = 40
"""Hits that are shown: who sees more narrows the words."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One keyword."""

    keyword: str
    """What the source names."""
    words: str
    """What people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What was found of a type."""

    found: Sequence[Hit]
    """The first of them."""
    total: int
    known: int
    """Keywords of the type, found or not."""


def search(context: Context, caller: Caller, source: str, text: str) -> Hits:
    """Return the keywords of a type that have all of these words, in whatever case."""
    looking.require(context, caller, "ListKeywordsForDataSource")
    known = list(_known(context, caller, source))
    wanted = text.lower().split()
    found = [one for one in known if _has(one, wanted)]
    found.sort(key=lambda one: (not one.words.lower().startswith(text.lower()), one.words.lower()))
    return Hits(found=found[:LIMIT], total=len(found), known=len(known))


def words_of(context: Context, caller: Caller, source: str, keyword: str) -> str:
    """Return what people read for a keyword: core and common controls have ids."""
    if source not in ("Core_Control", "Common_Control"):
        return keyword
    found = (one.words for one in _known(context, caller, source) if one.keyword == keyword)
    return next(found, keyword)


def _known(context: Context, caller: Caller, source: str) -> Iterable[Hit]:
    if source == "Core_Control":
        for check in context.catalogue.checks.values():
            yield Hit(standard.core_id(check.id), f"{check.id}: {check.words}")
    elif source == "Common_Control":
        for arn, words in common_control_names(context, caller):
            yield Hit(arn, words)
    else:
        for keyword in keywords.accepted(context.catalogue, source):
            yield Hit(keyword, keyword)


def _has(one: Hit, wanted: Sequence[str]) -> bool:
    said = f"{one.words}\n{one.keyword}".lower()
    return all(word in said for word in wanted)
