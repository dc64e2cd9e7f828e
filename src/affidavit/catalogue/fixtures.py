"""The passing and failing records that come with every check: examples for people, tests for us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from affidavit.catalogue.load import SHIPPED
from affidavit.catalogue.yaml_nodes import Problems, read
from affidavit.model.times import parse

FIXTURE_NOW: Final = datetime(2026, 1, 15, tzinfo=UTC)
"""The time at which the fixtures pass and fail."""

_TIMESTAMP: Final = "$timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """What a check sees: a record, the account, and parameters over its defaults."""

    r: Mapping[str, Any]
    acct: Mapping[str, Any]
    p: Mapping[str, Any]


def load_fixtures(path: Path = SHIPPED) -> dict[str, dict[str, Fixture]]:
    """Return the fixtures of a catalogue's folder by check id and side, good or bad.

    Raises `CatalogueError` for a file that is no YAML.
    """
    problems = Problems()
    found: dict[str, dict[str, Fixture]] = {}
    for file in sorted((path / "fixtures").glob("*.yaml")):
        document = read(file, path, problems)
        for check, sides in document.plain().items():
            found[check] = {side: _fixture(value) for side, value in sides.items()}
    problems.refuse()
    return found


def _fixture(value: Mapping[str, Any]) -> Fixture:
    parts = {name: _times(value.get(name, {})) for name in ("r", "acct", "p")}
    return Fixture(**parts)


def _times(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {_TIMESTAMP}:
            return parse(value[_TIMESTAMP])
        return {key: _times(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_times(member) for member in value]
    return value
