"""Verification finds every change, and names where it is."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from affidavit.errors import AffidavitError, LedgerError, StoreDamagedError
from affidavit.ledger.tiles import extend
from affidavit.model.run import Assessment
from affidavit.model.verdict import Standing, Verdict
from affidavit.store import Store
from affidavit.store.schema import checkpoint, log_tile, record, segment


@pytest.fixture
def collected(store: Store, assessment: Assessment, sample: Any) -> Assessment:
    """Give an assessment with two committed runs, a parameter and a later change."""
    sample.commit(store, assessment, 280)
    store.append_parameter(
        assessment, check_id="X", name="n", value=1, default=2, by="me", why="so"
    )
    sample.commit(store, assessment, 12)
    store.append_record(assessment.tenant, {"kind": "change", "id": "1"})
    return assessment


def segments(store: Store) -> list[Path]:
    """Return the segments' files, the larger first."""
    return sorted(store.objects.rglob("*.parquet"), key=lambda p: -p.stat().st_size)


def execute(store: Store, text: str) -> None:
    """Change the database behind the store's back."""
    with store._database.write() as connection:
        connection.exec_driver_sql(text)


def test_all_holds(store: Store, collected: Assessment) -> None:
    """An untouched store verifies, tells what it saw, and reports progress."""
    seen: list[tuple[int, int]] = []
    (log,) = store.verify(lambda done, total: seen.append((done, total)))
    assert (log.tenant, log.leaves, log.evidence) == (collected.tenant, 297, 292)
    assert (log.runs, log.checkpoints, log.unsigned) == (2, 2, 1)
    assert seen[-1] == (297, 297)
    assert store.verify(tenants=[]) == []


def test_a_control_of_two_sets_holds(store: Store, assessment: Assessment, sample: Any) -> None:
    """A run counts a control's records of all the control sets that it stands in."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    made = [sample.evidence(run.run_id, assessment.id, number) for number in range(12)]
    evidence = [replace(one, control_id="C") for one in made]
    written = sample.segment(store, assessment, run, evidence)
    counted = [replace(one, control_set_id="") for one in evidence]
    store.commit_run(sample.run_record(run.run_id, assessment, counted), [written])
    (log,) = store.verify()
    assert log.evidence == 12


def rewrite(path: Path, column: str, row: int, value: object) -> None:
    """Write a segment anew with one value changed."""
    table = pq.read_table(path)
    values = table.column(column).to_pylist()
    values[row] = value
    field = table.schema.field(column)
    changed = table.set_column(
        table.schema.get_field_index(column), field, pa.array(values, field.type)
    )
    pq.write_table(changed, path)


def test_a_changed_verdict_is_named(store: Store, collected: Assessment, sample: Any) -> None:
    """A verdict turned in a segment is named: file, row, field, and what it was."""
    path = segments(store)[0]
    verdicts = pq.read_table(path).column("verdict").to_pylist()
    row = verdicts.index("NON_COMPLIANT", 50)
    rewrite(path, "verdict", row, "COMPLIANT")
    with pytest.raises(LedgerError) as caught:
        store.verify()
    text = str(caught.value)
    assert path.name in text
    assert f"row {row} " in text
    assert "field verdict is COMPLIANT and was NON_COMPLIANT" in text
    with pytest.raises(StoreDamagedError, match=path.name):
        list(store.evidence(collected.id, sample.day, sample.day))


def test_every_changed_segment_is_named(store: Store, collected: Assessment) -> None:
    """What is wrong with one segment hides no other one, nor a changed record."""
    first, second = segments(store)
    rewrite(first, "reason", 5, "All is well.")
    second.unlink()
    with pytest.raises(LedgerError) as found:
        store.verify(tenants=[collected.tenant])
    assert str(first) in found.value.what
    assert "2 things are wrong" in found.value.why
    assert str(second) in found.value.why
    execute(store, "UPDATE record SET body = replace(body, 'so', 'no') WHERE kind = 'parameter'")
    with pytest.raises(LedgerError, match=str(first)) as found:
        store.verify()
    assert "the parameter record at leaf 282" in found.value.why


def another(column: str, value: Any) -> Any:
    """Return another value that a column may hold."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes):
        return bytes(len(value))
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, list):
        return [*value, ("zz", "") if column == "attributes" else {"digest": "", "pointer": ""}]
    for known in (Verdict, Standing):
        if value in [*map(str, known)]:
            return next(str(one) for one in known if str(one) != value)
    return f"{value} "


