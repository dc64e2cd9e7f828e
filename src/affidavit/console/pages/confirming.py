"""Asking for the password again: for what a session alone must not do.

Whoever took a session over does not know the password. A user who signs in elsewhere (OpenID
Connect) and has none must have signed in just now.
"""

from datetime import timedelta
from typing import Final

from affidavit.console.page import Page
from affidavit.console.pages.sign_in import credentials
from affidavit.console.texts import _
from affidavit.errors import UsageError
from affidavit.model.times import parse
from affidavit.operations import signing_in
from affidavit.store.documents import Document

JUST_NOW: Final = timedelta(minutes=10)


def require_password(page: Page) -> None:
    """Raise `UsageError` where the form does not give the user's present password."""
    session = page.signed_in
    if session.user.has_password:
        confirmed(page)
    elif page.now - parse(session.document.body["began"]) > JUST_NOW:
        raise UsageError(
            _("Sign in again first: this needs a sign-in of the last ten minutes."),
        )


def confirmed(page: Page) -> Document:
    """Return the user's document once the present password was given again."""
    document = signing_in.confirmed(page.context.store, credentials(page), page.now)
    if document is None:
        raise UsageError(_("The present password is not right."))
    return document
