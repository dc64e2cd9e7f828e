"""Manual evidence for the finder: what people added, as rows beside those of the segments.

An item is a document; its proof is the change in the ledger that tells of its import, with the
digest of its content. So its row has that change's leaf, no run, no inputs, and nobody's verdict.
The rows are written to a private file that lives as long as the finder, and are searched as a
segment is.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Final

from affidavit.errors import StoreDamagedError
from affidavit.finder.bound import Reach
from affidavit.finder.query import Question
from affidavit.model.canonical import canonical
from affidavit.model.evidence import Evidence
from affidavit.model.framework import SourceType
from affidavit.model.times import parse
from affidavit.model.verdict import Standing, Verdict
from affidavit.store import SegmentFile, Store
from affidavit.store.documents import Document
from affidavit.store.segment_columns import columns_of, schema

KIND: Final = "manual_evidence"
ORIGIN: Final = "manual"
ACTION: Final = "IMPORT_EVIDENCE"
_SHOWN: Final = {
    "fileName": "fileName",
    "s3ResourcePath": "s3ResourcePath",
    "textResponse": "textResponse",
    "sha256": "sha256",
    "size": "bytes",
    "state": "state",
    "why": "why",
    "createdBy": "addedBy",
}
"""Members of an item, and the attributes that they are shown as (those of the API)."""


def is_manual(evidence: Evidence) -> bool:
    """Tell whether a row is an item that a person added: no record of a run has no run."""
    return not evidence.run_id and evidence.origin == ORIGIN


class ManualFiles:
    """Files of manual evidence, one for each assessment, written when they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._leaves: dict[str, int] = {}
        self._made: dict[str, SegmentFile] = {}

    def close(self) -> None:
        """Remove the files."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._made.clear()
        if folder is not None:
            folder.cleanup()

    def of(self, question: Question, size: int, reach: Reach) -> list[SegmentFile]:
        """Return the files that hold the items which were logged below `size`.

        `StoreDamagedError` where the ledger does not tell of an item.
        """
        scope = question.scope
        found = []
        for assessment in scope.assessments:
            items = self._store.documents.every(scope.tenant, KIND, parent=assessment)
            rows = [(self._leaf(scope.tenant, item), row_of(scope.tenant, item)) for item in items]
            rows = [row for row in rows if row[0] < size]
            if rows:
                found.append(self._file(scope.tenant, assessment, sorted(rows, key=_order)))
        return [one for one in found if _within(one, reach)]

    def holds(self, file: SegmentFile) -> bool:
        """Tell whether a file is one of these."""
        return file.digest in self._made

    def _leaf(self, tenant: str, item: Document) -> int:
        """Return the leaf of the change that tells of the item's import."""
        if item.id not in self._leaves:
            first = int(item.body["leaf"])
            size = self._store.log(tenant).size
            for leaf, change in self._store.records_between(tenant, first, size):
                if change.get("action") == ACTION:
                    self._learn(leaf, change)
        if item.id not in self._leaves:
            raise StoreDamagedError(
                f"The ledger does not tell of the manual evidence {item.id}",
                why="No change names it, so it was not added in the proper way.",
                todo="Run `affidavit ledger verify`; restore the database from a backup.",
            )
        return self._leaves[item.id]

    def _learn(self, leaf: int, change: Mapping[str, Any]) -> None:
        details = json.loads(change["details"])
        for told in (details, *details.get("manualEvidence", ())):
            if "id" in told:
                self._leaves.setdefault(told["id"], leaf)

    def _file(
        self, tenant: str, assessment: str, rows: Sequence[tuple[int, Evidence]]
    ) -> SegmentFile:
        named = canonical([[leaf, row.to_json()] for leaf, row in rows])
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="affidavit-manual-")
            path = Path(self._folder.name) / f"{sha256(named).hexdigest()}.parquet"
            if not path.exists():
                _write(path, [row for _, row in rows])
            digest = sha256(path.read_bytes()).hexdigest()
            times = [row.time for _, row in rows]
            ids = [row.id for _, row in rows]
            self._made[digest] = SegmentFile(
                digest=digest,
                name=path.name,
                path=path,
                fetch=lambda: path,
                tenant=tenant,
                assessment_id=assessment,
                day=max(times).date().isoformat(),
                rows=len(rows),
                first_leaf=rows[0][0],
                min_time=min(times),
                max_time=max(times),
                min_id=min(ids),
                max_id=max(ids),
                parts=tuple((number, leaf) for number, (leaf, _) in enumerate(rows)),
            )
            return self._made[digest]


def row_of(tenant: str, item: Document) -> Evidence:
    """Return an item as a row: a text answer is its reason, and all of it stands in attributes."""
    body = item.body
    account, region = tenant.split("/")
    shown = {name: str(body[member]) for member, name in _SHOWN.items() if body.get(member)}
    return Evidence(
        id=item.id,
        assessment_id=item.parent,
        run_id="",
        control_set_id=body["controlSetId"],
        control_id=body["controlKey"],
        source_id="",
        source_type=SourceType.MANUAL.value,
        keyword="",
        evidence_type="Manual",
        time=_time(body),
        account_id=account,
        region=region,
        resource_arn="",
        resource_type="",
        verdict=Verdict.NOT_APPLICABLE,
        standing=Standing.ACTIVITY,
        reason=body.get("textResponse") or f"A file was added: {body.get('fileName', '')}",
        gap="",
        check_id="",
        check_digest="",
        parameters="{}",
        origin=ORIGIN,
        inputs=(),
        attributes=shown,
        synthetic=False,
        salt=body["salt"],
    )


def _time(body: Mapping[str, Any]) -> datetime:
    return parse(body["createdAt"])


def _order(row: tuple[int, Evidence]) -> tuple[int, str]:
    return row[0], row[1].id


def _within(file: SegmentFile, reach: Reach) -> bool:
    """Tell whether the file can hold an answer."""
    return not (
        (reach.first is not None and file.max_time < reach.first)
        or (reach.end is not None and file.min_time >= reach.end)
        or (reach.first_id and file.max_id < reach.first_id)
        or (reach.last_id and file.min_id > reach.last_id)
    )


def _write(path: Path, rows: Sequence[Evidence]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = [bytes.fromhex(row.entry) for row in rows]
    columns, _ = columns_of(rows)
    last = pa.array(entries, schema().field("entry").type)
    pq.write_table(pa.Table.from_arrays([*columns, last], schema=schema()), path)