def test_any_changed_field_is_found(store: Store, collected: Assessment) -> None:
    """A change of any member, in the first row or the last, is named with file and row."""
    path = segments(store)[0]
    whole = path.read_bytes()
    table = pq.read_table(path)
    for number, column in enumerate(table.column_names):
        row = number % 2 * (table.num_rows - 1)
        rewrite(path, column, row, another(column, table.column(column)[row].as_py()))
        with pytest.raises(LedgerError, match=rf"{path.name}, row {row} "):
            store.verify(tenants=[collected.tenant])
        path.write_bytes(whole)


OTHERWISE: dict[str, Callable[[pa.Table], pa.Table]] = {
    "times of another unit": lambda table: cast(table, "time", pa.timestamp("ms", tz="UTC")),
    "truth as text": lambda table: cast(table, "synthetic", pa.string()),
    "one column more": lambda table: table.append_column("more", table.column("reason")),
}


def cast(table: pa.Table, column: str, kind: pa.DataType) -> pa.Table:
    """Return a table with the numbers of one column as values of another kind."""
    values = table.column(column)
    values = (values.cast(pa.int64()) if pa.types.is_timestamp(kind) else values).cast(kind)
    field = pa.field(column, kind, nullable=False)
    return table.set_column(table.schema.get_field_index(column), field, values)


@pytest.mark.parametrize("change", OTHERWISE)
def test_columns_of_another_kind_are_found(
    store: Store, collected: Assessment, change: str
) -> None:
    """A segment whose columns hash as they did, and are read as something else, does not hold."""
    path = segments(store)[0]
    pq.write_table(OTHERWISE[change](pq.read_table(path)), path)
    digest = sha256(path.read_bytes()).hexdigest()
    with store._database.write() as connection:
        named = segment.update().where(segment.c.file == path.stem)
        connection.execute(named.values(file=digest))
    with pytest.raises(LedgerError, match=rf"{path.name} is not laid out as it was written"):
        store.verify(tenants=[collected.tenant])


def test_a_changed_entry_is_named(store: Store, collected: Assessment) -> None:
    """A changed ledger entry beside a sound record is named as the field that it is."""
    path = segments(store)[0]
    rewrite(path, "entry", 3, b"x" * 32)
    with pytest.raises(LedgerError, match=r"Field entry is wrong .* row 3 "):
        store.verify(tenants=[collected.tenant])


def test_what_is_no_text_is_named(store: Store, collected: Assessment) -> None:
    """A damaged letter, which no program can read any more, is told by the file's name."""
    path = segments(store)[0]
    table = pq.read_table(path)
    cut = table.column("reason").cast(pa.binary()).combine_chunks()
    broken = pa.array([b"\xe9" + one.as_py() for one in cut]).view(pa.string())
    at = table.schema.get_field_index("reason")
    field = table.schema.field("reason")
    pq.write_table(table.set_column(at, field, broken), path)
    with pytest.raises(StoreDamagedError, match=path.name):
        store.verify(tenants=[collected.tenant])


def test_bytes_without_meaning_are_found(store: Store, collected: Assessment) -> None:
    """A segment that holds the same rows in other bytes is not the registered file."""
    path = segments(store)[0]
    pq.write_table(pq.read_table(path), path)
    with pytest.raises(StoreDamagedError, match="SHA-256"):
        store.verify(tenants=[collected.tenant])


