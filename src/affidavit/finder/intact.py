"""Segments that are what was committed: nothing altered is ever an answer.

A segment's SHA-256 is its name. It is computed before a process reads the file for the first time,
and again when the file's size, time or inode change.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from affidavit.errors import StoreError
from affidavit.finder.query import Unreadable
from affidavit.store import SegmentFile
from affidavit.store.segments import Stamp, check_digest, stamp_of

if TYPE_CHECKING:
    from pathlib import Path


class Intact:
    """Remembers which files were found to be what they should; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Path, Stamp] = {}

    def sift(self, segments: Iterable[SegmentFile]) -> tuple[list[SegmentFile], list[Unreadable]]:
        """Return what can be read, in the order given, and what cannot, with the reason."""
        asked = list(segments)
        new = [one for one in asked if not self._is_known(one)]
        failed: dict[str, Unreadable] = {}
        if len(new) == 1:
            self._note(new[0], _check(new[0]), failed)
        elif new:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for one, why in zip(new, pool.map(_check, new), strict=True):
                    self._note(one, why, failed)
        good = [one for one in asked if one.digest not in failed]
        return good, list(failed.values())

    def _is_known(self, one: SegmentFile) -> bool:
        with self._lock:
            known = self._known.get(one.path)
        # A copy in a cache is fetched again, or marked as used: it stays while it is read.
        return known is not None and known == stamp_of(one.path) and one.fetch() == one.path

    def _note(self, one: SegmentFile, why: str | Stamp, failed: dict[str, Unreadable]) -> None:
        if not isinstance(why, str):
            with self._lock:
                self._known[one.path] = why
            return
        failed[one.digest] = Unreadable(
            path=one.path, day=one.day, assessment_id=one.assessment_id, rows=one.rows, why=why
        )


def _check(segment: SegmentFile) -> Stamp | str:
    """Return the stamp of a file that is as it should be, else what is wrong with it."""
    try:
        segment.fetch()
        before = stamp_of(segment.path)
        check_digest(segment.path, segment.digest)
    except StoreError as error:
        return error.in_a_line
    return before or f"The segment {segment.path} was replaced while it was read."
