"""Which of a trail's files are read for a day, and how often the bucket is asked."""

from collections.abc import Iterator
from typing import Any

from affidavit.aws.log_reading import LogObject
from affidavit.model.observation import Unit
from affidavit.sources.calls import compared
from affidavit.sources.trail_files import TrailReadings

BASE = "own/AWSLogs/111122223333/CloudTrail/us-east-1/"


class Bucket:
    """A bucket's listing in S3's order; it counts how often it was asked and what was read."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.asked = sorted(keys), 0
        self.read_keys: list[str] = []

    def objects(self, bucket: str, prefix: str, after: str = "") -> Iterator[LogObject]:
        """Yield the objects as `LogReader` does."""
        self.asked += 1
        for key in self.keys:
            if key.startswith(prefix) and key > after:
                yield LogObject(bucket=bucket, key=key, size=1)

    def read(self, _bucket: str, key: str, _limit: int) -> bytes:
        """Return an empty file, and note that it was asked for."""
        self.read_keys.append(key)
        return b'{"Records":[]}'


def _file(day: str, hour: str) -> str:
    stamp = f"{day.replace('/', '')}T{hour}05Z"
    return f"{BASE}{day}/111122223333_CloudTrail_us-east-1_{stamp}_x.json.gz"


def test_one_listing_has_the_day_and_the_first_hour_after() -> None:
    """The day's files and the next day's first are read, by one listing, whatever lies between."""
    wanted = [_file("2026/11/30", "00"), _file("2026/11/30", "23"), _file("2026/12/01", "00")]
    strays = [f"{BASE}2026/11/30x", f"{BASE}2026/11/300/y", f"{BASE}2026/11/30/"]
    others = [
        _file("2026/11/29", "23"),
        _file("2026/12/01", "02"),
        _file("2026/12/02", "00"),
        f"{BASE.replace('east', 'west')}2026/11/30/a_b_c_20261130T0105Z_x.json.gz",
    ]
    bucket: Any = Bucket([*wanted, *strays, *others])
    unit = Unit(
        key="invocationLogs",
        account_id="111122223333",
        region="us-east-1",
        parameters={"day": "2026-11-30"},
    )

    trails = [{"bucket": "b", "prefix": "own"}]
    told = compared(TrailReadings(), bucket, unit, (), trails)

    assert bucket.read_keys == wanted
    assert bucket.asked == 1
    assert told is not None
    assert told["objects"] == len(wanted)
