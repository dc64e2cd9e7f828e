"""Signing in and out, and the one-time link with which a password is chosen."""

from starlette.responses import RedirectResponse, Response

from affidavit.console import cookies
from affidavit.console.door import PREFIX
from affidavit.console.forms import Trouble
from affidavit.console.page import SEE_OTHER, Page, url_to
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import AffidavitError, UsageError
from affidavit.operations import sessions, signing_in, users
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.signing_in import Credentials
from affidavit.store.documents import Document


def show(page: Page) -> Response:
    """Show the form; who is signed in goes on, unless another sign-in was just refused."""
    if page.session is not None and page.trouble is None:
        return RedirectResponse(_wanted(page), status_code=SEE_OTHER)
    return page.show("account/sign_in.html", next=_wanted(page))


def sign_in(page: Page) -> Response:
    """Begin a session; what was wrong is not told."""
    store, secure = page.context.store, page.console.secure
    given = signing_in.sign_in(store, credentials(page), page.now)
    if page.session is not None:
        sessions.end(store, page.session, page.now)
    response = RedirectResponse(_wanted(page), status_code=SEE_OTHER)
    if given.browser:
        cookies.remember(response, given.browser, secure=secure)
    return cookies.give(response, given.session, secure=secure)


def credentials(page: Page) -> Credentials:
    """Return what the form gives of who somebody is; whoever is signed in is that user."""
    client = None if page.console.proxied else page.request.client
    return Credentials(
        name=page.session.user.name if page.session else page.form.text("name"),
        password=page.form.text("password"),
        code=page.form.text("code"),
        address=client.host if client else "",
        browser=cookies.browser_of(page.request, secure=page.console.secure),
    )


def sign_out(page: Page) -> Response:
    """End the session, here and in the browser; at an OpenID provider by a page that leads there.

    A redirect would be one of a form to another site, which the pages' policy refuses.
    """
    at_provider = page.signed_in.document.body.get("atProvider", "")
    sessions.end(page.context.store, page.signed_in, page.now)
    page.session = None
    response = _signed_out(page, at_provider) if at_provider else page.go("/sign-in", "signed-out")
    return cookies.take(response, secure=page.console.secure)


def _signed_out(page: Page, at_provider: str) -> Response:
    address = ""
    try:
        back = page.address(url_to("sign-in"))
        address = page.console.openid.signed_out(at_provider, back, page.now)
    except AffidavitError as error:
        page.trouble = Trouble.of(error)
    return page.show("account/signed_out.html", address=address)


def welcome(page: Page) -> Response:
    """Show the form with which an invited user chooses a password."""
    invitation = _invitation(page)
    known = [one for one in page.context.store.tenants() if not one.startswith("affidavit/")]
    account, _slash, region = (known[0] if known else "/").partition("/")
    return page.show(
        "account/welcome.html",
        first=not invitation.body["user"],
        name=invitation.body["user"],
        account=account,
        region=region or "us-east-1",
    )


def accept(page: Page) -> Response:
    """Set the password, and sign in."""
    invitation, form = _invitation(page), page.form
    password = form.text("password")
    if password != form.text("again"):
        raise UsageError(_("The two passwords are not the same."))
    store = page.context.store
    if invitation.body["user"]:
        user = users.accept(store, invitation, password, page.now)
    else:
        tenant = (form.text("account"), form.text("region"))
        user = users.accept_first(store, invitation, form.text("name"), tenant, password, page.now)
    if users.user_of(user).has_codes:  # a link is no second factor
        return page.go("/sign-in", "password")
    token = sessions.begin(store, user, page.now)
    return cookies.give(page.go("/"), token, secure=page.console.secure)


def _invitation(page: Page) -> Document:
    found = users.invitation(page.context.store, page.part("token"), page.now)
    if found is None:
        raise NotFoundFault(
            "",
            "invitation",
            _("This link was used already, or is too old. Ask an administrator for another one."),
        )
    return found


def _wanted(page: Page) -> str:
    """Return where to go after sign-in: a page of the console, whatever somebody else wrote."""
    return own_page(page.form.text("next") or page.query("next"))


def own_page(wanted: str) -> str:
    """Return an address of the console as it is, and the dashboard's for whatever else."""
    own = wanted.startswith(f"{PREFIX}/") and not set(wanted) & set("\\\r\n\t")
    return wanted if own and "//" not in wanted.partition("?")[0] else url_to() + "/"


VIEWS = (
    view("/sign-in", show, "Sign-in", public=True),
    act("/sign-in", sign_in, show, public=True),
    act("/sign-out", sign_out),
    view("/welcome/{token}", welcome, "Welcome: an invited user chooses a password", public=True),
    act("/welcome/{token}", accept, welcome, public=True),
)
