"""Setting canaries up: made, changed, paused, deleted."""

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.pages import canaries
from affidavit.console.pages.prompt_starting import choices, form_values, plan_of, wanted_of
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.operations import canary_changes
from affidavit.operations.canary_budget import MEMBERS
from affidavit.operations.canary_changes import Wanted

_FIELDS = ("name", "every", "leastRate", "monthTokens", "monthCost")


def ask(page: Page) -> Response:
    """Show the form; once a model is named, what each run would cost at most."""
    offered = choices(page)
    planned = plan_of(page, offered) if page.query("model") else None
    values = form_values(page, offered)
    values["asked"] |= {name: page.query(name) for name in _FIELDS}
    return page.show("canaries/new.html", **values, plan=planned)


def create(page: Page) -> Response:
    """Make the canary that the address speaks of."""
    wanted = Wanted(
        name=page.query("name"),
        every=page.query("every"),
        least_rate=page.query("leastRate"),
        prompts=wanted_of(page, choices(page)),
        budget={name: page.query(name) for name in MEMBERS},
    )
    made = canary_changes.create(page.context, page.caller, wanted)
    return page.go(path_to("canaries", made.name), "canary")


def change(page: Page) -> Response:
    """Change interval, threshold and budget, or pause it, or let it go on."""
    name, form = page.part("canary"), page.form
    if form.text("do") in ("pause", "resume"):
        paused = form.text("do") == "pause"
        canary_changes.set_paused(page.context, page.caller, name, paused=paused)
    else:
        every, least = form.text("every"), form.text("leastRate")
        budget = {member: form.text(member) for member in MEMBERS}
        canary_changes.change(
            page.context, page.caller, name, every=every, least_rate=least, budget=budget
        )
    return page.go(path_to("canaries", name), "saved")


def delete(page: Page) -> Response:
    """Delete it, once its name was given."""
    name = page.part("canary")
    if page.form.text("confirm") != name:
        canary_changes.require(page.context, page.caller, name)
        raise UsageError(
            _("Nothing was done: the name that you gave is not the canary's."),
            todo=_("Give its name exactly, to confirm."),
        )
    canary_changes.delete(page.context, page.caller, name)
    return page.go("/canaries", "deleted")


VIEWS = (
    view("/canaries/new", ask, "New canary"),
    act("/canaries/new", create, ask),
    act("/canaries/{canary}/change", change, canaries.show_one),
    act("/canaries/{canary}/delete", delete, canaries.show_one),
)
