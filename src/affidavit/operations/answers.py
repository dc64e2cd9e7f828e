"""From a document's body to an answer: our own members left out, times as times."""

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


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return a document's body as the API answers it: no None, no "_" member, aware times."""
    return {
        name: _value(name, value)
        for name, value in body.items()
        if value is not None and not name.startswith("_")
    }


def _value(name: str, value: Any) -> Any:
    if name in TIMES and isinstance(value, str):
        return times.parse(value)
    if isinstance(value, dict):
        return dict(value) if name in _FREE else answer(value)
    if isinstance(value, list):
        return [_value("", item) for item in value]
    return value
