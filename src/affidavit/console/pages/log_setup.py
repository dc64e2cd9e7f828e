"""Setting up what is watched, what is the company's own, and through which channels alerts go."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.pages import logs
from affidavit.console.views import act
from affidavit.operations import alert_routes, own_data, watch_changes


def add(page: Page) -> Response:
    """Watch the log of a bound account."""
    form = page.form
    watch_changes.add(page.context, page.caller, form.text("account"), form.text("region"))
    return page.go("/logs", "saved")


def change(page: Page) -> Response:
    """Pause a watch, let it go on, or remove it."""
    name, what = page.form.text("watch"), page.form.text("do")
    if what == "remove":
        watch_changes.remove(page.context, page.caller, name)
        return page.go("/logs", "deleted")
    watch_changes.set_paused(page.context, page.caller, name, paused=what == "pause")
    return page.go("/logs", "saved")


def route(page: Page) -> Response:
    """Choose the channels of a kind of alert."""
    form = page.form
    alert_routes.choose(page.context, page.caller, form.text("kind"), form.many("channel"))
    return page.go("/logs", "saved")


def own(page: Page) -> Response:
    """Replace the list of the tenant's own numbers and domains."""
    numbers, domains = page.form.lines("numbers"), page.form.lines("domains")
    own_data.change(page.context, page.caller, numbers, domains)
    return page.go("/logs", "saved")


VIEWS = (
    act("/logs/watches", add, logs.show),
    act("/logs/watches/change", change, logs.show),
    act("/logs/own", own, logs.show),
    act("/logs/routes", route, logs.show),
)
