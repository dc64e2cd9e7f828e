"""What is done to an assessment: edited, ended, deleted, tagged, selected for its report."""

from typing import Any

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.pages.assessments import details, tab
from affidavit.console.pages.dashboard import day_in
from affidavit.console.texts import _
from affidavit.console.views import act
from affidavit.errors import UsageError
from affidavit.operations import assessment_details
from affidavit.operations.owners import OWNER


def edit(page: Page) -> Response:
    """Change what the forms of the tabs give; the scope is always sent along, as the API asks."""
    one, form = details(page), page.form
    metadata = one.metadata
    accounts = form.lines("accounts") or [a["id"] for a in metadata["scope"]["awsAccounts"]]
    members: dict[str, Any] = {
        "scope": {"awsAccounts": [{"id": account} for account in accounts]},
        "assessmentName": form.text("assessmentName") or None,
        "assessmentDescription": form.text("assessmentDescription") or None,
    }
    if form.text("destination"):
        members["assessmentReportsDestination"] = {
            "destinationType": "S3",
            "destination": form.text("destination"),
        }
    if "roles" in form.fields:
        roles = [{"roleType": OWNER, "roleArn": arn} for arn in form.lines("roles")]
        members["roles"] = roles
    page.ask("UpdateAssessment", assessmentId=one.found.id, **members)
    return page.go(path_to("assessments", one.found.id, _tab_of(page)), "saved")


def _tab_of(page: Page) -> str:
    return "owners" if "roles" in page.form.fields else "scope"


def _back(page: Page) -> Response:
    return tab(_tab_of(page))(page)


def set_inactive(page: Page) -> Response:
    """Make the assessment INACTIVE, once that was confirmed: it cannot be undone."""
    one = details(page)
    _confirm(page, one.found.name)
    page.ask("UpdateAssessmentStatus", assessmentId=one.found.id, status="INACTIVE")
    return page.go(path_to("assessments", one.found.id), "inactive")


def delete(page: Page) -> Response:
    """Delete the assessment with its evidence, once that was confirmed."""
    one = details(page)
    _confirm(page, one.found.name)
    page.ask("DeleteAssessment", assessmentId=one.found.id)
    return page.go("/assessments", "deleted")


def _confirm(page: Page, name: str) -> None:
    if page.form.text("confirm") != name:
        raise UsageError(
            _("Nothing was done: the name that you gave is not the assessment's."),
            todo=_("Give its name exactly, to confirm."),
        )


def add_tag(page: Page) -> Response:
    """Set one tag."""
    one, form = details(page), page.form
    page.ask("TagResource", resourceArn=one.arn, tags={form.text("key"): form.text("value")})
    return page.go(path_to("assessments", one.found.id, "tags"), "saved")


def drop_tag(page: Page) -> Response:
    """Take one tag off."""
    one = details(page)
    page.ask("UntagResource", resourceArn=one.arn, tagKeys=[page.form.text("key")])
    return page.go(path_to("assessments", one.found.id, "tags"), "saved")


def select_day(page: Page) -> Response:
    """Select all folders of a day for the report."""
    page.require("AssociateAssessmentReportEvidenceFolder")
    one = details(page)
    day = day_in(page.form.text("day"))
    folders = assessment_details.folders_of_day(page.context, page.caller, one.found.id, day)
    if not folders:
        raise UsageError(_("This day has no evidence."), todo=_("Choose another day."))
    for _control, folder in folders:
        page.ask(
            "AssociateAssessmentReportEvidenceFolder",
            assessmentId=one.found.id,
            evidenceFolderId=folder,
        )
    return page.go(path_to("assessments", one.found.id, "selection"), "selected")


def unselect(page: Page) -> Response:
    """Take folders out of the selection: those that are checked, or all."""
    page.require("DisassociateAssessmentReportEvidenceFolder")
    one = details(page)
    folders = page.form.many("folder")
    if page.form.text("all"):
        chosen = assessment_details.selected(page.context, page.caller, one.found.id)
        folders = [row.folder_id for row in chosen]
    for folder in folders:
        page.ask(
            "DisassociateAssessmentReportEvidenceFolder",
            assessmentId=one.found.id,
            evidenceFolderId=folder,
        )
    return page.go(path_to("assessments", one.found.id, "selection"), "unselected")


def build_report(page: Page) -> Response:
    """Ask for a report of what is selected."""
    one, form = details(page), page.form
    page.ask(
        "CreateAssessmentReport",
        assessmentId=one.found.id,
        name=form.text("name"),
        description=form.text("description") or None,
    )
    return page.go("/reports", "report")


_SELECTION = tab("selection")
VIEWS = (
    act("/assessments/{assessment}/edit", edit, _back),
    act("/assessments/{assessment}/inactive", set_inactive, tab("scope")),
    act("/assessments/{assessment}/delete", delete, tab("scope")),
    act("/assessments/{assessment}/tags", add_tag, tab("tags")),
    act("/assessments/{assessment}/tags/drop", drop_tag, tab("tags")),
    act("/assessments/{assessment}/selection/day", select_day, _SELECTION),
    act("/assessments/{assessment}/selection/drop", unselect, _SELECTION),
    act("/assessments/{assessment}/reports", build_report, _SELECTION),
)
