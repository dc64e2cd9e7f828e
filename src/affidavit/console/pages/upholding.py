"""Alert channels, retention and legal holds in the settings."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.pages.confirming import require_password
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.operations import channel_admin, keeping
from affidavit.operations.alert_channels import Channel, Kind


def add_channel(page: Page) -> Response:
    """Keep a new channel."""
    page.require(channel_admin.OPERATION)
    require_password(page)
    form = page.form
    kinds: dict[str, Kind] = {"webhook": "webhook", "email": "email", "sns": "sns"}
    if form.text("kind") not in kinds:
        raise UsageError(_("Nothing was chosen."))
    channel = Channel(
        tenant=page.caller.tenant,
        name=form.text("name"),
        kind=kinds[form.text("kind")],
        target=" ".join(form.text("target").split()),
        secret=form.text("secret"),
        server=form.text("server"),
        security=form.text("security", "starttls"),
        user=form.text("user"),
        sender=form.text("sender"),
    )
    channel_admin.add(page.context, page.caller, channel, by=page.signed_in.user.name)
    return page.go("/settings/channels", "saved")


def change_channel(page: Page) -> Response:
    """Send a test through a channel, or forget it."""
    page.require(channel_admin.OPERATION)
    name, what = page.part("channel"), page.form.text("do")
    if what == "test":
        said = channel_admin.test(page.context, page.caller, name)
        return show_channels(page, name, said)
    if what != "remove":
        raise UsageError(_("Nothing was chosen."))
    channel_admin.remove(page.context, page.caller, name, by=page.signed_in.user.name)
    return page.go("/settings/channels", "deleted")


def show_channels(page: Page, tested: str = "", said: str = "") -> Response:
    """Show the channels of alerts, and what a test of one of them `said`."""
    found = channel_admin.every(page.context, page.caller)
    kind = page.query("kind") or page.form.text("kind")
    return page.show(
        "settings/channels.html",
        found=found,
        kind=kind if kind in channel_admin.KINDS else channel_admin.KINDS[0],
        tested=tested,
        said=said,
    )


def show_keeping(page: Page) -> Response:
    """Show how long evidence is kept, and what is held."""
    found = keeping.keeping(page.context, page.caller)
    return page.show("settings/keeping.html", found=found)


def change_keeping(page: Page) -> Response:
    """Change a rule of retention, or set or lift a hold."""
    page.require(keeping.OPERATION)
    form, by = page.form, page.signed_in.user.name
    what, assessment = form.text("do"), form.text("assessment")
    context, caller = page.context, page.caller
    if what in ("keep", "lift"):
        require_password(page)
    if what == "keep":
        keeping.keep_for(context, caller, assessment, form.text("days"), by=by)
    elif what == "hold":
        keeping.hold(context, caller, assessment, form.text("why"), by=by)
    elif what == "lift":
        keeping.lift(context, caller, assessment, form.text("why"), by=by)
    else:
        raise UsageError(_("Nothing was chosen."))
    return page.go("/settings/keeping", "saved")


VIEWS = (
    view("/settings/channels", show_channels, "Settings: alert channels"),
    act("/settings/channels", add_channel, show_channels),
    act("/settings/channels/{channel}", change_channel, show_channels),
    view("/settings/keeping", show_keeping, "Settings: retention and legal holds"),
    act("/settings/keeping", change_keeping, show_keeping),
)
