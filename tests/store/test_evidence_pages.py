"""Pages of a folder: the same records as reading all, and never from a file that was altered."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from affidavit.errors import StoreDamagedError
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.evidence_pages import COLUMNS, PageRow, Told

RUNS = 3


def _all(store: Store, assessment: Assessment, sample: Any, control: str) -> list[Any]:
    """Return (leaf, record) of a control as pages of two give them."""
    found: list[tuple[int, PageRow]] = []
    while rows := store.evidence_pages.rows(
        assessment.id, sample.day, control, found[-1][0] if found else -1, 2
    ):
        assert len(rows) <= 2
        found += rows
    return found


def _same(rows: list[Any], held: list[Any]) -> None:
    """Assert that pages gave what the whole records say."""
    assert [leaf for leaf, _ in rows] == [leaf for leaf, _ in held]
    for (_, row), (_, evidence) in zip(rows, held, strict=True):
        for name in set(COLUMNS) - {"entry"}:
            assert getattr(row, name) == getattr(evidence, name), name
        assert row.entry.hex() == evidence.entry


def _told(store: Store, assessment: Assessment, sample: Any, control: str) -> None:
    """Assert that the numbers of a control are those of its whole records, in their order."""
    held = store.evidence(assessment.id, sample.day, sample.day, control)
    said = Counter(Told(e.source_id, e.verdict.value, e.gap, e.reason) for _, e in held)
    told = store.evidence_pages.told(assessment.id, sample.day, control)
    assert list(told.items()) == list(said.items())


def test_pages_give_what_the_whole_gives(
    store: Store, settings: Settings, assessment: Assessment, sample: Any
) -> None:
    """Every record of a control once, in leaf order, over several files and, compacted, in one."""
    for number in range(RUNS):
        sample.commit(store, assessment, count=9 + number)
        store.append_record(assessment.tenant, {"kind": "change", "id": str(number)})
    for control in ("C00", "C01"):
        held = list(store.evidence(assessment.id, sample.day, sample.day, control))
        assert held
        _same(_all(store, assessment, sample, control), held)
        _told(store, assessment, sample, control)
    with open_store(settings, clock=lambda: sample.now + timedelta(days=1)) as later:
        later.compact(assessment.tenant)
        for control in ("C00", "C01"):
            held = list(later.evidence(assessment.id, sample.day, sample.day, control))
            _same(_all(later, assessment, sample, control), held)
            _same(_all(store, assessment, sample, control), held)
            _told(later, assessment, sample, control)
    assert _all(store, assessment, sample, "C99") == []


def test_a_file_altered_after_it_was_read_is_found(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """What was kept of a file is given up when the file changes; then its digest is checked."""
    sample.commit(store, assessment, count=9)
    assert _all(store, assessment, sample, "C01")
    (path,) = store.objects.glob("*/*/segments/*/*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreDamagedError, match=path.name):
        store.evidence_pages.rows(assessment.id, sample.day, "C01", -1, 2)
    path.unlink()
    with pytest.raises(StoreDamagedError, match="gone"):
        store.evidence_pages.rows(assessment.id, sample.day, "C01", -1, 2)
    with pytest.raises(StoreDamagedError, match="gone"):
        store.evidence_pages.told(assessment.id, sample.day, "C01")


def test_deleted_evidence_is_not_on_any_page(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """What is deleted is answered no more, however recently it was read."""
    sample.commit(store, assessment, count=9)
    assert _all(store, assessment, sample, "C01")
    store.delete_evidence(assessment.tenant, assessment.id, by="test", why="test")
    assert _all(store, assessment, sample, "C01") == []
