"""The quick canonical JSON is the canonical JSON."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.model.canonical import canonical
from affidavit.model.evidence import Evidence, Input
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import segment_sink, segments
from affidavit.store.objects import DiskObjects
from affidavit.store.segment_columns import columns_of
from affidavit.store.segment_json import entries_of, records_of
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segments import SegmentWriter, read_segment
from affidavit.store.tenant_keys import TenantKeyring

_TEXT = st.text(max_size=12)
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
_TEXTS = (
    *("id", "assessment_id", "run_id", "control_set_id", "control_id", "source_id", "source_type"),
    *("keyword", "evidence_type", "account_id", "region", "resource_arn", "resource_type"),
    *("reason", "gap", "check_id", "check_digest", "parameters", "origin", "salt"),
)
_EVIDENCE = st.builds(
    Evidence,
    **dict.fromkeys(_TEXTS, _TEXT),
    time=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        timezones=_ZONES,
    ),
    verdict=st.sampled_from(Verdict),
    standing=st.sampled_from(Standing),
    inputs=st.lists(st.builds(Input, digest=_TEXT, pointer=_TEXT), max_size=3).map(tuple),
    attributes=st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=5), _TEXT),
    synthetic=st.booleans(),
)


def _quick(rows: list[Evidence]) -> list[bytes]:
    columns, schema = columns_of(rows)
    named = dict(zip(schema.names, columns, strict=True))
    lines = [str(line).encode() for line in records_of(named).to_pylist()]
    assert entries_of(named) == [sha256(line).digest() for line in lines]
    return lines


@settings(deadline=None)
@given(st.lists(_EVIDENCE, max_size=6))
def test_the_bytes_are_those_of_canonical(rows: list[Evidence]) -> None:
    """Any records, with any text in them, are the same bytes as the plain way makes."""
    assert _quick(rows) == [canonical(row.to_json()) for row in rows]


_PLAIN = Evidence(
    **dict.fromkeys(_TEXTS, "x"),
    time=datetime(2026, 1, 1, tzinfo=UTC),
    verdict=Verdict.COMPLIANT,
    standing=Standing.JUDGED,
    inputs=(),
    attributes={},
    synthetic=False,
)


def test_repeated_values_are_the_same_bytes() -> None:
    """Values that many records share are escaped once, and are the same."""
    rows = [replace(_PLAIN, reason=f'"\n\u2028{n % 3}', time=_PLAIN.time) for n in range(30)]
    assert _quick(rows) == [canonical(row.to_json()) for row in rows]


_NONE: Any = None


class _OddText(str):
    """A text that is not exactly one."""

    __slots__ = ()


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": 5},
        {"reason": None},
        {"reason": _OddText("x")},
        {"synthetic": 1},
        {"inputs": (Input(digest="x", pointer=_NONE),)},
        {"attributes": {"ü": "x"}},
        {"attributes": {"x": 1}},
        {"attributes": {1: "x"}},
    ],
)
def test_what_has_no_canonical_form_is_refused(changed: dict[str, Any]) -> None:
    """A member of another type is refused, by name, before anything is hashed."""
    with pytest.raises(TypeError, match=next(iter(changed))):
        _quick([_PLAIN, replace(_PLAIN, **changed)])


def _plain_segment(rows: list[Evidence], block: int, group: int) -> Iterator[list[Evidence]]:
    """Yield the stretches that rows belong in, sorted record by record."""
    held: list[Evidence] = []
    for first in range(0, len(rows), block):
        held += rows[first : first + block]
        if len(held) >= group or first + block >= len(rows):
            yield sorted(held, key=lambda e: (e.control_id, e.time, e.id))
            held = []


@settings(deadline=None, max_examples=40)
@given(st.lists(_EVIDENCE, min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 6))
def test_a_segment_is_what_the_plain_way_writes(
    made: list[Evidence], block: int, group: int
) -> None:
    """Entries, order, counters and bounds of a written segment are those made record by record."""
    rows = [replace(row, run_id="r", assessment_id="a") for row in made]
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(segments, "BLOCK", block),
        mock.patch.object(segment_sink, "STRETCH", group),
    ):
        objects, home = DiskObjects(Path(folder)), Settings(home=Path(folder))
        places = SegmentPlaces(objects, mock.Mock(spec=TenantKeyring), home)
        with SegmentWriter(places, "r", "111122223333/us-east-1", "a", "d") as writer:
            writer.append(rows)
            segment = writer.close()
        read = [row for _, row in read_segment(Path(folder) / segment.path, segment.digest)]
    plain = [row for ordered in _plain_segment(rows, block, group) for row in ordered]
    entries = [sha256(canonical(row.to_json())).digest() for row in plain]
    assert segment.entries == b"".join(entries)
    assert [row.entry for row in read] == entries
    assert [row.evidence for row in read] == plain
    told = Counter((row.control_set_id, row.control_id, row.verdict.value) for row in rows)
    assert told == Counter(
        {
            (*key, verdict): n
            for key, counts in segment.counts.items()
            for verdict, n in counts.items()
        }
    )
    assert (segment.rows, segment.min_id, segment.max_id) == (
        len(rows),
        min(row.id for row in rows),
        max(row.id for row in rows),
    )
    assert segment.min_time == min(row.time for row in rows)
    assert segment.max_time == max(row.time for row in rows)


def test_text_that_is_not_utf8_is_refused() -> None:
    """A lone surrogate has no UTF-8 and is refused, as in the plain way."""
    odd = replace(_PLAIN, reason="\ud800")
    with pytest.raises(UnicodeEncodeError):
        canonical(odd.to_json())
    with pytest.raises(UnicodeEncodeError):
        _quick([odd])
