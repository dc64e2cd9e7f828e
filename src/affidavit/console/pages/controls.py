"""A control of an assessment: its texts, rule, history, gaps, folders, review, manual evidence."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from starlette.responses import Response

from affidavit.console.charts import KINDS, DayCell
from affidavit.console.forms import OF_FILES
from affidavit.console.page import Page, path_to
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.finder.period import State, state_of
from affidavit.model.run import ControlVerdict
from affidavit.model.verdict import Verdict
from affidavit.operations import uploads
from affidavit.operations.control_details import ControlDetails, control_details

FOLDERS: Final = 14
"""Folders of a page: two weeks."""
CROSSWALKS: Final = {
    "nist_ai_rmf": "NIST AI RMF",
    "iso_42001": "ISO/IEC 42001",
    "eu_ai_act": "EU AI Act",
    "owasp_llm_2025": "OWASP Top 10 for LLM 2025",
    "aws_genai_lens": "AWS Generative AI Lens",
}
_CHUNK: Final = 2**20


def details(page: Page) -> ControlDetails:
    """Return the control that path and query name."""
    return control_details(
        page.context,
        page.caller,
        page.identifier("assessment"),
        page.identifier("control"),
        page.query("set") or page.form.text("set"),
    )


def show(page: Page) -> Response:
    """Show the control."""
    one = details(page)
    answer = page.ask(
        "GetEvidenceFoldersByAssessmentControl",
        assessmentId=one.assessment_id,
        controlSetId=one.control.set_id,
        controlId=one.control.id,
        maxResults=FOLDERS,
        nextToken=page.query("next") or None,
    )
    return page.show(
        "controls/assessed.html",
        one=one,
        cells=[*cells(one.history, one.first, one.last)],
        folders=answer["evidenceFolders"],
        token=answer.get("nextToken", ""),
        crosswalks=CROSSWALKS,
        most=uploads.MAX_BYTES,
    )


def cells(history: Mapping[date, ControlVerdict], first: date, last: date) -> Iterator[DayCell]:
    """Yield the days of a history as a calendar shows them."""
    day = first
    while day <= last:
        said = history.get(day)
        if said is None:
            yield DayCell(day, "none", _("no run"))
        elif state_of(said) is State.GAP:
            gaps = ", ".join(f"{name.replace('_', ' ')}" for name, n in said.gaps.items() if n)
            yield DayCell(day, "gap", _("could not be observed: %(gaps)s") % {"gaps": gaps})
        else:
            bad = said.counts.get(Verdict.NON_COMPLIANT.value, 0)
            words = f"{said.state.words}, {bad} of {said.judged} judged are non-compliant"
            yield DayCell(day, KINDS[said.state], words)
        day += timedelta(days=1)


def set_status(page: Page) -> Response:
    """Change the control's status."""
    return _update(page, "status", controlStatus=page.form.text("status"))


def comment(page: Page) -> Response:
    """Add a comment."""
    if not page.form.text("comment"):
        raise UsageError(_("A comment has some words."))
    return _update(page, "comment", commentBody=page.form.text("comment"))


def _update(page: Page, done: str, **members: str) -> Response:
    one = details(page)
    page.ask(
        "UpdateAssessmentControl",
        assessmentId=one.assessment_id,
        controlSetId=one.control.set_id,
        controlId=one.control.id,
        **members,
    )
    return _home(page, one, done)


def add_evidence(page: Page) -> Response:
    """Add manual evidence: a text, an object in S3, or a file that is uploaded here."""
    one, form = details(page), page.form
    items = []
    if form.text("text"):
        items.append({"textResponse": form.text("text")})
    if form.text("link"):
        items.append({"s3ResourcePath": form.text("link")})
    upload = form.files.get("file")
    if upload is not None:
        items.append({"evidenceFileName": _take(page, upload.filename or "")})
    if not items:
        raise UsageError(_("Nothing was given."), todo=_("Give a text, a link or a file."))
    answer = page.ask(
        "BatchImportEvidenceToAssessmentControl",
        assessmentId=one.assessment_id,
        controlSetId=one.control.set_id,
        controlId=one.control.id,
        manualEvidence=items,
    )
    if answer["errors"]:
        words = "; ".join(error["errorMessage"] for error in answer["errors"])
        raise UsageError(_("Not everything could be added."), why=words)
    return _home(page, one, "evidence")


def _take(page: Page, given: str) -> str:
    """Keep the uploaded file as an upload of the API is kept; return its name."""
    name = given.replace("\\", "/").rpartition("/")[2]
    page.ask("GetEvidenceFileUploadUrl", fileName=name)
    file = page.form.files["file"].file
    uploads.take(page.context, page.caller, name, iter(lambda: file.read(_CHUNK), b""))
    return name


def _home(page: Page, one: ControlDetails, done: str) -> Response:
    path = path_to(
        "assessments", one.assessment_id, "controls", one.control.id, set=one.control.set_id
    )
    return page.go(path, done)


_PATH = "/assessments/{assessment}/controls/{control}"
VIEWS = (
    view(_PATH, show, "Control of an assessment"),
    act(f"{_PATH}/status", set_status, show),
    act(f"{_PATH}/comments", comment, show),
    act(
        f"{_PATH}/evidence",
        add_evidence,
        show,
        max_bytes=uploads.MAX_BYTES + OF_FILES,
        needs="BatchImportEvidenceToAssessmentControl",
    ),
)
