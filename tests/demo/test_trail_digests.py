"""The digests of the estate's trails, at any time of day."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from affidavit.demo import world
from affidavit.demo.overlay import trail_files
from affidavit.model.times import parse
from affidavit.sources.trail_places import DIGESTED

MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 12, 23])
def test_a_day_is_covered_by_a_chain_at_any_hour(hour: int) -> None:
    """Two digests follow one another up to where a collection looks for them."""
    now = MIDNIGHT + timedelta(hours=hour, minutes=5)
    loaded = world.load(now=now, seed=1, scale=1)
    made = trail_files.Objects()
    trail_files.write(loaded.place("111122223333", "us-east-1"), (), made)
    objects = made.by_bucket["northwind-trail-logs"]
    digests = [
        json.loads(gzip.decompress(objects[key])) for key in sorted(objects) if "-Digest/" in key
    ]
    first, second = digests
    assert parse(first["digestStartTime"]) == MIDNIGHT - timedelta(days=1)
    assert second["digestStartTime"] == first["digestEndTime"]
    assert second["previousDigestS3Object"] == first["digestS3Object"]
    assert min(MIDNIGHT, now - DIGESTED) <= parse(second["digestEndTime"]) <= now
