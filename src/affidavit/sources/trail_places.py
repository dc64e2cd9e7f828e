"""Where a trail's files of one account, Region and UTC day lie in its bucket."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.model.observation import GapReason
from affidavit.sources.day import Day

_LATE: Final = timedelta(hours=1)
"""CloudTrail delivers within 15 minutes or so: a day's last events lie in the next day's folder."""
DIGESTED: Final = timedelta(hours=3)
"""The digest of the late files comes an hour after them, its signature with the digest after it."""
_TIME: Final = re.compile(r"_\d{8}(?P<hour>T\d\d)\d{2,4}Z[_.]")
"""A file's time in its name, that of a log file or of a digest."""
_ORGANIZATION: Final = "o-"
"""What an organization's id begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPlace:
    """A trail's folders of one account, Region and day."""

    bucket: str
    roots: tuple[str, ...]
    """Of the account: `AWSLogs/111122223333/`, in an organization's trail below its id."""
    account_id: str
    region: str
    day: Day
    others: tuple[str, ...] = ()
    """Other accounts whose files lie beside them in an organization's trail."""

    @classmethod
    def found(
        cls, reader: LogReader, trail: Mapping[str, Any], account_id: str, region: str, day: Day
    ) -> "TrailPlace":
        """Return the place; an organization's id is looked up in the bucket, where it has one."""
        own = f"{trail['prefix'].strip('/')}/" if trail["prefix"].strip("/") else ""
        bases, others = [f"{own}AWSLogs/"], set[str]()
        if trail.get("organization"):
            bases = reader.folders(trail["bucket"], f"{bases[0]}{_ORGANIZATION}")
            if not bases:
                raise NotReadError(
                    f"s3://{trail['bucket']}/{own}AWSLogs/ holds no organization's folder",
                    "The trail is one of an organization, whose files lie below its id.",
                    GapReason.FAILED,
                )
            for base in bases:
                found = reader.folders(trail["bucket"], base)
                others |= {one.removeprefix(base).strip("/") for one in found}
        return cls(
            bucket=trail["bucket"],
            roots=tuple(f"{base}{account_id}/" for base in bases),
            account_id=account_id,
            region=region,
            day=day,
            others=tuple(sorted(others - {account_id})),
        )

    def log_files(self, reader: LogReader) -> list[str]:
        """Return the keys of the day's log files and of those of the next day's first hours."""
        found = []
        for base in self._bases("CloudTrail"):
            for key, wanted in self._keys(reader, base, _LATE):
                if not wanted:
                    break  # files sort by their time
                found.append(key)
        return found

    def digests(self, reader: LogReader, trail_arn: str, home: str) -> list[str]:
        """Return the keys of one trail's digest files, of which several may share a folder."""
        named = f"_CloudTrail-Digest_{self.region}_{trail_arn.rpartition('/')[2]}_{home}_"
        return [
            key
            for base in self._bases("CloudTrail-Digest")
            for key, wanted in self._keys(reader, base, DIGESTED)
            if wanted and named in key
        ]

    def holds(self, key: str) -> bool:
        """Tell whether a log file's key is one of those that `log_files` looks for."""
        return any(self._is_wanted(key, base, _LATE) for base in self._bases("CloudTrail"))

    def holds_digest(self, key: str) -> bool:
        """Tell whether a digest's key lies where `digests` looks."""
        return any(
            self._is_wanted(key, base, DIGESTED) for base in self._bases("CloudTrail-Digest")
        )

    def is_late(self, key: str) -> bool:
        """Tell whether a log file lies in the next day's folder."""
        return any(key.startswith(self._after(base)) for base in self._bases("CloudTrail"))

    def _bases(self, folder: str) -> tuple[str, ...]:
        return tuple(f"{root}{folder}/{self.region}/" for root in self.roots)

    def _after(self, base: str) -> str:
        return f"{base}{self.day.end:%Y/%m/%d}/"

    def _is_wanted(self, key: str, base: str, late: timedelta) -> bool:
        if key.startswith(f"{base}{self.day.start:%Y/%m/%d}/"):
            return True
        return key.startswith(self._after(base)) and _hour(key) <= f"T{self.day.end + late:%H}"

    def _keys(self, reader: LogReader, base: str, late: timedelta) -> Iterator[tuple[str, bool]]:
        """Yield the keys of the day's folder and the next day's, and whether they are wanted."""
        first, after = f"{base}{self.day.start:%Y/%m/%d}/", self._after(base)
        # Folders of days sort as days do, so one listing has both of them.
        for one in reader.objects(self.bucket, base, after=first):
            if one.key > after and not one.key.startswith(after):
                return
            if one.key.startswith((first, after)) and not one.key.endswith("/"):
                yield one.key, self._is_wanted(one.key, base, late)


def _hour(key: str) -> str:
    """Return `Thh` of a file's time, or what sorts after every hour."""
    found = _TIME.search(key.rpartition("/")[2])
    return found["hour"] if found else "U"
