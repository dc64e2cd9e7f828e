"""The head of a request has an end."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

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
    return socket.create_connection(("127.0.0.1", served.port), timeout=5)


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


def test_whole_requests_pass(impatient: Any) -> None:
    """Several requests on one connection are answered, however long the pauses after a head."""
    with connected(impatient) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"X: " + b"x" * 5000 + b"\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
