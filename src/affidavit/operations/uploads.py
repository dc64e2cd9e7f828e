"""Uploads: files that wait to be imported as manual evidence, and the URLs to send them to.

Nothing is written when a URL is asked for. A finished upload is a document (kind upload) whose
parent is a tag of the caller and the file's name: only who asked for the URL can import the file.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import new_id, stable_id
from affidavit.model.times import iso
from affidavit.operations import holds
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import ValidationFault
from affidavit.operations.presigned import Pass, presign
from affidavit.store.attachments import NewAttachment
from affidavit.store.documents import Document

KIND: Final = "upload"
MAX_BYTES: Final = 100 * 1024 * 1024
"""Audit Manager's largest file of manual evidence (behaviour notes, 2.7)."""
EXTENSIONS: Final = frozenset(
    (
        *("gz", "zip", "doc", "docx", "pdf", "ppt", "pptx", "xls", "xlsx"),
        *("jpeg", "jpg", "png", "svg", "cer", "csv", "html", "jmx", "json"),
        *("md", "out", "rtf", "txt", "xml", "yaml", "yml"),
    )
)
"""Audit Manager's list (behaviour notes, 2.7)."""
KEPT_DAYS: Final = 7
"""An upload can be imported for so long; after that its file goes, unless it was imported."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def get_evidence_file_upload_url(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a URL that takes one PUT of the file, for a quarter of an hour."""
    name = request["fileName"]
    problem = name_problem(name)
    if problem:
        raise ValidationFault.of_members([("fileName", problem)])
    url = presign(context, caller, "upload", new_id(context.now()), tag_of(caller, name))
    return {"evidenceFileName": name, "uploadUrl": url}


def name_problem(name: str) -> str:
    """Return what is wrong with the name of a file of evidence, or an empty text."""
    extension = PurePosixPath(name).suffix.removeprefix(".").lower()
    if "/" in name or _CONTROL.search(name):
        return "Member must be a file name without folders and control characters"
    if extension not in EXTENSIONS:
        return f"Member must end in one of: {', '.join(sorted(EXTENSIONS))}"
    return ""


def tag_of(caller: Caller, name: str) -> str:
    """Return what joins an upload to who asked for it, and the file's name."""
    return stable_id("upload", f"{caller.tenant}\n{caller.principal_arn}\n{name}")


def known(context: Context, given: Pass) -> str | None:
    """Return the SHA-256 of the file that a URL took already, or None."""
    present = context.store.documents.get(given.tenant, KIND, given.id)
    return None if present is None else str(present.body["sha256"])


def received(context: Context, given: Pass, new: NewAttachment) -> str | None:
    """Note a finished upload, and return the digest of the file that the URL took.

    A URL takes one file: who comes later, or at the same time, with another finds the first one's
    digest here. The same file again is the same upload, for clients that did not get the answer.
    """
    documents, now = context.store.documents, context.now()
    body = {"sha256": new.digest, "size": new.size}
    put = Document(kind=KIND, id=given.id, parent=given.tag, sort=iso(now), body=body)
    with suppress(StoreConflictError):
        documents.act(given.tenant, now=now, puts=[put], brought=[new.brought])
    return known(context, given)


def newest(context: Context, caller: Caller, name: str) -> Document | None:
    """Return the upload, with digest and size, that the caller last made under a name, or None."""
    found = context.store.documents.every(
        caller.tenant, KIND, parent=tag_of(caller, name), newest_first=True, limit=1
    )
    return found[0] if found else None


def expire(context: Context, tenant: str) -> int:
    """Forget uploads of more than `KEPT_DAYS` days ago, with files that nobody imported; count.

    Nothing under a legal hold on the whole tenant.
    """
    store, now = context.store, context.now()
    if any(not one.assessment_id for one in holds.every(store, tenant)):
        return 0
    limit = iso(now - timedelta(days=KEPT_DAYS))
    old = [one for one in store.documents.every(tenant, KIND) if one.sort < limit]
    files = store.attachments.given_up(tenant, [one.body["sha256"] for one in old])
    if old:
        absent = holds.unless_held("")
        store.documents.act(tenant, now=now, deletes=old, given_up=files, absent=absent)
        store.attachments.remove_given_up(files)
    return len(old)


HANDLERS: Mapping[str, Operation] = {"GetEvidenceFileUploadUrl": get_evidence_file_upload_url}
