"""Segments that can be read, and those that cannot, with the reason: these never end a question.

Who asks is told a segment's name; where it lies on this server, its log says.
"""

import logging
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from affidavit.errors import StoreError
from affidavit.finder.query import Unreadable
from affidavit.store import SegmentFile
from affidavit.store.intact import Intact
from affidavit.store.segment_places import SegmentPlaces

_log: Final = logging.getLogger("affidavit.finder")


def sift(
    places: SegmentPlaces, segments: Iterable[SegmentFile]
) -> tuple[list[SegmentFile], list[Unreadable]]:
    """Return what is what was committed, in the order given, and what cannot be read."""
    asked, intact = list(segments), places.intact
    new = [one for one in asked if not _is_known(intact, one)]
    failed: dict[str, Unreadable] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # which starts no thread for nothing
        for one, why in zip(new, pool.map(lambda one: _wrong(intact, one), new), strict=True):
            if why:
                _log.info("Not in an answer: %s", why)
                failed[one.digest] = Unreadable(
                    segment=one.name,
                    day=one.day,
                    assessment_id=one.assessment_id,
                    rows=one.rows,
                    why=places.unplaced(why).replace(f"{one.tenant}/{one.name}", one.name),
                )
    good = [one for one in asked if one.digest not in failed]
    return good, list(failed.values())


def _is_known(intact: Intact, one: SegmentFile) -> bool:
    try:  # a copy in a cache is fetched again, or marked as used: it stays while it is read
        return intact.known(one.path) is not None and one.fetch() == one.path
    except StoreError:
        return False


def _wrong(intact: Intact, one: SegmentFile) -> str:
    """Return what is wrong with a segment; empty where nothing is."""
    try:
        one.fetch()
        intact.check(one.path, one.digest)
    except StoreError as error:
        return error.in_a_line
    return ""
