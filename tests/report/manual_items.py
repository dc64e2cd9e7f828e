"""Manual evidence for the little estate of the report tests: logged as the operations log it."""

from hashlib import sha256
from typing import Any

from affidavit.model.canonical import plain_json
from affidavit.model.framework import Control
from affidavit.model.run import Assessment

TEXT = '=HYPERLINK("x"), said the board;\nall staff were trained'
FILE = b"%PDF-1.7 minutes of the board"
WHEN = "2026-01-08T05:00:00Z"


def add(maker: Any, assessment: Assessment) -> None:
    """Have people add a text, a file, and two from S3, one of which could not be fetched."""
    ledger, control = maker.ledger, maker.catalogue.framework.control_sets[0].controls[0]
    told: list[dict[str, Any]] = [
        {"id": "item-1", **_kept(ledger, TEXT.encode(), "item-1"), "state": "KEPT"},
        {
            "id": "item-2",
            "fileName": "board minutes.pdf",
            **_kept(ledger, FILE),
            "state": "KEPT",
        },
        *(
            {
                "id": f"item-{number}",
                "fileName": name,
                "s3ResourcePath": f"s3://evidence/{name}",
                "state": "FETCHING",
            }
            for number, name in ((3, "training.csv"), (4, "absent.pdf"))
        ),
    ]
    _log(ledger, assessment, control, {"manualEvidence": told})
    fetched = _kept(ledger, b"name,done\n")
    _log(ledger, assessment, control, {"id": "item-3", **fetched, "state": "KEPT"})
    _log(ledger, assessment, control, {"id": "item-4", "state": "FAILED", "why": "AccessDenied"})
    ledger.sign()


def _kept(ledger: Any, data: bytes, name: str = "") -> dict[str, Any]:
    """Keep a content, and return what the ledger says of it."""
    digest = sha256(data).hexdigest()
    ledger.contents[name or digest] = data
    return {"sha256": digest, "size": len(data)}


def _log(ledger: Any, assessment: Assessment, control: Control, details: dict[str, Any]) -> None:
    ledger.append(
        {
            "kind": "change",
            "id": f"change-{ledger.tree.size}",
            "time": WHEN,
            "by": "arn:aws:iam::111122223333:user/ms.owner",
            "action": "IMPORT_EVIDENCE",
            "object_type": "CONTROL",
            "object_id": control.uuid,
            "object_name": control.title,
            "assessment_id": assessment.id,
            "details": plain_json(details).decode(),
        }
    )
