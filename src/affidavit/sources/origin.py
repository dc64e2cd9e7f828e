"""Whose log is read, and of which day: what other records stand in it do not make it whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from affidavit.logscan.records import Record
from affidavit.sources.day import Day

_LATE: Final = timedelta(hours=1)
"""By how much a record's time may lie outside the day in whose folder it stands."""
_HOUR: Final = len("2026-11-29T10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose log it is, and of which day."""

    account_id: str
    region: str
    day: Day

    def has(self, record: Record) -> bool:
        """Tell whether a record is from here, as far as it says so."""
        said = ((record.accountId, self.account_id), (record.region, self.region))
        if any(is_ and is_ != wanted for is_, wanted in said):
            return False
        first, last = (at.strftime("%Y-%m-%dT%H") for at in self._hours())
        return not record.timestamp or first <= record.timestamp[:_HOUR] <= last

    def _hours(self) -> tuple[datetime, datetime]:
        return self.day.start - _LATE, self.day.end + _LATE - timedelta(seconds=1)
