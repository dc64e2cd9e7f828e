"""Counts that were asked before, over the same evidence: pages that are opened again cost nothing.

Segments never change and are named by their digests, so an answer is kept with the digests of all
that it was counted from. Where evidence was added since, only that is counted; where some is gone,
all of it is. Files are held to their digests before, as for any question.
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
_NOTHING: Final[tuple[frozenset[str] | None, Counts]] = (None, {})


class Answered:
    """Counts by question; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[frozenset[str], Counts]] = OrderedDict()

    def get(
        self,
        segments: Sequence[SegmentFile],
        asked: tuple[object, ...],
        count: Callable[[Sequence[SegmentFile]], Counts],
    ) -> Counts:
        """Return what `count` gives, of as few segments as need be; nobody must change it."""
        digests = frozenset(one.digest for one in segments)
        with self._lock:
            known, before = self._kept.get(asked, _NOTHING)
            if asked in self._kept:
                self._kept.move_to_end(asked)
        if known == digests:
            return before
        found: Counts | None = None
        if known is not None and known < digests:
            since = count([one for one in segments if one.digest not in known])
            found = both(before, since) if len(since) <= MOST_GROUPS else None
        if found is None:
            found = count(segments)
        if len(found) <= MOST_GROUPS:
            with self._lock:
                self._kept[asked] = (digests, found)
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
        return found


def both(one: Counts, other: Counts) -> Counts:
    """Return the sums; a count of none is one."""
    return {key: one.get(key, 0) + other.get(key, 0) for key in [*one, *other]}
