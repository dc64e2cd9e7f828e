"""Signing in by the organization's OpenID provider, and what it tells of signing out."""

from starlette.responses import JSONResponse, RedirectResponse, Response

from affidavit.console import cookies
from affidavit.console.door import BACK_CHANNEL, PREFIX
from affidavit.console.page import SEE_OTHER, Page, url_to
from affidavit.console.pages.sign_in import own_page
from affidavit.console.views import act, view
from affidavit.operations import openid_users, sessions
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault

_MAX_QUERY = 8_192
_BAD_REQUEST = 400


def begin(page: Page) -> Response:
    """Send the browser to the provider."""
    _require_on(page)
    wanted = own_page(page.query("next"))
    address, held = page.console.openid.begin(_redirect(page), wanted, page.now)
    response = RedirectResponse(address, status_code=SEE_OTHER)
    return cookies.hold_sign_in(response, held, secure=page.console.secure)


def finish(page: Page) -> Response:
    """Begin a session of whoever the provider says has signed in."""
    _require_on(page)
    if len(page.request.url.query) > _MAX_QUERY:
        raise NotFoundFault("", "sign-in")
    secure, store = page.console.secure, page.context.store
    identity, wanted = page.console.openid.finish(
        cookies.sign_in_of(page.request, secure=secure),
        dict(page.request.query_params),
        _redirect(page),
        page.now,
    )
    personas = page.context.settings.oidc_personas
    token = openid_users.sign_in(store, personas, identity, page.now)
    if page.session is not None:
        sessions.end(store, page.session, page.now)
    response = RedirectResponse(own_page(wanted), status_code=SEE_OTHER)
    cookies.drop_sign_in(response, secure=secure)
    return cookies.give(response, token, secure=secure)


def signed_out(page: Page) -> Response:
    """End the sessions that the provider's logout token names; its server asks, no browser."""
    _require_on(page)
    try:
        subject, session = page.console.openid.told_signed_out(
            page.form.text("logout_token"), page.now
        )
    except AccessDeniedFault as error:
        said = {"error": "invalid_request", "error_description": error.what}
        return JSONResponse(said, status_code=_BAD_REQUEST)
    issuer = page.context.settings.oidc_issuer
    openid_users.sign_out(page.context.store, issuer, subject, session, page.now)
    return Response()


def _require_on(page: Page) -> None:
    if not page.console.openid.on:
        raise NotFoundFault("", "provider", "This installation has no OpenID provider.")


def _redirect(page: Page) -> str:
    """Return where the provider sends the browser back to; it knows this address too."""
    return page.address(url_to("sign-in", "openid", "back"))


VIEWS = (
    view("/sign-in/openid", begin, "", public=True),
    view("/sign-in/openid/back", finish, "", public=True),
    act(BACK_CHANNEL.removeprefix(PREFIX), signed_out, public=True),
)
