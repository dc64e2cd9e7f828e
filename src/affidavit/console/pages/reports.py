"""Assessment reports: the list with its progress, downloads, and verifying an uploaded one."""

import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from starlette.responses import Response

from affidavit.console.forms import OF_FILES
from affidavit.console.page import Page
from affidavit.console.texts import _
from affidavit.console.views import act, attachment, view
from affidavit.errors import UsageError
from affidavit.operations import report_uploads
from affidavit.operations.assessment_reports import report_file
from affidavit.operations.faults import Fault, NotFoundFault

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


def report_name(assessment: str, now: datetime) -> str:
    """Return a name to offer for a report of an assessment: of what names may hold."""
    return f"{_NOT_IN_NAMES.sub('-', assessment).strip('-') or 'report'}-{now:%Y-%m-%d}"


def show(page: Page) -> Response:
    """Show the reports, the newest first."""
    answer = page.ask("ListAssessmentReports", maxResults=50, nextToken=page.query("next") or None)
    found = answer["assessmentReports"]
    return page.show(
        "reports/list.html",
        found=found,
        token=answer.get("nextToken", ""),
        building=any(one["status"] == "IN_PROGRESS" for one in found),
        reasons={one["id"]: _reason(page, one) for one in found if one["status"] == "FAILED"},
    )


def _reason(page: Page, failed: Mapping[str, Any]) -> str:
    """Return why a report failed, as the API says it to whoever asks for its address."""
    try:
        page.ask(
            "GetAssessmentReportUrl",
            assessmentId=failed["assessmentId"],
            assessmentReportId=failed["id"],
        )
    except Fault as fault:
        return fault.what
    return ""


def download(page: Page) -> Response:
    """Send the ZIP."""
    assessment, report = page.identifier("assessment"), page.identifier("report")
    page.ask("GetAssessmentReportUrl", assessmentId=assessment, assessmentReportId=report)
    found = report_file(page.context, page.caller.tenant, report)
    if found is None:
        raise NotFoundFault(report, "assessmentReport")
    return attachment(*found, "application/zip")


def delete(page: Page) -> Response:
    """Delete a report."""
    page.ask(
        "DeleteAssessmentReport",
        assessmentId=page.identifier("assessment"),
        assessmentReportId=page.identifier("report"),
    )
    return page.go("/reports", "deleted")


def ask_verify(page: Page) -> Response:
    """Show the form that takes a ZIP."""
    page.require(report_uploads.OPERATION)
    return page.show("reports/verify.html", outcome=None, key="", most=report_uploads.MAX_BYTES)


def verify(page: Page) -> Response:
    """Show what verifying the uploaded ZIP finds."""
    upload = page.form.files.get("report")
    if upload is None:
        raise UsageError(_("No report was given."), todo=_("Choose a ZIP."))
    with TemporaryDirectory(prefix="affidavit-") as folder:
        path = Path(folder) / "report.zip"
        with path.open("xb") as file:
            shutil.copyfileobj(upload.file, file)
        outcome, key = report_uploads.verify_upload(page.context, page.caller, path)
    outcome.name = upload.filename or outcome.name
    most = report_uploads.MAX_BYTES
    return page.show("reports/verify.html", outcome=outcome, key=key, most=most)


_ONE = "/reports/{assessment}/{report}"
VIEWS = (
    view("/reports", show, "Reports"),
    view("/reports/verify", ask_verify, "Verify a report"),
    act(
        "/reports/verify",
        verify,
        ask_verify,
        max_bytes=report_uploads.MAX_BYTES + OF_FILES,
        needs=report_uploads.OPERATION,
    ),
    view(f"{_ONE}/download", download, ""),
    act(f"{_ONE}/delete", delete, show),
)
