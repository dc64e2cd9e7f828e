"""Trail files: what of a day's activity stands in the bucket that a trail of the account writes to.

One observation for each account, Region and day, of the trail that the question names; a bucket
that cannot be listed is a gap. What was read serves the comparison with the invocation log too, so
that no file is read twice.
"""

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from affidavit.aws.door import Door
from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.errors import CollectError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GapReason, Observation, Result, Unit
from affidavit.sources.day import Day
from affidavit.sources.source import Scope, no_answer
from affidavit.sources.trail_places import TrailPlace
from affidavit.sources.trail_reading import TrailReading

FAN_OUT: Final = "trail_files"

_Key = tuple[str, str, str, str, str]


class TrailReadings:
    """The readings of one account's trails, each made once however many sources ask for it."""

    def __init__(self) -> None:
        self._known: dict[_Key, TrailReading] = {}
        self._lock = threading.Lock()

    def read(self, reader: LogReader, unit: Unit, trail: Mapping[str, Any]) -> TrailReading:
        """Return the reading of a trail in the unit's account, Region and day.

        Raises `NotReadError` where the bucket cannot be listed.
        """
        day = unit.parameters["day"]
        key = (unit.account_id, unit.region, day, trail["bucket"], trail["prefix"])
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        place = TrailPlace.found(reader, trail, unit.account_id, unit.region, Day.of(day))
        made = TrailReading(place=place, events=frozenset(trail.get("events", ())))
        made.read(reader, trail)
        with self._lock:
            self._known[key] = made
        return made


class TrailFileSource:
    """Reads the files that an account's trails write."""

    def __init__(self, door: Door, readings: TrailReadings) -> None:
        """Take the door; what is read is left in `readings` for others."""
        self._door, self._readings = door, readings

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield what the files of each question hold, or the gap that says why not."""
        for unit in scope.units:
            yield self._observe(scope.operation, unit)

    def _observe(self, operation: Operation, unit: Unit) -> Result:
        try:
            reader = self._door.log_reader(unit.account_id, unit.region)
        except CollectError as error:
            return no_answer(operation, unit, error, GapReason.DENIED)
        try:
            reading = self._readings.read(reader, unit, unit.parameters)
        except NotReadError as error:
            return no_answer(operation, unit, error, error.reason, error.code, reader.proof())
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent="",
            body=reading.body(),
            proof=reader.proof(tuple(sorted(reading.redacted))),
        )
