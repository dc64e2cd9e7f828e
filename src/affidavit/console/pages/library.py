"""The control library: list, one control, the end of a custom one."""

from typing import Final

from starlette.responses import Response

from affidavit.checks.own_rules import parameters_of
from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view
from affidavit.operations import library_uses, source_rules

KINDS: Final = ("Standard", "Core", "Custom")


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
    """Show a control of the library, and what uses it."""
    identifier = page.identifier("control")
    answer = page.ask("GetControl", controlId=identifier)
    uses = library_uses.uses_of_control(page.context, page.caller, identifier)
    carried = source_rules.carried(page.context, page.caller, identifier)
    return page.show("controls/control.html", one=answer["control"], uses=uses, carried=carried)


def set_parameters(page: Page) -> Response:
    """Set the parameters of the check behind a source."""
    at = page.identifier("control"), page.identifier("source")
    values = parameters_of(page.form.text(f"parameters-{at[1]}")[: source_rules.MAX_TEXT])
    why = page.form.text(f"why-{at[1]}")
    source_rules.set_parameters(page.context, page.caller, at, values, why)
    return page.go(path_to("controls", at[0]), "saved")


def ask_delete(page: Page) -> Response:
    """Show what deleting a custom control affects, before it is done."""
    page.require("DeleteControl")
    identifier = page.identifier("control")
    answer = page.ask("GetControl", controlId=identifier)
    uses = library_uses.uses_of_control(page.context, page.caller, identifier)
    return page.show("controls/delete.html", one=answer["control"], uses=uses)


def delete(page: Page) -> Response:
    """Delete a custom control, and take it out of the custom frameworks that use it."""
    page.ask("DeleteControl", controlId=page.identifier("control"))
    return page.go("/controls?type=Custom", "deleted")


VIEWS = (
    view("/controls", show_list, "Control library"),
    view("/controls/{control}", show, "Control"),
    view("/controls/{control}/delete", ask_delete, "Delete a custom control: what it affects"),
    act("/controls/{control}/delete", delete, ask_delete),
    act("/controls/{control}/parameters/{source}", set_parameters, show),
)
