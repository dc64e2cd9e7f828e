"""Raw questions and answers, sealed under the tenant's data key: kept only where a run says so.

Run and case are the purpose of each seal, so that two of them cannot be swapped.
"""

import base64
import json
import zlib
from typing import Any, Final

from affidavit.errors import StoreDamagedError, UsageError
from affidavit.model.canonical import digest
from affidavit.prompts.answers import Answer
from affidavit.prompts.suite import Case
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "prompt_raw"
SEALED: Final = "sealed"
"""Member of a result, until the run is kept; then `sealedDigest` stands in its place."""
_MOST: Final = 64 * 2**20
"""Bytes of one opened answer."""


def seal(store: Store, tenant: str, plain: bytes, about: str) -> bytes:
    """Return `plain` sealed under the tenant's data key for what it is about."""
    return store.keyring.seal(tenant, f"raw answer of {about}", zlib.compress(plain))


def unseal(store: Store, tenant: str, sealed: bytes, about: str) -> bytes:
    """Return what was sealed; `StoreDamagedError` or `StoreSealedError` where that cannot be."""
    packed = store.keyring.unseal(tenant, f"raw answer of {about}", sealed)
    opened = zlib.decompressobj()
    plain = opened.decompress(packed, _MOST)
    if not opened.eof:
        raise StoreDamagedError(f"The raw answer of {about} is larger than {_MOST} bytes")
    return plain


def sealed_case(store: Store, tenant: str, about: str, case: Case, answer: Answer) -> str:
    """Return a case's raw question and answer, sealed, in base64."""
    raw = {
        "prompt": case.conversation,
        "text": answer.text,
        "error": answer.error,
        "request": dict(answer.raw_request),
        "answer": dict(answer.raw_answer),
        "guardrailTrace": dict(answer.guardrail_trace),
    }
    plain = json.dumps(raw, ensure_ascii=False).encode("utf-8", "replace")
    return base64.b64encode(seal(store, tenant, plain, about)).decode()


def about(run_id: str, case: str) -> str:
    """Return what a sealed answer is about."""
    return f"{run_id}/{case}"


def moved_out(assessment_id: str, run_id: str, results: list[dict[str, Any]]) -> list[Document]:
    """Take the sealed answers out of results, which keep their digests; return their documents.

    They are the assessment's: they go when it is deleted.
    """
    documents = []
    for result in results:
        sealed = result.pop(SEALED, "")
        if sealed:
            result["sealedDigest"] = digest(base64.b64decode(sealed))
            name = about(run_id, result["case"])
            body = {SEALED: sealed}
            documents.append(Document(kind=KIND, id=name, parent=assessment_id, body=body))
    return documents


def read(store: Store, tenant: str, run_id: str, case: str) -> dict[str, Any]:
    """Return the raw question and answer of a case; `UsageError` where none was kept."""
    name = about(run_id, case)
    document = store.documents.get(tenant, KIND, name)
    if document is None:
        raise UsageError(
            f"No raw answer of {name} is kept",
            why="They are kept with --keep-raw only, one for each time that a case was asked.",
            todo="`affidavit prompts show RUN --json` lists them as `case`: 1.1-0f2575d5d8d4#1.",
        )
    opened: dict[str, Any] = json.loads(
        unseal(store, tenant, base64.b64decode(document.body[SEALED]), name)
    )
    return opened
