"""A proxy in front of a server of AWS that holds requests back while a test wants it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})
LONGEST = 300.0


class SlowS3:
    """Passes everything on; while it is `slow`, what was named waits."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to).netloc
        self._free = threading.Event()
        self._free.set()
        self._held: frozenset[str] = frozenset()
        self._part = ""
        self._passing = 0
        self.arrived = threading.Event()
        """Set once a request is held back."""
        self.seen: list[tuple[str, str]] = []
        """(method, path) of every request."""
        self.url = ""

    @contextmanager
    def slow(self, *methods: str, part: str = "", after: int = 0) -> Iterator[None]:
        """Hold requests of these methods back until the end of the block.

        Only those whose path has this part, and once so many of them have passed.
        """
        self._held, self._part, self._passing = frozenset(methods), part, after
        self.arrived.clear()
        self._free.clear()
        try:
            yield
        finally:
            self._held = frozenset()
            self._free.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a request on, and its answer back."""
        method, path = handler.command, handler.path
        self.seen.append((method, path))
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        if method in self._held and self._part in path:
            self._passing -= 1
            if self._passing < 0:
                self.arrived.set()
                self._free.wait(LONGEST)
        target = http.client.HTTPConnection(self._to, timeout=LONGEST)
        try:
            target.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                target.putheader(name, value)
            target.endheaders(body)
            found = target.getresponse()
            data = found.read()
        finally:
            target.close()
        handler.send_response(found.status)
        length = found.getheader("content-length") if method == "HEAD" else str(len(data))
        for name, value in found.getheaders():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("content-length", length or "0")
        handler.end_headers()
        handler.wfile.write(data)


@contextmanager
def in_front_of(url: str) -> Iterator[SlowS3]:
    """Serve a proxy on a free port of loopback."""
    slow = SlowS3(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            try:
                slow.answer(self)
            except OSError:
                self.close_connection = True  # whoever asked was killed, or has given up

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer  # noqa: N815 - http.server's

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    slow.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield slow
    finally:
        slow._free.set()
        server.shutdown()
        thread.join()
        server.server_close()
