"""The session's cookie: not for scripts, not from other sites, only by TLS where there is TLS."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from affidavit.console.door import PREFIX
from affidavit.operations.known_browsers import REMEMBERED
from affidavit.operations.openid import LASTS
from affidavit.operations.sessions import LONGEST

PLAIN: Final = "affidavit-session"
SECURE: Final = "__Host-affidavit-session"
"""Browsers take this name only by TLS, from this very host, for all paths."""
_BROWSER: Final = "affidavit-browser"
_SIGN_IN: Final = "affidavit-sign-in"


def token_of(request: Request, *, secure: bool) -> str:
    """Return the token that the browser holds, or an empty text."""
    return request.cookies.get(SECURE if secure else PLAIN, "")


def give(response: Response, token: str, *, secure: bool) -> Response:
    """Let the browser hold a token."""
    response.set_cookie(
        SECURE if secure else PLAIN,
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def browser_of(request: Request, *, secure: bool) -> str:
    """Return what the browser holds since an earlier sign-in, or an empty text."""
    return request.cookies.get(f"__Host-{_BROWSER}" if secure else _BROWSER, "")


def remember(response: Response, token: str, *, secure: bool) -> Response:
    """Let the browser hold what it is known by at the next sign-in."""
    response.set_cookie(
        f"__Host-{_BROWSER}" if secure else _BROWSER,
        token,
        max_age=int(REMEMBERED.total_seconds()),
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def sign_in_of(request: Request, *, secure: bool) -> str:
    """Return what the browser holds of a sign-in that it began elsewhere, or an empty text."""
    return request.cookies.get(f"__Host-{_SIGN_IN}" if secure else _SIGN_IN, "")


def hold_sign_in(response: Response, held: str, *, secure: bool) -> Response:
    """Let the browser hold a sign-in that goes on at the OpenID provider."""
    response.set_cookie(
        f"__Host-{_SIGN_IN}" if secure else _SIGN_IN,
        held,
        max_age=int(LASTS.total_seconds()),
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",  # it comes back with a link from the provider
    )
    return response


def drop_sign_in(response: Response, *, secure: bool) -> Response:
    """Let the browser forget it: a sign-in is finished once."""
    response.delete_cookie(
        f"__Host-{_SIGN_IN}" if secure else _SIGN_IN,
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def take(response: Response, *, secure: bool) -> Response:
    """Let the browser forget its token."""
    response.delete_cookie(
        SECURE if secure else PLAIN,
        path="/" if secure else PREFIX,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response
