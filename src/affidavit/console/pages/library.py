"""The control library: list, one control, a new custom control."""

from typing import Any, Final

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view

KINDS: Final = ("Standard", "Core", "Custom")
SOURCES: Final = ("AWS_API_Call", "AWS_Config", "AWS_Cloudtrail", "AWS_Security_Hub", "MANUAL")
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY")


def show_list(page: Page) -> Response:
    """Show the controls of a kind."""
    kind = page.query("type") if page.query("type") in KINDS else KINDS[0]
    found = page.ask_all("ListControls", "controlMetadataList", controlType=kind)
    wanted = page.query("q").lower()
    chosen = [one for one in found if wanted in one["name"].lower()]
    return page.show(
        "controls/list.html", found=chosen, kind=kind, kinds=KINDS, everything=len(found)
    )


def show(page: Page) -> Response:
    """Show a control of the library."""
    answer = page.ask("GetControl", controlId=page.identifier("control"))
    return page.show("controls/control.html", one=answer["control"])


def ask_new(page: Page) -> Response:
    """Show the form of a custom control; with a source type, its keywords are suggested."""
    page.require("CreateControl")
    kind = page.given("sourceType", page.query("source", SOURCES[0]))
    kind = kind if kind in SOURCES else SOURCES[0]
    keywords = (
        []
        if kind == "MANUAL"
        else page.ask_all("ListKeywordsForDataSource", "keywords", source=kind)
    )
    return page.show(
        "controls/new.html", kind=kind, sources=SOURCES, frequencies=FREQUENCIES, keywords=keywords
    )


def create(page: Page) -> Response:
    """Make the custom control."""
    form, kind = page.form, page.form.text("sourceType")
    source: dict[str, Any] = {"sourceType": kind, "sourceName": form.text("keyword") or "Manual"}
    if kind == "MANUAL":
        source["sourceSetUpOption"] = "Procedural_Controls_Mapping"
    else:
        source["sourceSetUpOption"] = "System_Controls_Mapping"
        source["sourceKeyword"] = {
            "keywordInputType": "SELECT_FROM_LIST",
            "keywordValue": form.text("keyword"),
        }
    if kind == "AWS_API_Call":
        source["sourceFrequency"] = form.text("frequency") or FREQUENCIES[0]
    texts = ("description", "testingInformation", "actionPlanTitle", "actionPlanInstructions")
    answer = page.ask(
        "CreateControl",
        name=form.text("name"),
        controlMappingSources=[source],
        **{name: form.text(name) or None for name in texts},
    )
    return page.go(path_to("controls", answer["control"]["id"]), "saved")


def delete(page: Page) -> Response:
    """Delete a custom control, and take it out of the custom frameworks that use it."""
    page.ask("DeleteControl", controlId=page.identifier("control"))
    return page.go("/controls?type=Custom", "deleted")


VIEWS = (
    view("/controls", show_list, "Control library"),
    view("/controls/new", ask_new, "Create a custom control"),
    act("/controls/new", create, ask_new),
    view("/controls/{control}", show, "Control"),
    act("/controls/{control}/delete", delete, show),
)
