"""Views: which function answers which path, and what it needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from affidavit.console.forms import MAX_BYTES
from affidavit.console.page import Page

Answer = Callable[[Page], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One path and method."""

    path: str
    """Below the console, with {parameters}."""
    answer: Answer
    method: Literal["GET", "POST"] = "GET"
    back: Answer | None = None
    """Of a POST: shows the form again, with what was wrong."""
    public: bool = False
    """Whether it is for people who are not signed in."""
    max_bytes: int = MAX_BYTES
    """Longest body."""
    needs: str = ""
    """Operation of the API that the persona must have before the body is read; empty: none."""
    name: str = ""
    """What the reference calls the page; empty: not listed there."""


def view(path: str, answer: Answer, name: str, *, public: bool = False) -> View:
    """Return a page."""
    return View(path=path, answer=answer, name=name, public=public)


def act(
    path: str,
    answer: Answer,
    back: Answer | None = None,
    *,
    public: bool = False,
    max_bytes: int = MAX_BYTES,
    needs: str = "",
) -> View:
    """Return what a form is sent to."""
    return View(
        path=path,
        answer=answer,
        method="POST",
        back=back,
        public=public,
        max_bytes=max_bytes,
        needs=needs,
    )


def attachment(parts: Iterator[bytes], name: str, media_type: str) -> Response:
    """Return a file that browsers save, and never show; one that is damaged fails before it."""
    first = next(parts, b"")
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return StreamingResponse(chain([first], parts), media_type=media_type, headers=headers)
