"""The user's own page: as whom to act, the password, one-time codes; and an account's set-up."""

import base64
import binascii
from typing import Final

from starlette.responses import Response

from affidavit.console import cookies
from affidavit.console.page import Page
from affidavit.console.pages.confirming import confirmed
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.model.numbers import whole
from affidavit.operations import one_time_codes, sessions, signing_in, users
from affidavit.operations.accounts import is_registered
from affidavit.operations.faults import NotFoundFault

_GRANTS: Final = 999
"""More than a user ever has."""


def show(page: Page) -> Response:
    """Show who is signed in, as whom, and what can be changed."""
    session = page.signed_in
    secret = _offered(page)
    return page.show(
        "account/account.html",
        session=session,
        secret=one_time_codes.written(secret),
        uri=one_time_codes.uri(secret, session.user.name),
        registered=is_registered(page.context, page.caller.tenant),
    )


def change_grant(page: Page) -> Response:
    """Act under another of the user's grants from now on."""
    number = page.form.text("grant")
    chosen = whole(number, _GRANTS)
    store, session = page.context.store, page.signed_in
    if chosen is None or not sessions.change_grant(store, session, chosen, page.now):
        raise NotFoundFault(number, "grant")
    return page.go("/")


def change_password(page: Page) -> Response:
    """Set another password; all sessions of the user end, and this one goes on as a new one."""
    store, session = page.context.store, page.signed_in
    document = confirmed(page)
    password = page.form.text("new")
    if password != page.form.text("again"):
        raise UsageError(_("The two passwords are not the same."))
    users.set_password(store, document, password, page.now)
    token = sessions.renew(store, session, page.now)
    return cookies.give(page.go("/account", "password"), token, secure=page.console.secure)


def codes_on(page: Page) -> Response:
    """Ask for one-time codes from now on, once the first one was right."""
    name = confirmed(page).body["name"]
    if not signing_in.set_codes(
        page.context.store, name, _offered(page), page.form.text("code"), page.now
    ):
        raise UsageError(
            _("The one-time code is not right."), todo=_("Is the clock of your device right?")
        )
    return page.go("/account", "codes-on")


def codes_off(page: Page) -> Response:
    """Ask for no one-time codes any more."""
    name = confirmed(page).body["name"]
    signing_in.drop_codes(page.context.store, name, name, page.now)
    return page.go("/account", "codes-off")


def register(page: Page) -> Response:
    """Set the account up, as RegisterAccount does."""
    page.ask("RegisterAccount")
    return page.go("/", "registered")


def _offered(page: Page) -> bytes:
    """Return the secret that the form offered, else a new one."""
    text = page.form.text("secret")
    try:
        secret = base64.b32decode(text) if text else b""
    except binascii.Error:
        secret = b""
    return (
        secret if len(secret) == len(one_time_codes.new_secret()) else one_time_codes.new_secret()
    )


VIEWS = (
    view("/account", show, "Account: persona, password, one-time codes, set-up"),
    act("/account/grant", change_grant, show),
    act("/account/password", change_password, show),
    act("/account/codes", codes_on, show),
    act("/account/codes/off", codes_off, show),
    act("/account/register", register, show),
)
