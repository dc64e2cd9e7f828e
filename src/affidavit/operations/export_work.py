"""Making an export of evidence: the worker's part (see `evidence_exports`).

The rows are asked with the rights of who asked for them, as they are when it is made, and at the
size that the ledger had: asked for again after a crash, it is the same export.
"""

import hashlib
import logging
import shutil
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from affidavit.errors import AffidavitError, StoreBusyError, StoreConflictError
from affidavit.finder.engine import Finder
from affidavit.finder.export import Exported
from affidavit.model.times import iso
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.evidence_exports import KEPT, given_up, seen
from affidavit.operations.export_requests import KIND, folder_of
from affidavit.operations.find import (
    Bound,
    Drawing,
    Drawn,
    ExportRequest,
    FindRequest,
    draw,
    exported,
)
from affidavit.operations.finding import Search
from affidavit.store.documents import Document
from affidavit.store.files import disk_errors

_log: Final = logging.getLogger("affidavit.api.work")
_TOLD: Final = 1.0
"""Seconds between two words about the progress."""


def run(context: Context, tenant: str, task: Document) -> None:
    """Make an export. Its failure is its own, told by its status: it is not tried again."""
    document = context.store.documents.get(tenant, KIND, task.body["subject"])
    if document is None or document.body["status"] != "IN_PROGRESS":
        return
    job = _Job(context, tenant, document)
    try:
        with Finder(context.store, context.settings.engine) as finder:
            job.make(finder)
    except StoreBusyError:
        raise
    except StoreConflictError:
        pass  # it was deleted meanwhile
    except AffidavitError as error:
        _log.warning("An export failed: %s", error)
        why = context.store.places.unplaced(error.with_todo)
        given_up(context, tenant, document.id, why)
    shutil.rmtree(folder_of(context, document), ignore_errors=True)


@dataclass(slots=True)
class _Job:
    """One export that is being made."""

    context: Context
    tenant: str
    document: Document
    _told: float = 0.0

    def make(self, finder: Finder) -> None:
        """Write the rows and keep them."""
        body = self.document.body
        search = Search(self.context, self._caller(), finder)
        bound = search.bound(body["query"])
        if bound is None:
            given_up(self.context, self.tenant, self.document.id, "Nothing of it may be read.")
            return
        if body["sample"]:
            bound = replace(bound, question=replace(bound.question, size=body["logSize"]))
        total = body["sample"] or finder.count(bound.question)[0]
        self._write({"total": total, "_seen": seen(search)})
        request = FindRequest(query=body["query"])
        drawn = self._drawn(bound, request) if body["sample"] else None
        path = folder_of(self.context, self.document) / f"{_file_name(body)}.{body['format']}"
        where = ExportRequest(path=path, kind=body["format"])
        done = exported(bound, request, where, drawn, self._progress)
        self._keep(done, drawn)

    def _drawn(self, bound: Bound, request: FindRequest) -> Drawn:
        body = self.document.body
        drawing = Drawing(count=body["sample"], seed=body["seed"], by=body["requestedBy"])
        return draw(bound, request, drawing)

    def _keep(self, done: Exported, drawn: Drawn | None) -> None:
        """Keep the three files as one ZIP, and say that it is complete."""
        path = done.path.with_name("export.zip")
        with disk_errors(path):  # full, or gone with an assessment that was erased meanwhile
            _zip(path, [done.path, done.manifest, done.signature])
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = path.stat().st_size
        attachments, identifier = self.context.store.attachments, self.document.id
        attachments.keep_report(self.tenant, identifier, path)
        members: dict[str, Any] = {
            "status": "COMPLETE",
            "rows": done.rows,
            "total": done.rows,
            "bytes": size,
            "sha256": digest,
            "fileSha256": done.sha256,
            "unreadable": sum(int(one["rows"]) for one in done.unreadable),
            "expiresAt": iso(self.context.now() + KEPT),
        }
        try:
            self._write(members | (_said(drawn) if drawn else {}))
        except StoreConflictError:
            attachments.remove_report(self.tenant, identifier)
            raise

    def _progress(self, rows: int) -> None:
        now = time.monotonic()
        if now - self._told >= _TOLD:
            self._told = now
            self._write({"rows": rows})

    def _write(self, members: dict[str, Any]) -> None:
        put = replace(self.document, body={**self.document.body, **members})
        self.context.store.documents.act(self.tenant, now=self.context.now(), puts=[put])
        self.document = replace(put, version=put.version + 1)

    def _caller(self) -> Caller:
        """Return who asked for it."""
        body = self.document.body
        return Caller.of_tenant(self.tenant, body["requestedBy"], body["_role"])


def _file_name(body: dict[str, Any]) -> str:
    return str(body["name"]).replace(" ", "-")


def _said(drawn: Drawn) -> dict[str, Any]:
    """Return what is kept of a sample: where it was drawn from, and what."""
    rows = [row.evidence for row in drawn.sample.rows]
    return {
        "population": drawn.sample.population,
        "leaf": drawn.leaf,
        "drawn": [[e.assessment_id, e.control_id, e.time.date().isoformat(), e.id] for e in rows],
    }


def _zip(path: Path, files: list[Path]) -> None:
    """Put files into a ZIP; Parquet is compressed already."""
    with zipfile.ZipFile(path, "w") as archive:
        for one in files:
            packed = zipfile.ZIP_STORED if one.suffix == ".parquet" else zipfile.ZIP_DEFLATED
            archive.write(one, one.name, compress_type=packed, compresslevel=1)
