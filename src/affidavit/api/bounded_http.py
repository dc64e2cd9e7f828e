"""uvicorn's HTTP protocol with a limit on the head of a request, in bytes and in seconds.

uvicorn's httptools parser takes headers without end (a client that sent 100 MB of them was
buffered whole, measured with uvicorn 0.54) and waits for ever for the rest of a head. Both need no
signature, so they are stopped here, before the application.

Trailers of a chunked body are read and forgotten: uvicorn would add them to the headers that the
application has already looked at, without end.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedHttp(HttpToolsProtocol):
    """Give it to uvicorn as `http=BoundedHttp`."""

    head_bytes: ClassVar[int] = 131_072
    """Request line and headers; twice what `Limits.header_bytes` answers politely."""
    head_seconds: ClassVar[float] = 10.0
    trailer_bytes: ClassVar[int] = 8192
    """Headers behind a chunked body, together; nobody here reads them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what uvicorn gives its protocols."""
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._received = 0
        self._in_head = True
        self._trailers = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Expect a head from the first moment on."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; close when a head is still not whole after `head_bytes`."""
        super().data_received(data)
        if self._deadline is not None:
            self._received += len(data)
            if self._received > self.head_bytes:
                self._refuse()

    def on_message_begin(self) -> None:
        """Expect the head of the next request on this connection."""
        super().on_message_begin()
        self._in_head = True
        self._trailers = 0
        self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; forget a trailer, and close when there are too many."""
        if self._in_head:
            super().on_header(name, value)
            return
        self._trailers += len(name) + len(value)
        if self._trailers > self.trailer_bytes:
            self._refuse()

    def on_headers_complete(self) -> None:
        """Leave the rest to the application; the parser answers 400 to what is raised here."""
        self._head_done()
        self._in_head = False
        if not self.url.startswith(b"/") or b"#" in self.url:
            # An absolute target names a host of its own, which nobody here would look at.
            raise ValueError("The target of a request must be a path.")
        super().on_headers_complete()

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._received = 0
            self._deadline = self.loop.call_later(self.head_seconds, self._refuse)

    def _head_done(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        self._head_done()
        if not self.transport.is_closing():
            self.send_400_response("The head of the request is too long or too slow.")
