"""Assessments: the list, and one with its tabs."""

from collections.abc import Callable

from starlette.responses import Response

from affidavit.console.page import Page, url_to
from affidavit.console.pages.reports import report_name
from affidavit.console.texts import _
from affidavit.console.views import view
from affidavit.operations import activity, assessment_details
from affidavit.operations.assessment_details import AssessmentDetails


def show_list(page: Page) -> Response:
    """Show the assessments that are the user's own."""
    found = assessment_details.list_details(page.context, page.caller)
    wanted = page.query("status")
    chosen = [one for one in found if wanted in ("", one.metadata["status"])]
    return page.show("assessments/list.html", found=chosen, everything=len(found))


def details(page: Page) -> AssessmentDetails:
    """Return the assessment that the path names."""
    return assessment_details.assessment_details(
        page.context, page.caller, page.identifier("assessment")
    )


def tabs(one: AssessmentDetails, current: str) -> list[tuple[str, str, bool]]:
    """Return the tabs of an assessment as (address, word, whether it is the present one)."""
    base = one.found.id
    return [
        (url_to("assessments", base), _("Controls"), current == "controls"),
        (url_to("assessments", base, "period"), _("Period"), current == "period"),
        (url_to("assessments", base, "selection"), _("Report selection"), current == "selection"),
        (url_to("assessments", base, "scope"), _("Accounts"), current == "scope"),
        (url_to("assessments", base, "owners"), _("Audit owners"), current == "owners"),
        (url_to("assessments", base, "tags"), _("Tags"), current == "tags"),
        (url_to("assessments", base, "changes"), _("Change log"), current == "changes"),
    ]


def tab(name: str) -> Callable[[Page], Response]:
    """Return the view of a tab."""

    def show(page: Page) -> Response:
        one = details(page)
        values = _VALUES[name](page, one) if name in _VALUES else {}
        return page.show(
            f"assessments/{name}.html",
            one=one,
            tabs=tabs(one, name),
            today=page.now.date(),
            **values,
        )

    return show


def _controls(page: Page, one: AssessmentDetails) -> dict[str, object]:
    minutes = page.context.settings.activity_minutes if one.found.active else 0
    store, tenant = page.context.store, page.caller.tenant
    asking = activity.asking(store, tenant, one.found.id) if minutes else None
    return {"asking": asking, "minutes": minutes}


def _selection(page: Page, one: AssessmentDetails) -> dict[str, object]:
    found = assessment_details.selected(page.context, page.caller, one.found.id)
    return {
        "selected": found,
        "day": one.day,
        "name": report_name(one.found.name, page.now),
    }


def _changes(page: Page, one: AssessmentDetails) -> dict[str, object]:
    answer = page.ask(
        "GetChangeLogs",
        assessmentId=one.found.id,
        maxResults=50,
        nextToken=page.query("next") or None,
        controlSetId=page.query("set") or None,
        controlId=page.query("control") or None,
    )
    return {"entries": answer["changeLogs"], "token": answer.get("nextToken", "")}


_VALUES = {"controls": _controls, "selection": _selection, "changes": _changes}

VIEWS = (
    view("/assessments", show_list, "Assessments"),
    view("/assessments/{assessment}", tab("controls"), "Assessment: controls by control set"),
    view("/assessments/{assessment}/selection", tab("selection"), "Assessment: report selection"),
    view("/assessments/{assessment}/scope", tab("scope"), "Assessment: accounts and Regions"),
    view("/assessments/{assessment}/owners", tab("owners"), "Assessment: audit owners"),
    view("/assessments/{assessment}/tags", tab("tags"), "Assessment: tags"),
    view("/assessments/{assessment}/changes", tab("changes"), "Assessment: change log"),
)
