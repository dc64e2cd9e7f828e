"""The framework library: list, one framework, a copy of it."""

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view


def show_list(page: Page) -> Response:
    """Show the standard and the custom frameworks."""
    kind = "Custom" if page.query("type") == "Custom" else "Standard"
    found = page.ask_all("ListAssessmentFrameworks", "frameworkMetadataList", frameworkType=kind)
    return page.show("frameworks/list.html", found=found, kind=kind)


def show(page: Page) -> Response:
    """Show a framework with its control sets."""
    answer = page.ask("GetAssessmentFramework", frameworkId=page.identifier("framework"))
    return page.show("frameworks/framework.html", one=answer["framework"])


def copy(page: Page) -> Response:
    """Make a custom copy, of the control sets that are checked."""
    source = page.ask("GetAssessmentFramework", frameworkId=page.identifier("framework"))
    chosen = page.form.many("set")
    sets = [
        {"name": one["name"], "controls": [{"id": control["id"]} for control in one["controls"]]}
        for one in source["framework"]["controlSets"]
        if one["name"] in chosen
    ]
    answer = page.ask(
        "CreateAssessmentFramework",
        name=page.form.text("name"),
        description=source["framework"].get("description"),
        complianceType=source["framework"].get("complianceType"),
        controlSets=sets,
    )
    return page.go(path_to("frameworks", answer["framework"]["id"]), "copied")


def delete(page: Page) -> Response:
    """Delete a custom framework."""
    page.ask("DeleteAssessmentFramework", frameworkId=page.identifier("framework"))
    return page.go("/frameworks?type=Custom", "deleted")


VIEWS = (
    view("/frameworks", show_list, "Framework library"),
    view("/frameworks/{framework}", show, "Framework"),
    act("/frameworks/{framework}/copy", copy, show),
    act("/frameworks/{framework}/delete", delete, show),
)
