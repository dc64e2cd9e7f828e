"""Reading what a form sends: never more than it may have, and few forms with files at once.

A file is spooled to disk before a view looks at it. The bytes are counted as they come, whatever
the request says of its length. Of forms with files, what is too large is read to its end and kept
nowhere, for a browser that is cut off while it sends shows no answer; all others, those of
strangers too, are refused before they are read. What comes by drops is ended, for it would keep its
place among the few as long as it likes.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from affidavit.console.forms import MAX_BYTES, MAX_FIELDS, MAX_FIELDS_WITH_FILES, OF_FILES, Form
from affidavit.console.texts import _
from affidavit.operations.faults import ThrottlingFault

AT_ONCE: Final = 6
"""Forms with files that are taken at once: what they spool has to fit on the disk."""
OF_ONE_USER: Final = 2
MOST_DISCARDED: Final = 2**31
"""Bytes of a form that is too large that are read, so that the browser shows why it was refused."""
PATIENCE: Final = 60.0
"""Seconds that a form may take, and besides a second for each of these bytes that came:"""
SLOWEST: Final = 16_384
_TOO_SLOW: Final = 408
_TOO_LARGE: Final = 413
_NO_LENGTH: Final = 411


class FormReader:
    """Reads forms; one for the server, used by its event loop alone."""

    def __init__(self) -> None:
        """Begin without a form under way."""
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def read(self, request: Request, max_bytes: int, user: str) -> AsyncIterator[Form]:
        """Give a form, whose files are there until the end of it.

        Raises `HTTPException` for one that is too large, too slow or does not say how long it is,
        and `ThrottlingFault` where too many files come at once.
        """
        request = Request(request.scope, _paced(request.receive))
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise HTTPException(_NO_LENGTH, _("The browser did not say how long the form is."))
        if int(length.lstrip("0")[:15] or 0) > max_bytes:
            if max_bytes > MAX_BYTES:
                await _discard(request)
            raise too_large(max_bytes)
        with_files = max_bytes > MAX_BYTES
        with self._turn(user if with_files else ""):
            async with _counted(request, max_bytes).form(
                max_files=1, max_fields=MAX_FIELDS_WITH_FILES if with_files else MAX_FIELDS
            ) as data:
                yield Form.of(data)

    @contextmanager
    def _turn(self, user: str) -> Iterator[None]:
        """Count a user's form with a file among those under way; without a user count none."""
        if not user:
            yield
            return
        if self._under_way[user] >= OF_ONE_USER or self._under_way.total() >= AT_ONCE:
            raise ThrottlingFault(_("Other files are being uploaded. Try again in a moment."))
        self._under_way[user] += 1
        try:
            yield
        finally:
            self._under_way[user] -= 1


def too_large(max_bytes: int) -> HTTPException:
    """Return the refusal of a form that has more than it may."""
    small = max_bytes <= MAX_BYTES
    size = f"{max_bytes // 1024} KB" if small else f"{(max_bytes - OF_FILES) // 1024**2} MB"
    what = _("This is too large: at most %(size)s can be sent here.") % {"size": size}
    return HTTPException(_TOO_LARGE, what)


def _paced(given: Receive) -> Receive:
    """Return what receives the same, and ends in a refusal where it comes too slowly."""
    began, seen = time.monotonic(), 0

    async def receive() -> Message:
        nonlocal seen
        left = began + PATIENCE + seen / SLOWEST - time.monotonic()
        try:
            with anyio.fail_after(max(0.0, left)):
                message = await given()
        except TimeoutError as error:
            raise HTTPException(_TOO_SLOW, _("The form came too slowly.")) from error
        seen += len(message.get("body", b""))
        return message

    return receive


def _counted(request: Request, max_bytes: int) -> Request:
    """Return the request, which ends in a refusal where more comes than it may have."""
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > max_bytes:
            raise too_large(max_bytes)
        return message

    return Request(request.scope, receive)


async def _discard(request: Request) -> None:
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > MOST_DISCARDED:
            return
