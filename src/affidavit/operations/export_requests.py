"""What an export of evidence is asked with, and what its document holds while it is made."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

from affidavit.finder.export_formats import Format
from affidavit.model.times import iso
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.store.documents import Document

KIND: Final = "evidence_export"
MAX_SAMPLE: Final = 1000
"""Records of a sample: all of them are listed on its page."""
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}", re.ASCII)
_SEED: Final = re.compile(r"[!-~]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for."""

    name: str
    kind: str
    """One of `FORMATS`."""
    query: str
    sample: int = 0
    """How many records are drawn; 0: all are exported."""
    seed: str = ""
    """Of a sample; empty: a random one."""


def body_of(wanted: Wanted, caller: Caller, now: datetime, *, size: int) -> dict[str, Any]:
    """Return the body of a new export's document; `ValidationFault` for what cannot be."""
    _check(wanted)
    seed = (wanted.seed or secrets.token_hex(8)) if wanted.sample else ""
    return {
        "name": wanted.name,
        "format": wanted.kind,
        "query": wanted.query,
        "sample": wanted.sample,
        "seed": seed,
        "logSize": size,
        "status": "IN_PROGRESS",
        "why": "",
        "requestedBy": caller.principal_arn,
        "requestedAt": iso(now),
        "_role": caller.role,
        "rows": 0,
        "total": 0,
        "bytes": 0,
        "sha256": "",
        "fileSha256": "",
        "expiresAt": "",
        "population": 0,
        "leaf": -1,
        "drawn": [],
    }


def folder_of(context: Context, document: Document) -> Path:
    """Return where an export is written until it is complete: a killed one goes on there."""
    return context.settings.home / "exports" / document.id


def _check(wanted: Wanted) -> None:
    problems = []
    if not _NAME.fullmatch(wanted.name):
        text = "Member must have letters, digits, blanks, dots, _ and -, 80 at most"
        problems.append(("name", text))
    if wanted.kind not in FORMATS:
        problems.append(("format", f"Member must be one of {', '.join(FORMATS)}"))
    if not 0 <= wanted.sample <= MAX_SAMPLE:
        problems.append(("sample", f"Member must be from 1 to {MAX_SAMPLE}"))
    if wanted.seed and not _SEED.fullmatch(wanted.seed):
        problems.append(("seed", "Member must be up to 100 characters without blanks"))
    if problems:
        raise ValidationFault.of_members(problems)
