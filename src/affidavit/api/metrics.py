"""`/metrics`: what Prometheus reads, by the same door rules as health; inside the host check."""

from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/metrics"


class Metrics:
    """Answers one path; passes everything else on."""

    def __init__(self, app: ASGIApp, text: Callable[[], str], content_type: str) -> None:
        self._app, self._text, self._type = app, text, content_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD of /metrics."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        status, body = 405, b""
        if scope["method"] in ("GET", "HEAD"):
            status, body = 200, (await run_in_threadpool(self._text)).encode()
        headers = [
            (b"content-type", self._type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})
