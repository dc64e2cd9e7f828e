"""Uploads: files that wait to be imported as manual evidence, and the URLs to send them to.

Nothing is written when a URL is asked for. A finished upload is a document (kind upload) whose
parent is a tag of the caller and the file's name: only who asked for the URL can import the file.
"""

import re
from collections.abc import Iterable, Mapping
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
from affidavit.store.documents import Document, Rule

KIND: Final = "upload"
MAX_BYTES: Final = 100 * 1024 * 1024
"""Audit Manager's largest file of manual evidence (behaviour notes, 2.7)."""
MAX_A_DAY: Final = 1000
"""Uploads of a tenant in a UTC day: ten controls' worth of manual evidence."""
MAX_BYTES_A_DAY: Final = 20 * 1024**3
"""Bytes of a tenant's uploads in a UTC day."""
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


def is_room(context: Context, given: Pass) -> bool:
    """Tell whether the tenant may still upload today; asked before a file is read."""
    return context.store.documents.ask(_room(context, given.tenant, 0), _TooManyError)


def received(context: Context, given: Pass, new: NewAttachment) -> str | None:
    """Note a finished upload, and return the digest of the file that the URL took.

    A URL takes one file: who comes later, or at the same time, with another finds the first one's
    digest here. The same file again is the same upload, for clients that did not get the answer.
    None: the tenant uploaded too much today.
    """
    documents, now = context.store.documents, context.now()
    body = {"sha256": new.digest, "size": new.size}
    put = Document(kind=KIND, id=given.id, parent=given.tag, sort=iso(now), body=body)
    with suppress(StoreConflictError, _TooManyError):
        rules = [_room(context, given.tenant, new.size)]
        documents.act(given.tenant, now=now, puts=[put], rules=rules, brought=[new.brought])
    kept = known(context, given)
    if kept != new.digest:
        _give_up(context, given.tenant, new.digest)
    return kept


def _give_up(context: Context, tenant: str, digest: str) -> None:
    """Remove a file that came, and that no document names."""
    files = context.store.attachments.given_up(tenant, [digest])
    context.store.documents.act(tenant, now=context.now(), given_up=files)
    context.store.attachments.remove_given_up(files)


def take(context: Context, caller: Caller, name: str, chunks: Iterable[bytes]) -> None:
    """Keep a file that comes by a form or from the command line, as one that a URL took.

    Raises `ValidationFault` for a name that is not allowed, an empty and a too large file: nothing
    of it is kept.
    """
    problem = name_problem(name)
    if problem:
        raise ValidationFault.of_members([("fileName", problem)])
    with context.store.attachments.new(caller.tenant) as new:
        for chunk in chunks:
            if new.size + len(chunk) > MAX_BYTES:
                raise ValidationFault(f"{name} is larger than 100 MB.")
            new.write(chunk)
        if not new.size:
            raise ValidationFault(f"{name} is empty.")
        new.close()
    identifier = new_id(context.now())
    tag = tag_of(caller, name)
    given = Pass(purpose="upload", tenant=caller.tenant, id=identifier, tag=tag)
    if received(context, given, new) is None:
        raise ValidationFault(
            f"Too much was uploaded today: an account and Region may upload {MAX_A_DAY} files of "
            f"{MAX_BYTES_A_DAY} bytes together."
        )


class _TooManyError(Exception):
    """The tenant uploaded as much as it may today."""


def _room(context: Context, tenant: str, size: int) -> Rule:
    """Return the rule that one more upload of this size is within the day's limits."""
    today = iso(context.now())[:10]

    def check(every: list[tuple[str, int]]) -> None:
        sizes = [size for day, size in every if day == today]
        if len(sizes) >= MAX_A_DAY or sum(sizes) + size > MAX_BYTES_A_DAY:
            raise _TooManyError

    return context.store.documents.rule(tenant, KIND, _of_upload, check)


def _of_upload(document: Document) -> tuple[str, int]:
    return document.sort[:10], int(document.body["size"])


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
