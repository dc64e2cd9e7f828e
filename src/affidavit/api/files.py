"""Files that go past the API: uploads of manual evidence, downloads of reports, by presigned URL.

An upload is streamed to disk and hashed on the way; memory stays flat. A URL that is not good is
answered with 403 and nothing else.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from affidavit.errors import AffidavitError, StoreFullError
from affidavit.operations import uploads
from affidavit.operations.assessment_reports import report_file
from affidavit.operations.context import Context
from affidavit.operations.presigned import PREFIX, Pass, check
from affidavit.store.attachments import NewAttachment

AT_ONCE: Final = 16
"""Uploads under way at once; more are told to come again."""
AT_ONCE_OF_ONE: Final = 4
"""Those of one tenant: it cannot keep the others out."""
IDLE_SECONDS: Final = 30.0
"""How long an upload may pause."""
UPLOAD_SECONDS: Final = 900.0
"""How long an upload may take: as long as its URL is good."""
_BUFFER: Final = 2**20
_log: Final = logging.getLogger("affidavit.api")


class Files:
    """ASGI middleware: answers URLs below `PREFIX`, passes everything else on."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        self._under_way: Counter[str] = Counter()
        """Uploads by tenant."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a file, or pass it on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except AffidavitError as error:
            # As it came: decoded, a path may hold the end of a line.
            path = scope["raw_path"].decode("latin-1")
            _log.error("%s %s failed: %s", scope["method"], path, error)
            full = isinstance(error, StoreFullError)
            answer = _refusal(507 if full else 500, "The server failed; its log says more.")
        _log_access(scope, answer.status_code)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        given = await asyncio.to_thread(check, self._context, scope["method"], path, query)
        if given is None:
            return _refusal(403, "The URL is not valid, or has expired.")
        if given.purpose == "report":
            return await self._download(given)
        if _announced(scope) > uploads.MAX_BYTES:
            return _too_large()
        under_way = self._under_way
        if under_way.total() >= AT_ONCE or under_way[given.tenant] >= AT_ONCE_OF_ONE:
            return _refusal(503, "Too many uploads are under way. Try again.")
        under_way[given.tenant] += 1
        try:
            return await self._upload(given, receive)
        finally:
            under_way[given.tenant] -= 1
            if not under_way[given.tenant]:
                del under_way[given.tenant]

    async def _download(self, given: Pass) -> Response:
        found = await asyncio.to_thread(report_file, self._context, given.tenant, given.id)
        if found is None:
            return _refusal(404, "There is no such report.")
        # The first part is opened before the answer begins: a report that is gone is an error.
        parts, name = found
        first = await asyncio.to_thread(next, parts, b"")
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        headers = {"cache-control": "no-store", "content-disposition": disposition}
        return StreamingResponse(
            chain([first], parts), media_type="application/zip", headers=headers
        )

    async def _upload(self, given: Pass, receive: Receive) -> Response:
        if not await asyncio.to_thread(uploads.is_room, self._context, given):
            return _too_many()
        with await asyncio.to_thread(self._context.store.attachments.new, given.tenant) as new:
            if refused := await _refused(receive, new):
                return refused
            digest = new.digest
            known = await asyncio.to_thread(uploads.known, self._context, given)
            if known is None:
                await asyncio.to_thread(new.close)
                known = await asyncio.to_thread(uploads.received, self._context, given, new)
        if known is None:
            return _too_many()
        if known != digest:
            return _refusal(409, "Another file was uploaded by this URL. Ask for a new one.")
        return Response(status_code=200, headers={"etag": f'"{digest}"'})


async def _refused(receive: Receive, new: NewAttachment) -> Response | None:
    """Write the body to the file; return why it is not taken, or None."""
    try:
        # Around this alone: a file that is being made when time is over would stay open.
        async with asyncio.timeout(UPLOAD_SECONDS):
            whole = await _receive(receive, new)
    except TimeoutError:
        return _refusal(408, f"An upload may take {UPLOAD_SECONDS:.0f} seconds.")
    if whole is None:
        return _too_large()
    return None if whole else _refusal(400, "The file did not arrive whole.")


async def _receive(receive: Receive, new: NewAttachment) -> bool | None:
    """Write the body to the file; return True: whole, False: broken off, None: too large."""
    waiting = bytearray()
    more = True
    while more:
        try:
            # Not wait_for: Python 3.11's may swallow the end of the time for the whole.
            async with asyncio.timeout(IDLE_SECONDS):
                message = await receive()
        except TimeoutError:
            return False
        if message["type"] == "http.disconnect":
            return False
        waiting += message.get("body", b"")
        more = message.get("more_body", False)
        if new.size + len(waiting) > uploads.MAX_BYTES:
            return None
        if len(waiting) >= _BUFFER or not more:
            await asyncio.to_thread(_write, new.write, waiting)
    return new.size > 0


def _write(write: Callable[[bytes], None], waiting: bytearray) -> None:
    write(bytes(waiting))
    waiting.clear()


def _announced(scope: Scope) -> int:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    text = headers.get(b"content-length", b"0")
    return int(text.lstrip(b"0")[:15] or 0) if text.isdigit() else 0


def _too_large() -> Response:
    return _refusal(413, f"A file may have {uploads.MAX_BYTES} bytes.")


def _too_many() -> Response:
    files, size = uploads.MAX_A_DAY, uploads.MAX_BYTES_A_DAY
    return _refusal(429, f"An account and Region may upload {files} files of {size} bytes a day.")


def _refusal(status: int, message: str) -> Response:
    body = json.dumps({"message": message})
    # What was not read of an upload would be taken for the next request.
    headers = {"connection": "close", "cache-control": "no-store"}
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _log_access(scope: Scope, status: int) -> None:
    """Write one line without the query: it holds the signature."""
    line = {"method": scope["method"], "path": scope["path"], "status": status}
    logging.getLogger("affidavit.api.access").info("%s", json.dumps(line))
