"""The session's cookie: not for scripts, not from other sites, only by TLS where there is TLS."""

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from affidavit.console.door import PREFIX
from affidavit.operations.known_browsers import REMEMBERED
from affidavit.operations.openid import LASTS
from affidavit.operations.sessions import LONGEST

_SESSION: Final = "affidavit-session"
_BROWSER: Final = "affidavit-browser"
_SIGN_IN: Final = "affidavit-sign-in"


def token_of(request: Request, *, secure: bool) -> str:
    """Return the token that the browser holds, or an empty text."""
    return request.cookies.get(_named(_SESSION, secure=secure), "")


def give(response: Response, token: str, *, secure: bool) -> Response:
    """Let the browser hold a token."""
    return _set(response, _SESSION, token, LONGEST, secure=secure)


def browser_of(request: Request, *, secure: bool) -> str:
    """Return what the browser holds since an earlier sign-in, or an empty text."""
    return request.cookies.get(_named(_BROWSER, secure=secure), "")


def remember(response: Response, token: str, *, secure: bool) -> Response:
    """Let the browser hold what it is known by at the next sign-in."""
    return _set(response, _BROWSER, token, REMEMBERED, secure=secure)


def sign_in_of(request: Request, *, secure: bool) -> str:
    """Return what the browser holds of a sign-in that it began elsewhere, or an empty text."""
    return request.cookies.get(_named(_SIGN_IN, secure=secure), "")


def hold_sign_in(response: Response, held: str, *, secure: bool) -> Response:
    """Let the browser hold a sign-in that goes on at the OpenID provider."""
    return _set(response, _SIGN_IN, held, LASTS, secure=secure)


def drop_sign_in(response: Response, *, secure: bool) -> Response:
    """Let the browser forget it: a sign-in is finished once."""
    return _forget(response, _SIGN_IN, secure=secure)


def take(response: Response, *, secure: bool) -> Response:
    """Let the browser forget its token."""
    return _forget(response, _SESSION, secure=secure)


def _named(name: str, *, secure: bool) -> str:
    """Return a cookie's name; browsers take this prefix only by TLS, from this very host."""
    return f"__Host-{name}" if secure else name


def _set(response: Response, name: str, value: str, lasts: timedelta, *, secure: bool) -> Response:
    """Set a cookie; `lax`: a sign-in comes back with a link from the OpenID provider."""
    response.set_cookie(
        _named(name, secure=secure),
        value,
        max_age=int(lasts.total_seconds()),
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _forget(response: Response, name: str, *, secure: bool) -> Response:
    response.delete_cookie(
        _named(name, secure=secure),
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response
