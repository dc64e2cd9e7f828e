"""Times are UTC and are written one way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from affidavit.model.times import iso, parse, utc_now


def test_written_in_utc() -> None:
    """A time of another zone is written in UTC with Z."""
    local = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert iso(local) == "2025-12-31T23:00:00Z"
    assert parse(iso(local)) == local


def test_microseconds_survive() -> None:
    """What is written is read back exactly."""
    time = datetime(2026, 1, 1, 1, 0, 0, 120, tzinfo=UTC)
    assert parse(iso(time)) == time


def test_no_zone_is_refused() -> None:
    """A time without a zone is an error on both ways."""
    with pytest.raises(ValueError, match="no time zone"):
        iso(datetime(2026, 1, 1))  # noqa: DTZ001 - the case under test
    with pytest.raises(ValueError, match="no time zone"):
        parse("2026-01-01T00:00:00")


def test_now_is_aware() -> None:
    """The clock gives UTC."""
    assert utc_now().tzinfo is UTC
