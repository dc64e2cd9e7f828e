"""From a document's body to an answer: our own members left out, times as times."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from affidavit.model import times

TIMES: Final = frozenset(
    {
        "createdAt",
        "creationTime",
        "eventTime",
        "expirationTime",
        "lastUpdated",
        "lastUpdatedAt",
        "postedDate",
    }
)
"""Members of our documents that hold a time, as RFC 3339; everything else stays as it is."""
_FREE: Final = frozenset({"tags", "attributes"})
"""Members whose own members are named by users."""


class Fixed(Mapping[str, Any]):
    """A structure of answers that never changes, whoever is answered: it is written only once."""

    __slots__ = ("_members", "written")

    def __init__(self, members: Mapping[str, Any]) -> None:
        """Take the members, which nobody may change from now on."""
        self._members = members
        self.written: bytes | None = None
        """Its JSON, once `api.serialise` wrote it; always by the same shape of the model."""

    def __getitem__(self, name: str) -> Any:
        """Return a member."""
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the members' names."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return a document's body as the API answers it: no None, no "_" member, aware times.

    JSON values only. One loop with few calls: an assessment of the standard framework has 3,000.
    """
    shown: dict[str, Any] = {}
    for name, value in body.items():
        if name[:1] == "_":
            continue
        kind = type(value)
        if kind is str:
            shown[name] = times.parse(value) if name in TIMES else value
        elif kind is dict:
            shown[name] = dict(value) if name in _FREE else answer(value)
        elif kind is list:
            shown[name] = _items(value)
        elif value is not None:
            shown[name] = value
    return shown


def _items(values: list[Any]) -> list[Any]:
    return [
        answer(one) if type(one) is dict else _items(one) if type(one) is list else one
        for one in values
    ]
