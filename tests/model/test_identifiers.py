"""Identifiers: stable ones never move, new ones sort by time."""

import uuid
from datetime import UTC, datetime, timedelta

from affidavit.model.identifiers import new_id, new_salt, stable_id

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_stable_ids_never_change() -> None:
    """The same kind and name give the same UUID for ever."""
    assert stable_id("control", "GENAI-RESP-01") == "e39aed67-047d-5bdf-af89-df07391ae189"
    assert stable_id("control", "GENAI-RESP-01") != stable_id("source", "GENAI-RESP-01")


def test_new_ids_are_version_7_and_sort_by_time() -> None:
    """A later id is greater, and both are valid UUIDs of version 7."""
    first, second = new_id(NOW), new_id(NOW + timedelta(milliseconds=1))
    assert first < second
    assert uuid.UUID(first).version == uuid.UUID(second).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122


def test_new_ids_use_all_the_randomness_given() -> None:
    """Ids of the same millisecond differ, and the random bits are the generator's."""
    ids = {new_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert new_id(NOW, lambda bits: 2**bits - 1)[14:] == "7fff-bfff-ffffffffffff"


def test_salts_have_128_bits() -> None:
    """A salt is 32 hexadecimal digits, leading zeros kept."""
    assert new_salt(lambda bits: bits) == f"{128:032x}"
    assert len({new_salt() for _ in range(100)}) == 100