CHANGES: dict[str, tuple[str, str]] = {
    "a run record": (
        "UPDATE record SET body = replace(body, 'NON_COMPLIANT', 'COMPLIANT') WHERE kind = 'run'",
        "the run record at leaf 281",
    ),
    "a parameter": (
        "UPDATE record SET body = replace(body, 'so', 'no') WHERE kind = 'parameter'",
        "the parameter record at leaf 282",
    ),
    "a kind": (
        "UPDATE record SET kind = 'key' WHERE kind = 'parameter'",
        "kind is 'parameter'",
    ),
    "a dropped record": (
        "DELETE FROM record WHERE kind = 'parameter'",
        "Leaf 282 .* neither a segment nor a record",
    ),
    "a dropped segment": (
        "DELETE FROM segment WHERE first_leaf = 1",
        "Leaf 1 .* neither a segment nor a record",
    ),
    "a dropped run": (
        "DELETE FROM record WHERE leaf = 281",
        "Leaf 281 ",
    ),
    "a shorter log": (
        "UPDATE log SET size = 283",
        "set back",
    ),
    "a lost row": (
        "DELETE FROM log_tile WHERE level = 0 AND number = 1",
        "no row 1 at level 0",
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_changes_of_the_database_are_named(
    store: Store, collected: Assessment, change: str
) -> None:
    """Whatever row is changed or dropped, verification says which leaf or record is wrong."""
    statement, expected = CHANGES[change]
    execute(store, statement)
    with pytest.raises(AffidavitError, match=expected):
        store.verify(tenants=[collected.tenant])


def test_a_rewritten_log_is_found(store: Store, collected: Assessment) -> None:
    """Record, entries and rows changed together still do not fit the signed checkpoint."""
    body = '{"id":"forged","kind":"parameter"}'
    log = store.log(collected.tenant)
    entries = [log.entry(index) for index in range(log.size)]
    entries[282] = sha256(body.encode()).digest()
    rows = extend(0, {}, b"".join(entries))
    with store._database.write() as connection:
        connection.execute(record.update().where(record.c.leaf == 282).values(body=body))
        connection.execute(log_tile.delete())
        connection.execute(
            sa.insert(log_tile),
            [
                {
                    "tenant": collected.tenant,
                    "level": r.level,
                    "number": r.number,
                    "hashes": r.hashes,
                }
                for r in rows
            ],
        )
    with pytest.raises(LedgerError, match="at 296 leaves has another root"):
        store.verify()


def test_a_forged_checkpoint_is_found(store: Store, collected: Assessment) -> None:
    """A checkpoint whose text was changed has a wrong signature."""
    found = store.checkpoint(collected.tenant)
    assert found is not None
    with store._database.write() as connection:
        connection.execute(
            checkpoint.update()
            .where(checkpoint.c.size == found.size)
            .values(note=found.note.replace("\n296\n", "\n295\n"))
        )
    with pytest.raises(LedgerError, match="signature"):
        store.verify()


def test_wrong_cached_hashes_are_found(store: Store, collected: Assessment) -> None:
    """A wrong hash in the rows above the entries, from which proofs are made, is named."""
    with store._database.write() as connection:
        connection.execute(log_tile.update().where(log_tile.c.level == 1).values(hashes=b"x" * 32))
    with pytest.raises(LedgerError, match="Row 0 at level 1"):
        store.verify(tenants=[collected.tenant])


def test_a_database_set_back_is_found(
    store: Store, collected: Assessment, sample: Any, tmp_path: Path
) -> None:
    """An old copy of the database beside newer published files is found out."""
    if not store._database.is_sqlite:
        pytest.skip("copies the SQLite file")
    path = Path(str(store._database.url.database))
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(tmp_path / "old")) as copy:
        old.backup(copy)
    sample.commit(store, collected, 3)
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(tmp_path / "old", path)
    with pytest.raises(LedgerError, match="set back"):
        store.verify()
    store._database.close()


def test_other_keys_verify_nothing(
    store: Store, collected: Assessment, reopen: Callable[[], Store]
) -> None:
    """Without the public key that signed, nothing is said to hold."""
    (key,) = store.public_keys()
    with pytest.raises(LedgerError, match="not signed by any"):
        store.verify(keys=[])
    with pytest.raises(LedgerError, match="not signed by any"):
        store.verify(keys=[replace(key, raw=bytes(reversed(key.raw)))])
    with reopen() as other:
        assert other.verify(keys=[key])[0].tenant == collected.tenant


def test_a_deletion_that_the_log_names_holds(store: Store, collected: Assessment) -> None:
    """Deleted evidence leaves its hashes: all holds, and how much was deleted is told."""
    store.delete_evidence(collected.tenant, collected.id, by="me", why="asked to")
    (log,) = store.verify()
    assert (log.leaves, log.evidence, log.deleted, log.runs) == (298, 0, 292, 2)
    assert segments(store) == []
    store.delete_evidence(collected.tenant, collected.id, by="me", why="again")
    assert store.verify() == [log]


def test_a_deletion_cannot_hide_a_changed_leaf(store: Store, collected: Assessment) -> None:
    """After a deletion a changed entry in the log itself still breaks the checkpoints."""
    store.delete_evidence(collected.tenant, collected.id, by="me", why="asked to")
    row = (log_tile.c.level == 0, log_tile.c.number == 0)
    with store._database.write() as connection:
        hashes = connection.scalar(sa.select(log_tile.c.hashes).where(*row))
        changed = b"\0" * 64 + bytes(hashes or b"")[64:]
        connection.execute(log_tile.update().where(*row).values(hashes=changed))
    with pytest.raises(LedgerError):
        store.verify()
