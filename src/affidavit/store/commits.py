"""The commit of a run: one transaction that registers everything, or nothing.

Segments, folder counters, verdicts of the day, all leaves (evidence in segment order, then the run
record), the signed checkpoint, the end of the lease. What is published afterwards (tiles, time
stamp) can be done again at any time and never undoes a commit.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from affidavit.errors import StoreBusyError, StoreDamagedError, StoreError
from affidavit.ledger.keys import Signer
from affidavit.model.canonical import canonical
from affidavit.model.run import WHOLE, RunRecord
from affidavit.model.verdict import Verdict
from affidavit.store import checkpoints, records
from affidavit.store.database import Prepared
from affidavit.store.log import Appender
from affidavit.store.objects import Objects
from affidavit.store.places import micros
from affidavit.store.runs import NOBODY, last_committed, record_from_json
from affidavit.store.schema import folder, run, segment, verdict
from affidavit.store.schema import record as record_table
from affidavit.store.segments import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit wrote."""

    run_record: RunRecord
    """With first_leaf, sequence and previous as they were logged."""
    checkpoint: str
    """The signed note."""
    first_leaf: int
    tree_size: int
    warnings: tuple[str, ...] = ()
    """What could not be done after the commit: a missing time stamp, unpublished tiles."""


def earlier(connection: sa.Connection, run_id: str) -> Committed | None:
    """Return what was committed for this run, or None."""
    row = connection.execute(
        sa.select(run).where(run.c.id == run_id, run.c.state == "committed")
    ).first()
    if row is None:
        return None
    body = connection.scalar(
        sa.select(record_table.c.body).where(
            record_table.c.tenant == row.tenant, record_table.c.leaf == row.leaf
        )
    )
    found = checkpoints.at_size(connection, row.tenant, row.leaf + 1)
    if body is None or found is None:
        raise StoreDamagedError(
            f"The committed run {run_id} has no record or no checkpoint",
            todo="Restore the database from a backup, then run `affidavit ledger verify`.",
        )
    return Committed(
        run_record=record_from_json(json.loads(body)),
        checkpoint=found.note,
        first_leaf=row.first_leaf,
        tree_size=row.leaf + 1,
    )


def commit(
    connection: sa.Connection,
    record: RunRecord,
    segments: Sequence[Segment],
    signer: Signer,
    now: datetime,
) -> Committed:
    """Write everything of a run in the caller's transaction; its row is locked and ours."""
    _check(record, segments)
    appender = Appender(connection, record.tenant)
    first_leaf = appender.size
    sequence, previous = last_committed(connection, record.assessment_id, but=record.run_id)
    if record.sequence and record.sequence != sequence + 1:
        raise StoreBusyError(
            f"Run {record.run_id} was overtaken: run {sequence} was committed while it was made",
            why="It may hold events of CloudTrail that the other one has recorded.",
            todo="Run the same command again: it resumes, and asks nothing twice.",
        )
    record = replace(record, first_leaf=first_leaf, sequence=sequence + 1, previous=previous)
    for item in segments:
        _register(connection, item, appender.append(item.entries))
    _count(connection, record, segments)
    if record.scope == WHOLE:
        _tell_verdicts(connection, record)
    leaf, entry = records.add(connection, appender, record.tenant, record.to_json(), record.day)
    note = checkpoints.put(connection, appender, record.tenant, signer, now)
    connection.execute(
        run.update()
        .where(run.c.id == record.run_id)
        .values(
            state="committed",
            sequence=record.sequence,
            entry=entry,
            first_leaf=first_leaf,
            leaf=leaf,
            **NOBODY,
        )
    )
    return Committed(
        run_record=record, checkpoint=note, first_leaf=first_leaf, tree_size=appender.size
    )


def held_files(objects: Objects, segments: Sequence[Segment]) -> list[str]:
    """See to it that the segments are not swept; return their names.

    Raises `StoreDamagedError` where one is not there any more.
    """
    names = [item.path for item in segments]
    held = objects.hold(names, 1)
    for name in names:
        if name in held:
            continue
        raise StoreDamagedError(
            f"The segment {objects.where(name)} is gone",
            why="It was removed between its writing and its commit.",
            todo="Run the same command again: it resumes and writes it anew.",
        )
    return names


def _check(record: RunRecord, segments: Sequence[Segment]) -> None:
    """Refuse a run record that does not say what its segments hold."""
    for item in segments:
        if (item.run_id, item.tenant) != (record.run_id, record.tenant):
            raise StoreError(f"The segment {item.digest} belongs to another run or tenant")
    rows = sum(item.rows for item in segments)
    if rows != record.evidence:
        raise StoreError(
            f"The run record says {record.evidence} evidence records, the segments hold {rows}"
        )
    held: dict[str, Counter[str]] = {}
    for item in segments:
        for (_, control), counts in item.counts.items():
            held.setdefault(control, Counter()).update(counts)
    for control in sorted(held.keys() | record.controls.keys()):
        said = record.controls[control].counts if control in record.controls else {}
        if {k: v for k, v in said.items() if v} != dict(held.get(control, {})):
            raise StoreError(
                f"The run record does not count the evidence of {control} as it is",
                why=f"It says {dict(said)}, the segments hold {dict(held.get(control, {}))}.",
            )


def _register(connection: sa.Connection, item: Segment, first_leaf: int) -> None:
    row = {
        "digest": item.digest,
        "run_id": item.run_id,
        "tenant": item.tenant,
        "assessment_id": item.assessment_id,
        "day": item.day,
        "path": item.path,
        "rows": item.rows,
        "first_leaf": first_leaf,
        "min_time": micros(item.min_time),
        "max_time": micros(item.max_time),
        "min_id": item.min_id,
        "max_id": item.max_id,
        "file": item.digest,
        "first_row": 0,
    }
    connection.execute(segment.insert(), row)


def _count(connection: sa.Connection, record: RunRecord, segments: Sequence[Segment]) -> None:
    """Add the evidence to the folders' counters of (assessment, control, day)."""
    rows = [
        {
            "assessment_id": record.assessment_id,
            "control_id": control,
            "day": item.day,
            "control_set_id": control_set,
            **{verdict.value.lower(): counts.get(verdict.value, 0) for verdict in Verdict},
        }
        for item in segments
        for (control_set, control), counts in item.counts.items()
    ]
    if rows:
        _COUNT.run(connection, rows)


def _adding(new: sqlite.Insert | postgresql.Insert) -> sa.Executable:
    """Return the statement that adds to the folders' counters."""
    more = {v.value.lower(): folder.c[v.value.lower()] for v in Verdict}
    summed = {name: counter + new.excluded[name] for name, counter in more.items()}
    key = [column.name for column in folder.primary_key]
    return new.on_conflict_do_update(index_elements=key, set_=summed)


_COUNT = Prepared(_adding(sqlite.insert(folder)), _adding(postgresql.insert(folder)))


def _tell_verdicts(connection: sa.Connection, record: RunRecord) -> None:
    rows = [
        {
            "run_id": record.run_id,
            "control_id": control,
            "assessment_id": record.assessment_id,
            "day": record.day.isoformat(),
            "verdict": said.verdict.value,
            "body": canonical(said.to_json()).decode(),
        }
        for control, said in record.controls.items()
    ]
    if rows:
        connection.execute(verdict.insert(), rows)
