"""A page being answered: who asks, what was given, and the ways to answer."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from affidavit.console.door import PREFIX
from affidavit.console.forms import Form, Trouble
from affidavit.console.reading import FormReader
from affidavit.finder.engine import Finder
from affidavit.operations import looking
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.operations.openid import OpenId
from affidavit.operations.sessions import Session

if TYPE_CHECKING:
    from affidavit.console.rendering import Renderer

Check = Callable[[str, dict[str, Any]], dict[str, Any]]
"""(operation, members) -> members as the API's model reads them; raises `ValidationFault`."""
SEE_OTHER: Final = 303
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
log: Final = logging.getLogger("affidavit.console")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What pages work with; one for the server."""

    context: Context
    dispatch: Dispatcher
    check: Check
    finder: Finder
    renderer: "Renderer"
    openid: OpenId
    reader: FormReader
    secure: bool
    """People reach it by TLS: the cookie says so."""
    proxied: bool = False
    """A proxy stands before it: every request has the proxy's address."""


@dataclass(slots=True, kw_only=True)
class Page:
    """One request for a page."""

    console: Console
    request: Request
    request_id: str
    session: Session | None = None
    form: Form = field(default_factory=Form)
    trouble: Trouble | None = None
    """Why the form that is shown again was not accepted."""
    status: int = 200

    @property
    def context(self) -> Context:
        """Return the installation."""
        return self.console.context

    @property
    def now(self) -> datetime:
        """Return the present time."""
        return self.console.context.now()

    @property
    def signed_in(self) -> Session:
        """Return the session; views that need none never ask."""
        if self.session is None:
            raise AccessDeniedFault("You are not signed in.")
        return self.session

    @property
    def caller(self) -> Caller:
        """Return as whom the user acts."""
        return self.signed_in.grant.caller(self.request_id)

    def ask(self, operation: str, /, **members: Any) -> Mapping[str, Any]:
        """Return what an operation of the API answers; members that are None are left out."""
        given = {name: value for name, value in members.items() if value is not None}
        checked = self.console.check(operation, given)
        return self.console.dispatch(operation, self.caller, checked)

    def ask_all(self, operation: str, member: str, /, **members: Any) -> list[dict[str, Any]]:
        """Return all items of a list of the API, page after page."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = self.ask(operation, **members, nextToken=token)
            found += page[member]
            token = page.get("nextToken")
            if token is None:
                return found

    def require(self, operation: str) -> None:
        """Raise the `Fault` that the operation would raise whatever it was asked."""
        looking.require(self.context, self.caller, operation)

    def may(self, operation: str) -> bool:
        """Tell whether the persona may do this at all: what it may not is not offered."""
        return self.session is not None and (
            scope(self.session.grant.role, operation) is not Scope.DENY
        )

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def identifier(self, name: str) -> str:
        """Return an id of the path; `NotFoundFault` for what cannot be one."""
        text = self.part(name)
        if not _UUID.fullmatch(text):
            raise NotFoundFault(text, name)
        return text

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.request.query_params.get(name, default).strip()

    def queries(self, name: str) -> list[str]:
        """Return all values of a parameter of the query that are not empty."""
        return [one for one in self.request.query_params.getlist(name) if one.strip()]

    def given(self, name: str, default: str = "") -> str:
        """Return what a form that is shown again held, else the default."""
        return self.form.text(name, default) if self.form.fields else default

    def with_query(self, **changed: str | list[str] | None) -> str:
        """Return the page's own address with some parameters changed, or left out (None)."""
        names = dict.fromkeys(self.request.query_params.keys())
        pairs = []
        for name in [*names, *(n for n in changed if n not in names)]:
            value = changed.get(name, self.queries(name))
            values = [value] if isinstance(value, str) else value or []
            pairs += [(name, one) for one in values if one]
        path = self.request.url.path
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def address(self, path: str) -> str:
        """Return the whole address of a path of this server, as the browser knows the server."""
        host = self.request.headers.get("host", "")
        scheme = "https" if self.console.secure else self.request.url.scheme
        return f"{scheme}://{host}{path}"

    def show(self, template: str, /, **values: Any) -> Response:
        """Return a rendered page."""
        content = self.console.renderer.render(template, self, values)
        return HTMLResponse(content, status_code=self.status)

    def go(self, path: str, done: str = "") -> Response:
        """Return the way to another page, where `done` (see `rendering.DONE`) is said."""
        mark = "&" if "?" in path else "?"
        target = f"{PREFIX}{path}{mark}done={done}" if done else f"{PREFIX}{path}"
        return RedirectResponse(target, status_code=SEE_OTHER)


def path_to(*parts: str, **query: str) -> str:
    """Return a path below the console from its parts, each escaped."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def url_to(*parts: str, **query: str) -> str:
    """Return the address of a page for links."""
    return PREFIX + path_to(*parts, **query)
