"""A walk through segments for one page by time, in steps that grow with how little is found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from affidavit.finder.query import Order
from affidavit.store import SegmentFile

_WIDER: Final = 4
"""How much wider than the one before a step may be."""
_AMPLE: Final = 1.25
"""How much more is read than the rows found so far promise to be enough."""
_FILE: Final = 4096
"""To open a file costs as much as this many rows of it."""


class Walk:
    """Gives the segments to read together, the nearest times first.

    A page that is sorted by anything else takes all of them in one step.
    """

    def __init__(self, segments: Sequence[SegmentFile], order: Order, first_step: int) -> None:
        self._by_time = order.column == "time"
        self._descending = order.descending
        self._left = list(segments)
        if self._by_time:
            self._left.sort(key=self._nearest, reverse=order.descending)
        self._step: list[SegmentFile] = []
        self._width = float(first_step)
        self._least = first_step
        self._read = self._found = 0

    def following(self) -> list[SegmentFile]:
        """Return the segments of the next step; empty at the end."""
        count = 0
        rows = 0
        for one in self._left:
            if self._by_time and rows >= self._width and not self._is_among(count, rows):
                break
            rows += _cost(one)
            count += 1
        self._step, self._left = self._left[:count], self._left[count:]
        return self._step

    @property
    def is_first_by_time(self) -> bool:
        """Tell whether no step of a walk by time was told of yet."""
        return self._by_time and not self._read

    def is_beyond(self, last: datetime) -> bool:
        """Tell whether the step and all later ones come after this time; equal times do not."""
        if not self._by_time:
            return False
        nearest = self._nearest(self._step[0])
        return nearest < last if self._descending else nearest > last

    def tell(self, found: int, wanted: int) -> None:
        """Say how many rows the step gave: as dense as so far, the next step should be enough."""
        self._read += sum(map(_cost, self._step))
        self._found += found
        self._width *= _WIDER
        if self._found:
            lacking = max(wanted - self._found, 0)
            enough = self._read / self._found * lacking * _AMPLE
            self._width = min(self._width, max(enough, self._least))

    def _is_among(self, count: int, rows: int) -> bool:
        """Tell whether the segment behind the first `count` has to be read with them anyway.

        A few assessments that are collected at the same hours give one step, and not one each.
        """
        one, last = self._left[count], self._left[count - 1]
        meets = one.max_time >= last.min_time and one.min_time <= last.max_time
        return meets and rows + _cost(one) <= 2 * self._width

    def _nearest(self, one: SegmentFile) -> datetime:
        return one.max_time if self._descending else one.min_time


def _cost(one: SegmentFile) -> int:
    """Return the rows that it takes as long to read."""
    return max(one.rows, _FILE)
