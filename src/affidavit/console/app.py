"""The console as an ASGI application: session, form, page in a worker thread, answer.

Pages block on the database, so each is answered in a thread; the body of a form is read before, and
only from somebody who is signed in (or for a page that is for everybody).
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from affidavit.console import cookies
from affidavit.console.access_log import log_access
from affidavit.console.assets import Assets
from affidavit.console.door import PREFIX, Door
from affidavit.console.forms import Trouble
from affidavit.console.page import SEE_OTHER, Check, Console, Page, log, url_to
from affidavit.console.pages.all import VIEWS
from affidavit.console.reading import FormReader
from affidavit.console.rendering import Renderer
from affidavit.console.texts import _
from affidavit.console.views import View
from affidavit.errors import AffidavitError, StoreBusyError, StoreConflictError, UsageError
from affidavit.finder.engine import Finder
from affidavit.operations import openid_users, sessions
from affidavit.operations.accounts import NOT_SET_UP
from affidavit.operations.authorise import authorise
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    QuotaFault,
    ThrottlingFault,
    ValidationFault,
)
from affidavit.operations.openid import OpenId
from affidavit.operations.sessions import Session

THREADS: Final = 8
"""Pages under way at once."""
_BAD_REQUEST: Final = 400
_UNPROCESSABLE: Final = 422
_STATUSES: Final[Sequence[tuple[type[AffidavitError], int]]] = (
    (NotFoundFault, 404),
    (AccessDeniedFault, 403),
    (ThrottlingFault, 429),
    (QuotaFault, _UNPROCESSABLE),
    (ValidationFault, _UNPROCESSABLE),
    (UsageError, _UNPROCESSABLE),
    (StoreConflictError, 409),
    (StoreBusyError, 503),
)
Endpoint = Callable[[Request], Awaitable[Response]]


def create_console(
    context: Context,
    dispatch: Dispatcher,
    check: Check,
    finder: Finder,
    *,
    secure: bool,
    proxied: bool = False,
) -> ASGIApp:
    """Return the console, to be served below `PREFIX`."""
    assets = Assets()
    openid_users.mappings(context.settings.oidc_personas)
    console = Console(
        context=context,
        dispatch=dispatch,
        check=check,
        finder=finder,
        renderer=Renderer(assets),
        openid=OpenId(context.settings, context.store),
        reader=FormReader(),
        secure=secure,
        proxied=proxied,
    )
    threads = anyio.CapacityLimiter(THREADS)
    routes = [
        Route(one.path, _endpoint(console, one, threads), methods=[one.method]) for one in VIEWS
    ]

    async def static(request: Request) -> Response:
        """Send a file of the console's own."""
        return assets.answer(request)

    app = Starlette(
        routes=[
            Mount(f"{PREFIX}/static", routes=[Route("/{name:path}", static)]),
            Mount(PREFIX, routes=routes),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers={HTTPException: _no_page(console), 500: _failed(console)},
    )
    return Door(app, secure=secure)


def _endpoint(console: Console, view: View, threads: anyio.CapacityLimiter) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        page = Page(console=console, request=request, request_id=secrets.token_hex(8))
        page.session = await anyio.to_thread.run_sync(_session, page, limiter=threads)
        response = await _answer(page, view, threads)
        log_access(page, response.status_code, time.perf_counter() - began)
        return response

    return endpoint


async def _answer(page: Page, view: View, threads: anyio.CapacityLimiter) -> Response:
    if page.session is None and not view.public:
        return _to_sign_in(page, view)
    if view.method == "GET":
        return await anyio.to_thread.run_sync(_run, page, view, limiter=threads)
    user = page.session.user.name if page.session else ""
    try:
        if view.needs:
            authorise(page.caller, view.needs)
        async with page.console.reader.read(page.request, view.max_bytes, user) as page.form:
            return await anyio.to_thread.run_sync(_run, page, view, limiter=threads)
    except (AccessDeniedFault, ThrottlingFault) as error:
        return _refused(page, _status(error), _trouble(error, _status(error)))
    except HTTPException as error:
        unreadable = error.status_code == _BAD_REQUEST
        what = _("The form cannot be read.") if unreadable else error.detail
        return _refused(page, error.status_code, Trouble(what))
    except ClientDisconnect:
        return _refused(page, _BAD_REQUEST, Trouble(_("The form was not sent to its end.")))


def _session(page: Page) -> Session | None:
    token = cookies.token_of(page.request, secure=page.console.secure)
    return sessions.find(page.context.store, token, page.now) if token else None


def _run(page: Page, view: View) -> Response:
    """Return the view's answer; what it refuses is said on the form's own page, or on one of it.

    Whoever is not signed in yet has no other page: there the form is shown again whatever it was.
    """
    try:
        return view.answer(page)
    except AffidavitError as error:
        if error.what == NOT_SET_UP and view.method == "GET":
            return page.go("/account")
        page.status = _status(error)
        if page.status == _FAILED:
            log.error("Request %s failed: %s", page.request_id, error)
        page.trouble = _trouble(error, page.status)
    if view.back is not None and (page.status == _UNPROCESSABLE or view.public):
        try:
            return view.back(page)
        except AffidavitError as error:
            page.status, page.trouble = _status(error), _trouble(error, _status(error))
    return page.show("error.html")


def _status(error: AffidavitError) -> int:
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _FAILED)


def _trouble(error: AffidavitError, status: int) -> Trouble:
    """Return what is said; of a failure of ours no more than that: the log says the rest."""
    if status == _FAILED:
        return Trouble("The server failed to answer this page; its log says more.")
    return Trouble.of(error)


def _to_sign_in(page: Page, view: View) -> Response:
    """Send to the sign-in page, and from there back to a page that was asked for."""
    url = page.request.url
    wanted = f"{url.path}?{url.query}" if url.query else url.path
    target = url_to("sign-in", next=wanted if view.method == "GET" else "")
    response = RedirectResponse(target, status_code=SEE_OTHER)
    return cookies.take(response, secure=page.console.secure)


def _refused(page: Page, status: int, trouble: Trouble) -> Response:
    page.status, page.trouble = status, trouble
    response = page.show("error.html")
    response.headers["connection"] = "close"
    return response


_FAILED: Final = 500


def _no_page(console: Console) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else _FAILED
        page = Page(console=console, request=request, request_id="")
        page.session = _session(page)
        what = "There is no such page." if status == 404 else "This cannot be done here."  # noqa: PLR2004
        page.status, page.trouble = status, Trouble(what)
        return page.show("error.html")

    return handle


def _failed(console: Console) -> Callable[[Request, Exception], Response]:
    """Answer a failure that nobody expected; Starlette raises it again for the log."""

    def handle(request: Request, _: Exception) -> Response:
        page = Page(console=console, request=request, request_id="")
        page.status, page.trouble = _FAILED, Trouble("The server failed; its log says more.")
        return page.show("error.html")

    return handle
