"""Every link of the console over the simulated estate's evidence leads to a page."""

import html
import re
from collections import Counter, deque
from typing import Any

import pytest
from starlette.routing import Match, Route

from affidavit.console.pages.all import VIEWS

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.timeout(1500)]
A_ROUTE: int = 80
"""Addresses of a route that are opened; the records of a source resemble one another."""
_LINK = re.compile(r'href="(/console/[^"#]*)')


def test_every_link_leads_to_a_page(collected: Any) -> None:
    """From the dashboard on, as owner, administrator: no failure, no page that is missing."""
    routes = [Route(one.path, print, methods=["GET"]) for one in VIEWS if one.method == "GET"]
    for role in ("", "admin"):
        client = collected.client("olga", role)
        waiting, known = deque(["/console/"]), {"/console/"}
        opened: Counter[str] = Counter()
        wrong: list[tuple[str, int]] = []
        while waiting:
            address = waiting.popleft()
            route = _route_of(address, routes)
            opened[route] += 1
            if opened[route] > A_ROUTE:
                continue
            answer = client.get(address)
            if answer.status_code != 200:
                wrong.append((address, answer.status_code))
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            for found in _LINK.findall(answer.text):
                link = html.unescape(found)
                if link not in known and "/static/" not in link:
                    known.add(link)
                    waiting.append(link)
        assert wrong == [], role
        assert len(opened) > 20


def _route_of(address: str, routes: list[Route]) -> str:
    path = address.partition("?")[0].removeprefix("/console")
    scope = {"type": "http", "method": "GET", "path": path}
    return next((one.path for one in routes if one.matches(scope)[0] is Match.FULL), path)
