"""Manual evidence into an assessment, by Audit Manager's own operations: AWS's, or our server's.

A file takes three steps: GetEvidenceFileUploadUrl, a PUT to that URL, and
BatchImportEvidenceToAssessmentControl, which names all files at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from affidavit.aws.audit_manager import audit_manager
from affidavit.aws.peers import is_local
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError

MAX_FILES: Final = 10
"""Of one import: well below Audit Manager's 50 items, and its 100 files a control and day."""
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlace:
    """A control of an assessment, by Audit Manager's ids."""

    assessment_id: str
    control_set_id: str
    control_id: str


def add_files(settings: AwsSettings, place: ControlPlace, files: Mapping[str, bytes]) -> list[str]:
    """Add files as manual evidence and return their names; `CollectError` says what was refused.

    What was uploaded before a refusal is no evidence: only the last step makes it one.
    """
    if not 0 < len(files) <= MAX_FILES:
        raise CollectError(f"{len(files)} files cannot be added at once; 1 to {MAX_FILES} can")
    what = "Audit Manager did not take the manual evidence"
    todo = (
        "Check assessment, control set and control, and that the caller may "
        "auditmanager:GetEvidenceFileUploadUrl and BatchImportEvidenceToAssessmentControl."
    )
    with audit_manager(settings, what, todo) as client:
        names = [_upload(client, settings, name, body) for name, body in files.items()]
        answer = client.batch_import_evidence_to_assessment_control(
            assessmentId=place.assessment_id,
            controlSetId=place.control_set_id,
            controlId=place.control_id,
            manualEvidence=[{"evidenceFileName": name} for name in names],
        )
    _require_all(answer.get("errors", ()))
    return names


def _upload(client: Any, settings: AwsSettings, name: str, body: bytes) -> str:
    asked = client.get_evidence_file_upload_url(fileName=name)
    url = str(asked["uploadUrl"])
    if urlsplit(url).scheme != "https" and not is_local(url):
        raise CollectError(f"{name} was not uploaded", why="Its upload URL is not https.")
    tls: dict[str, Any] = {} if settings.verify_tls else {"cert_reqs": "CERT_NONE"}
    if settings.ca_bundle:
        tls["ca_certs"] = settings.ca_bundle
    headers = {"x-amz-server-side-encryption": "aws:kms"}
    with urllib3.PoolManager(retries=False, timeout=settings.call_timeout, **tls) as http:
        try:
            answer = http.request("PUT", url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise CollectError(f"{name} was not uploaded", why=str(error)) from error
    if answer.status != _OK:
        raise CollectError(f"{name} was not uploaded", why=f"HTTP {answer.status}.")
    return str(asked["evidenceFileName"])


def _require_all(errors: Sequence[Mapping[str, Any]]) -> None:
    if errors:
        said = "; ".join(f"{e.get('errorCode')}: {e.get('errorMessage')}" for e in errors)
        raise CollectError("Not all manual evidence was taken", why=said)
