"""The head of a request has an end."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.api.conftest import PATIENCE, one_answer

from affidavit.api.app import create_app
from affidavit.api.bounded_http import BoundedHttp

HEAD = b"GET /_affidavit/health HTTP/1.1\r\nHost: localhost\r\n"


class Impatient(BoundedHttp):
    """The same with a deadline that a test can wait for."""

    head_seconds = 0.3


@pytest.fixture(scope="module")
def impatient(serving: Callable[..., Iterator[Any]], new_recorder: Any) -> Iterator[Any]:
    """Serve with the bounded protocol."""
    yield from serving(create_app({}, lambda _: None), new_recorder(), http=Impatient)


def connected(served: Any) -> socket.socket:
    """Return a connection to the server."""
    return socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)


def flood(connection: socket.socket) -> None:
    """Send a hundred megabytes of headers."""
    connection.sendall(HEAD)
    for number in range(1000):
        connection.sendall(b"X%d: " % number + b"x" * 100_000 + b"\r\n")


def test_endless_headers_are_cut_off(impatient: Any) -> None:
    """Megabytes of headers are refused after the first hundred thousand bytes."""
    with connected(impatient) as connection, pytest.raises(OSError, match=r"reset|pipe"):
        flood(connection)


@pytest.mark.parametrize("sent", [b"", HEAD])
def test_slow_heads_are_cut_off(sent: bytes, impatient: Any) -> None:
    """Neither silence nor half a head holds a connection."""
    with connected(impatient) as connection:
        connection.sendall(sent)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_whole_requests_pass(serving: Any, new_recorder: Any) -> None:
    """Several requests on one connection are answered, however long their heads are together."""
    for served in serving(create_app({}, lambda _: None), new_recorder()):
        with connected(served) as connection:
            for _ in range(3):
                connection.sendall(HEAD + b"X: " + b"x" * 50_000 + b"\r\n\r\n")
                assert one_answer(connection).startswith(b"HTTP/1.1 200 ")


CHUNKED = (
    b"POST /_affidavit/files/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Noting:
    """An application that reads the whole body and keeps the headers as they are afterwards."""

    def __init__(self) -> None:
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 200."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body", False):
            continue
        self.headers.append(list(scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_trailers_are_no_headers(serving: Any, new_recorder: Any) -> None:
    """What stands behind a body cannot add to what was looked at before it."""
    app = Noting()
    for served in serving(app, new_recorder()):
        with connected(served) as connection:
            connection.sendall(CHUNKED + b"1\r\nx\r\n0\r\n")
            connection.sendall(b"Host: evil.example\r\nAuthorization: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    (headers,) = app.headers
    assert [value for name, value in headers if name == b"host"] == [b"localhost"]
    assert b"authorization" not in dict(headers)


def trailers(connection: socket.socket) -> None:
    """Send a hundred megabytes behind a body."""
    connection.sendall(CHUNKED + b"1\r\nx\r\n0\r\n")
    for number in range(100_000):
        connection.sendall(b"X%d: " % number + b"x" * 1000 + b"\r\n")


def test_endless_trailers_are_cut_off(serving: Any, new_recorder: Any) -> None:
    """Megabytes behind a body are refused after the first thousands of bytes."""
    for served in serving(Noting(), new_recorder()):
        with connected(served) as connection, pytest.raises(OSError, match=r"reset|pipe"):
            trailers(connection)
