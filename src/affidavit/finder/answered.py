"""What was counted before: the same question of the same segments has the same answer.

A segment's name is its digest, so that an answer is kept under the digests of all that it was
counted from: evidence that comes or goes makes another question of it. Files are held to their
digests before, as for any question.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import Final

from affidavit.store import SegmentFile

Counts = Mapping[tuple[str, ...], int]
MOST: Final = 64
MOST_GROUPS: Final = 1_000
"""Larger answers are not kept."""


class Answered:
    """Counts by question; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Counts] = OrderedDict()

    def get(
        self,
        segments: Sequence[SegmentFile],
        asked: tuple[object, ...],
        count: Callable[[], Counts],
    ) -> Counts:
        """Return what was counted before, else what `count` gives; nobody must change it."""
        key = (asked, frozenset(one.digest for one in segments))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = count()
        if len(found) <= MOST_GROUPS:
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
        return found
