"""One question, all pages: the merged body, or an exception when the pages do not hang together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from affidavit.aws.errors import PagesError
from affidavit.aws.models import Paging
from affidavit.model.observation import GapReason, JsonObject

MAX_PAGES = 1000
"""More pages than this are not one observation; the question becomes a gap that says so."""

MAX_EVENT_PAGES = 100
"""LookupEvents: 50 events a page at 2 pages a second; 5,000 events tell that a thing happens."""

Ask = Callable[[JsonObject], JsonObject]
"""Asks for one page: request members in, plain body out."""


@dataclass(slots=True)
class _Pages:
    """The pages of one question so far."""

    paging: Paging
    merged: JsonObject = field(default_factory=dict)
    read: int = 0
    tokens: set[str] = field(default_factory=set)

    def add(self, body: JsonObject, limit: Any) -> str:
        """Merge a page and return the token of the next one, or an empty string at the end."""
        self.read += 1
        lists = self._lists(body)
        token = _member(body, self.paging.output_token)
        more = _member(body, self.paging.more_results) if self.paging.more_results else None
        if more is False:
            token = None
        if not token:
            self._refuse_cut(lists, more=more, limit=limit)
        if self.read == 1:
            self.merged = body
        else:
            for key, found in lists.items():
                _extend(self.merged, key, found)
        for transport in (self.paging.output_token, self.paging.more_results):
            self.merged.pop(transport, None)
        return str(token) if token else ""

    def _lists(self, body: JsonObject) -> dict[str, list[Any]]:
        lists = {key: _member(body, key) for key in self.paging.result_keys}
        found = {key: value for key, value in lists.items() if isinstance(value, list)}
        if self.paging.result_keys and not found and not self._counts_none(body):
            wanted = " nor ".join(self.paging.result_keys)
            raise PagesError(GapReason.MALFORMED, f"Page {self.read} has no list {wanted}.")
        return found

    def _counts_none(self, body: JsonObject) -> bool:
        """Tell whether the answer says itself that the list, left out, has no elements.

        CloudFront does: `DistributionList` has `Quantity` 0 and no `Items`.
        """
        outer = [key.rpartition(".")[0] for key in self.paging.result_keys]
        return all(_member(body, f"{name}.Quantity") == 0 for name in outer)

    def _refuse_cut(self, lists: dict[str, list[Any]], *, more: Any, limit: Any) -> None:
        if more:
            raise PagesError(
                GapReason.MALFORMED,
                f"Page {self.read} says that there is more ({self.paging.more_results}) and gives "
                "no token to ask for it; the list is cut off.",
            )
        if limit is not None and any(len(found) == int(limit) for found in lists.values()):
            raise PagesError(
                GapReason.MALFORMED,
                f"Page {self.read} holds as many results as were asked for ({limit}) and no "
                "token for more; whether the list is whole cannot be known.",
            )

    def next_token(self, token: str, most: int) -> None:
        """Note a token; refuse one that came before, and more pages than `most`."""
        if token in self.tokens:
            raise PagesError(
                GapReason.MALFORMED,
                f"Page {self.read} repeats the token of an earlier page; the list has no end.",
            )
        if self.read >= most:
            raise PagesError(
                GapReason.FAILED,
                f"There are more than {most} pages; narrow the question, or read the events or "
                "logs from where they are delivered.",
            )
        self.tokens.add(token)


def _member(body: JsonObject, path: str) -> Any:
    value: Any = body
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _extend(body: JsonObject, path: str, found: list[Any]) -> None:
    *outer, last = path.split(".")
    for name in outer:
        body = body.setdefault(name, {})
    body.setdefault(last, []).extend(found)


def read_pages(ask: Ask, parameters: JsonObject, paging: Paging | None, most: int) -> JsonObject:
    """Return the merged body of all pages.

    Result lists are joined, other members are the first page's; tokens and "there is more" are
    left out. Pages are as large as the model allows unless the question bounds them (by default
    Config gives ten evaluations a page). Raises `PagesError` for a list that is cut off, endless,
    absent or too long.
    """
    if paging is None:
        return ask(parameters)
    pages = _Pages(paging)
    limit = parameters.get(paging.limit_key) if paging.limit_key else None
    largest = {paging.limit_key: paging.most} if paging.most and limit is None else {}
    asked = {**largest, **parameters}
    while True:
        token = pages.add(ask(asked), limit)
        if not token:
            return pages.merged
        pages.next_token(token, most)
        asked = {**largest, **parameters, paging.input_token: token}
