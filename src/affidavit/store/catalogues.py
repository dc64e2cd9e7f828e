"""Versions of the catalogue that runs used, kept once each as a document of the tenant."""

import json
from datetime import datetime

from affidavit.errors import StoreConflictError, StoreDamagedError
from affidavit.model.canonical import digest, plain_json
from affidavit.model.catalogue import Catalogue, content
from affidavit.model.times import iso
from affidavit.store.documents import Document, Documents

KIND = "catalogue"


def keep(documents: Documents, tenant: str, catalogue: Catalogue, now: datetime) -> None:
    """Keep this version of the catalogue unless it is there."""
    if documents.get(tenant, KIND, catalogue.digest) is not None:
        return
    body = json.loads(content(catalogue))
    document = Document(kind=KIND, id=catalogue.digest, sort=iso(now), body=body)
    try:
        documents.act(tenant, now=now, puts=[document])
    except StoreConflictError:
        return  # another process kept the same version in the meantime


def content_of(documents: Documents, tenant: str, wanted: str) -> bytes | None:
    """Return the content of the version with this digest, or None where it is not kept.

    Raises `StoreDamagedError` where what is kept is not what the digest says.
    """
    document = documents.get(tenant, KIND, wanted)
    if document is None:
        return None
    kept = plain_json(document.body)
    if digest(kept) != wanted:
        raise StoreDamagedError(
            f"The catalogue {wanted} is not what was kept",
            why="Its digest is another now.",
            todo="Restore the database from a backup.",
        )
    return kept
