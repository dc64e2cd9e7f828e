"""Segments are immutable Parquet from which every record comes back exactly."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from affidavit.errors import StoreDamagedError, StoreError
from affidavit.model.canonical import canonical
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.segment_sink import ROW_GROUP, STRETCH
from affidavit.store.segments import Segment, SegmentWriter, read_segment

TENANT = "111122223333/us-east-1"


def write(tmp_path: Path, evidence: list[Any]) -> Segment:
    """Write a segment of `evidence`."""
    settings = Settings(home=tmp_path, keys=tmp_path / "keys", objects=str(tmp_path))
    with (
        open_store(settings) as store,
        SegmentWriter(store._kept.places, "r", TENANT, "a", "2026-03-01") as writer,
    ):
        writer.append(evidence)
        return writer.close()


def test_round_trip_by_digest(tmp_path: Path, sample: Any) -> None:
    """The canonical JSON made from the columns is the one that was hashed, for every row."""
    evidence = [sample.evidence("r", "a", n) for n in range(50)]
    segment = write(tmp_path, evidence)
    rows = [row for _, row in read_segment(tmp_path / segment.path, segment.digest)]
    assert {row.evidence.id: row.evidence for row in rows} == {e.id: e for e in evidence}
    assert b"".join(row.entry for row in rows) == segment.entries
    for row in rows:
        assert sha256(canonical(row.evidence.to_json())).digest() == row.entry
        assert row.entry.hex() == row.evidence.entry


def test_what_the_segment_says(tmp_path: Path, sample: Any) -> None:
    """Name, digest, rows, counts and bounds are those of the file."""
    evidence = [sample.evidence("r", "a", n) for n in range(12)]
    segment = write(tmp_path, evidence)
    path = tmp_path / segment.path
    assert path.name == f"{sha256(path.read_bytes()).hexdigest()}.parquet"
    assert segment.path.startswith("111122223333/us-east-1/segments/2026-03-01/")
    assert (segment.rows, len(segment.entries)) == (12, 12 * 32)
    assert (segment.min_time, segment.max_time) == (evidence[0].time, evidence[-1].time)
    assert (segment.min_id, segment.max_id) == (evidence[0].id, evidence[-1].id)
    assert sum(sum(c.values()) for c in segment.counts.values()) == 12
    assert segment.counts["SET0", "C00"] == {
        "COMPLIANT": 1,
        "NON_COMPLIANT": 1,
        "NOT_APPLICABLE": 1,
    }
    assert list(path.parent.iterdir()) == [path]


def test_rows_are_sorted(tmp_path: Path, sample: Any) -> None:
    """Within a batch, rows stand by control and time."""
    evidence = [sample.evidence("r", "a", n) for n in reversed(range(20))]
    segment = write(tmp_path, evidence)
    rows = [row.evidence for _, row in read_segment(tmp_path / segment.path, segment.digest)]
    assert [(e.control_id, e.time) for e in rows] == sorted((e.control_id, e.time) for e in rows)


def test_row_groups_are_streamed(tmp_path: Path, sample: Any) -> None:
    """Many records come out in the order of their entries; a control's rows are found."""
    count = STRETCH + 100
    evidence = [sample.evidence("r", "a", n) for n in range(count)]
    segment = write(tmp_path, evidence)
    path = tmp_path / segment.path
    assert pq.ParquetFile(path).metadata.num_row_groups == STRETCH // ROW_GROUP + 1
    rows = dict(read_segment(path, segment.digest))
    assert list(rows) == list(range(count))
    one = dict(read_segment(path, segment.digest, ("control_id", "C01")))
    assert {number: rows[number] for number in one} == one
    assert {row.evidence.control_id for row in one.values()} == {"C01"}
    assert len(one) == sum(segment.counts["SET1", "C01"].values())


@pytest.mark.parametrize("damage", ["gone", "flipped", "cut"])
def test_a_damaged_segment_is_named(tmp_path: Path, sample: Any, damage: str) -> None:
    """A file that is gone or altered is an error with its path, before a row is given."""
    segment = write(tmp_path, [sample.evidence("r", "a", 1)])
    path = tmp_path / segment.path
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes(flipped if damage == "flipped" else data[:middle])
    with pytest.raises(StoreDamagedError, match=path.name):
        next(read_segment(path, segment.digest))
    if damage == "cut":
        with pytest.raises(StoreDamagedError, match=path.name):
            next(read_segment(path, segment.digest, check=False))


def test_strange_evidence_is_refused(tmp_path: Path, sample: Any) -> None:
    """A record of another run or assessment, or no record at all, makes no segment."""
    for strange in (sample.evidence("r2", "a", 1), sample.evidence("r", "b", 1)):
        with pytest.raises(StoreError, match="another"):
            write(tmp_path, [strange])
    with pytest.raises(StoreError, match="without evidence"):
        write(tmp_path, [])
    assert [p for p in tmp_path.rglob("segments/**/*") if p.is_file()] == []


def test_times_keep_their_microseconds(tmp_path: Path, sample: Any) -> None:
    """A time comes back to the microsecond, in UTC."""
    from dataclasses import replace

    moment = sample.now.replace(microsecond=0) + timedelta(microseconds=1)
    segment = write(tmp_path, [replace(sample.evidence("r", "a", 1), time=moment)])
    ((_, row),) = read_segment(tmp_path / segment.path, segment.digest)
    assert row.evidence.time == moment
    assert row.evidence.to_json()["time"] == "2026-03-01T12:00:00.000001Z"
