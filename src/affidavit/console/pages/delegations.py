"""Delegations, both sides: to hand a control set over, and to submit or complete its review."""

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view
from affidavit.operations import assessment_details, users
from affidavit.operations.assessed import is_same
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.owners import DELEGATE


def show(page: Page) -> Response:
    """Show the delegations of the user's assessments, and those to the user."""
    found = page.ask_all("GetDelegations", "delegations")
    status = page.query("status")
    return page.show(
        "delegations/list.html",
        found=[one for one in found if status in ("", one["status"])],
        everything=len(found),
        own=[one["id"] for one in found if is_same(page.caller.principal_arn, one["roleArn"])],
    )


def _set(page: Page) -> dict[str, object]:
    """Return the assessment and control set that query or form name."""
    assessment = page.query("assessment") or page.form.text("assessment")
    wanted = page.query("set") or page.form.text("set")
    page.console.check("GetAssessment", {"assessmentId": assessment})
    one = assessment_details.assessment_details(page.context, page.caller, assessment)
    for control_set in one.sets:
        if control_set.id == wanted:
            return {"one": one, "set": control_set}
    raise NotFoundFault(wanted, "controlSet")


def ask_new(page: Page) -> Response:
    """Show the form that delegates a control set; users of the console are suggested."""
    page.require("BatchCreateDelegationByAssessment")
    tenant = page.caller.tenant
    known = {
        grant.principal_arn
        for user in users.every(page.context.store)
        for grant in user.grants
        if grant.role == "delegate" and f"{grant.account_id}/{grant.region}" == tenant
    }
    return page.show("delegations/new.html", known=sorted(known), **_set(page))


def create(page: Page) -> Response:
    """Delegate the control set."""
    form = page.form
    wanted = {
        "controlSetId": form.text("set"),
        "roleArn": form.text("roleArn"),
        "roleType": DELEGATE,
        "comment": form.text("comment") or None,
    }
    answer = page.ask(
        "BatchCreateDelegationByAssessment",
        assessmentId=form.text("assessment"),
        createDelegationRequests=[{k: v for k, v in wanted.items() if v}],
    )
    _refuse(answer["errors"])
    return page.go(path_to("assessments", form.text("assessment")), "delegated")


def withdraw(page: Page) -> Response:
    """Take a delegation back."""
    form = page.form
    answer = page.ask(
        "BatchDeleteDelegationByAssessment",
        assessmentId=form.text("assessment"),
        delegationIds=[form.text("delegation")],
    )
    _refuse(answer["errors"])
    return page.go("/delegations", "withdrawn")


def _refuse(errors: list[dict[str, str]]) -> None:
    if errors:
        raise ValidationFault(errors[0]["errorMessage"])


def ask_review(page: Page) -> Response:
    """Show the form that submits a control set (a delegate) or completes its review (an owner)."""
    page.require("UpdateAssessmentControlSetStatus")
    return page.show("delegations/review.html", **_set(page))


def review(page: Page) -> Response:
    """Submit the control set, or complete its review."""
    form = page.form
    owner = page.caller.role != "delegate"
    page.ask(
        "UpdateAssessmentControlSetStatus",
        assessmentId=form.text("assessment"),
        controlSetId=form.text("set"),
        status="REVIEWED" if owner else "UNDER_REVIEW",
        comment=form.text("comment"),
    )
    path = path_to("assessments", form.text("assessment"), set=form.text("set"))
    return page.go(path, "reviewed" if owner else "submitted")


VIEWS = (
    view("/delegations", show, "Delegations"),
    view("/delegations/new", ask_new, "Delegate a control set"),
    act("/delegations/new", create, ask_new),
    act("/delegations/withdraw", withdraw, show),
    view("/delegations/review", ask_review, "Submit or complete the review of a control set"),
    act("/delegations/review", review, ask_review),
)
