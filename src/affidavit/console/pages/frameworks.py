"""The framework library: list, one framework, the end of a custom one."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import act, attachment, view
from affidavit.operations import frameworks, library_uses


def show_list(page: Page) -> Response:
    """Show the standard and the custom frameworks."""
    kind = "Custom" if page.query("type") == "Custom" else "Standard"
    found = page.ask_all("ListAssessmentFrameworks", "frameworkMetadataList", frameworkType=kind)
    return page.show("frameworks/list.html", found=found, kind=kind)


def show(page: Page) -> Response:
    """Show a framework with its control sets."""
    answer = page.ask("GetAssessmentFramework", frameworkId=page.identifier("framework"))
    return page.show("frameworks/framework.html", one=answer["framework"])


def ask_delete(page: Page) -> Response:
    """Show what deleting a custom framework affects, before it is done."""
    page.require("DeleteAssessmentFramework")
    identifier = page.identifier("framework")
    answer = page.ask("GetAssessmentFramework", frameworkId=identifier)
    uses = library_uses.uses_of_framework(page.context, page.caller, identifier)
    return page.show("frameworks/delete.html", one=answer["framework"], uses=uses)


def mapping(page: Page) -> Response:
    """Send the AWS Config rules behind the framework's controls as CSV."""
    page.require("GetAssessmentFramework")
    name, text = frameworks.config_rule_mapping(
        page.context, page.caller, page.identifier("framework")
    )
    return attachment(iter([text.encode()]), f"{name} - AWS Config rules.csv", "text/csv")


def delete(page: Page) -> Response:
    """Delete a custom framework."""
    page.ask("DeleteAssessmentFramework", frameworkId=page.identifier("framework"))
    return page.go("/frameworks?type=Custom", "deleted")


VIEWS = (
    view("/frameworks", show_list, "Framework library"),
    view("/frameworks/{framework}", show, "Framework"),
    view("/frameworks/{framework}/config-rules.csv", mapping, ""),
    view(
        "/frameworks/{framework}/delete", ask_delete, "Delete a custom framework: what it affects"
    ),
    act("/frameworks/{framework}/delete", delete, ask_delete),
)
