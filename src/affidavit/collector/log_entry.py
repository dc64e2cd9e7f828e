"""One thing that a scan of a log says, as what becomes an evidence record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from affidavit.collector.activity import result_synthetic, unread_gap
from affidavit.collector.configuration import Entry
from affidavit.model.evidence import Input
from affidavit.model.observation import Observation


def log_entry(
    read: Observation, reason: str, pointer: str, attributes: Mapping[str, object], **more: Any
) -> Entry:
    """Return one with its place in the scan's answer; attributes that say nothing are left out."""
    return Entry(
        region=read.unit.region,
        reason=reason,
        inputs=(Input(digest=read.digest, pointer=pointer),),
        attributes={name: str(value) for name, value in attributes.items() if value != ""},
        synthetic=result_synthetic(read),
        **more,
    )


def unread_entries(
    read: Observation, pointer: str, named: Sequence[Mapping[str, Any]]
) -> Iterator[Entry]:
    """Yield what could not be read, each with its object's name."""
    for index, one in enumerate(named):
        words = f"{one['objectUri']}: {one['why']}."
        shown = {"object": one["objectUri"], "times": one["count"]}
        gap = unread_gap(read, words, {"log": one["objectUri"]})
        yield log_entry(read, words, f"{pointer}/{index}", shown, gap=gap)
