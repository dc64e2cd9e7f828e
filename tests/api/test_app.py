"""The application on a real server: doors, limits, errors as SDKs see them, the log."""

import dataclasses
import json
import logging
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.api.conftest import PATIENCE

from affidavit.api.anonymous import anonymous
from affidavit.api.app import create_app
from affidavit.api.limits import Limits
from affidavit.errors import StoreFullError
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    QuotaFault,
    ThrottlingFault,
    ValidationFault,
)

UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
Serving = Callable[..., Iterator[Any]]


def answers(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the first HTTP answer in `raw`."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), headers, body


def everything(connection: socket.socket) -> bytes:
    """Return what is received until the other side ends the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def fetched(url: str) -> bytes:
    """Return what a plain GET of a URL brings."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own loopback URL
        body: bytes = answer.read()
    return body


@pytest.fixture(scope="module")
def unsigned(serving: Serving, new_recorder: Any, protocol: Any) -> Iterator[Any]:
    """Serve the API without authentication."""
    recorder = new_recorder()
    handlers = recorder.handlers([n for n in protocol.operations if n != "GetInsights"])
    limits = Limits(body_seconds=0.5, body_bytes=4096, header_bytes=8192)
    app = create_app(handlers, lambda _: None, limits, insecure=True)
    yield from serving(app, recorder)


@pytest.fixture
def insecure(unsigned: Any) -> Any:
    """Return the API without authentication, with nothing recorded yet."""
    unsigned.recorder.received.clear()
    return unsigned


@pytest.mark.parametrize(
    ("fault", "status", "members"),
    [
        (
            ValidationFault("No.", reason="other", fields=[("name", "Member must be new")]),
            400,
            {"reason": "other", "fields": [{"name": "name", "message": "Member must be new"}]},
        ),
        (ValidationFault("Alone."), 400, {"reason": "other"}),
        (
            NotFoundFault("x", "ASSESSMENT"),
            404,
            {"resourceId": "x", "resourceType": "ASSESSMENT"},
        ),
        (AccessDeniedFault("Not you."), 403, {}),
        (QuotaFault("Too many."), 402, {}),
        (ThrottlingFault(retry_after=7), 429, {}),
    ],
)
def test_faults_become_modelled_errors(
    fault: Any, status: int, members: dict[str, Any], served: Any
) -> None:
    """boto3 gives the modelled class with the modelled members and the right status."""
    client = served.client()
    served.recorder.answers["GetControl"] = fault
    with pytest.raises(getattr(client.exceptions, fault.code)) as caught:
        client.get_control(controlId=UUID)
    client.close()
    response = caught.value.response
    metadata = response.pop("ResponseMetadata")
    assert response.pop("Error") == {"Code": fault.code, "Message": fault.what}
    assert response.pop("message") == fault.what
    assert response == members
    assert metadata["HTTPStatusCode"] == status
    assert metadata["HTTPHeaders"]["x-amzn-errortype"] == fault.code
    assert metadata["RequestId"]
    assert metadata["HTTPHeaders"].get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    "failure", [StoreFullError("disk /secret/path is full"), ZeroDivisionError("secret")]
)
def test_failures_of_ours_tell_nothing(failure: Exception, served: Any, caplog: Any) -> None:
    """The caller gets the request id; the log gets the rest."""
    client = served.client()
    served.recorder.answers["GetControl"] = failure
    with caplog.at_level(logging.INFO), pytest.raises(ClientError) as caught:
        client.get_control(controlId=UUID)
    client.close()
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert error["Code"] == "InternalServerException"
    assert "secret" not in error["Message"]
    assert metadata["HTTPStatusCode"] == 500
    assert metadata["RequestId"] in error["Message"]
    assert metadata["RequestId"] in caplog.text


def test_a_wrong_secret_reaches_boto3_by_its_code(served: Any, key: Any) -> None:
    """Errors of the front end, which no model lists, come as plain client errors."""
    client = served.client(dataclasses.replace(key, secret="wrong"))
    with pytest.raises(ClientError) as caught:
        client.get_account_status()
    client.close()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_session_tokens_and_presigned_urls(served: Any, token_key: Any) -> None:
    """A temporary key works, and so does a URL that boto3 presigned."""
    served.recorder.answers["GetAccountStatus"] = {"status": "ACTIVE"}
    client = served.client(token_key)
    assert client.get_account_status()["status"] == "ACTIVE"
    url = client.generate_presigned_url("get_account_status")
    client.close()
    assert json.loads(fetched(url)) == {"status": "ACTIVE"}
    assert served.recorder.received[-1][1].role == "delegate"


NASTY = {
    "nothing": b"\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "other host": b"GET /account/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "absolute": b"GET http://evil.example/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute, our own": b"GET http://evil/account/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "fragment": b"GET /account/status#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "host with a user": b"GET /account/status HTTP/1.1\r\nHost: localhost:1@evil\r\n\r\n",
    "double slash": b"GET //evil.example/account/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad escape": b"GET /controls/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad length": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    "minus": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "huge": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "binary header": b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: \xff\xfe\r\n\r\n",
    "long headers": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
    "no operation": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "smuggled": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    b"Content-Length: 40\r\n\r\nGET /insights HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "folded length": b"POST /controls HTTP/1.1\r\nHost: localhost\r\nX: y\r\n Content-Length: 9\r\n"
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /insights HTTP/1.1\r\n\r\n",
    "chunked, not last": b"POST /controls HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /insights HTTP/1.1\r\n\r\n",
    "bare line feeds": b"GET /insights HTTP/1.1\nHost: localhost\n\n",
    "chunks over the limit": b"POST /controls HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "nul": b"GET /controls/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "websocket": b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_requests_get_a_4xx_or_nothing(name: str, insecure: Any) -> None:
    """A broken request ends with a 4xx or a closed connection, never a 5xx, never a hang."""
    raw = insecure.raw(NASTY[name], patience=2)
    if raw:
        status, headers, _ = answers(raw)
        assert 400 <= status < 500, raw
        assert "date" in headers
    assert insecure.recorder.received == []
    again = insecure.raw(b"GET /_affidavit/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answers(again)[0] == 200


def test_a_slow_body_ends(insecure: Any) -> None:
    """Somebody who never sends the rest of a body is told so, and the thread is free again."""
    with socket.create_connection(("127.0.0.1", insecure.port), timeout=PATIENCE) as connection:
        connection.sendall(
            b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        )
        status, headers, _ = answers(everything(connection))
    assert (status, headers["x-amzn-errortype"]) == (408, "requesttimeoutexception")


@pytest.mark.parametrize(
    "target", [b"/_affidavit/health HTTP/1.1\r\nHost: localhost", b"/ HTTP/1.1\r\nHost: evil"]
)
def test_nobody_waits_for_a_body_that_is_not_read(target: bytes, insecure: Any) -> None:
    """An answer that needs no body ends the connection: nobody holds it by dripping."""
    with socket.create_connection(("127.0.0.1", insecure.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST " + target + b"\r\nContent-Length: 100000\r\n\r\n{")
        answer = everything(connection)
    assert b"connection: close" in answer


def test_a_client_that_goes_away(insecure: Any, caplog: Any) -> None:
    """A request that is cut off runs no operation; the log says 499."""
    with caplog.at_level(logging.INFO, "affidavit.api.access"):
        with socket.create_connection(("127.0.0.1", insecure.port), timeout=PATIENCE) as connection:
            connection.sendall(
                b"PUT /settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{}"
            )
        assert [line["status"] for line in logged(caplog, 1, "/settings")] == [499]
    assert insecure.recorder.received == []


def logged(caplog: Any, count: int, path: str = "/account/status") -> list[dict[str, Any]]:
    """Return the access log's lines for a path; they are written after the answer is sent."""
    found: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        records = [r for r in caplog.records if r.name == "affidavit.api.access"]
        lines = [json.loads(record.getMessage()) for record in records]
        found = [line for line in lines if line["path"] == path]
        if len(found) >= count:
            break
        time.sleep(0.01)
    return found


def get(served: Any, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return the answer to a GET with some headers."""
    lines = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
    return answers(served.raw(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()))


def test_anonymous_callers(insecure: Any) -> None:
    """Without authentication an unsigned request is an administrator's of a made-up account."""
    insecure.recorder.answers["GetAccountStatus"] = {"status": "ACTIVE"}
    assert get(insecure, "/account/status")[2] == b'{"status":"ACTIVE"}'
    caller = insecure.recorder.received[-1][1]
    assert (caller.tenant, caller.role) == ("000000000000/us-east-1", "admin")


def test_known_keys_without_authentication(key: Any, wire: Any) -> None:
    """A known access key still says whose request it is, though nobody checks the signature."""
    request = wire("GetAccountStatus", {}, dataclasses.replace(key, secret="wrong"))
    credential, region = anonymous({key.access_key_id: key}.get)(request)
    assert (credential, region) == (key, "eu-central-1")
    assert anonymous(lambda _: None)(request)[0].account_id == "000000000000"


@pytest.mark.parametrize("header", ["Origin: http://localhost", "Sec-Fetch-Site: same-origin"])
def test_no_browsers_without_authentication(header: str, insecure: Any) -> None:
    """A page in a browser cannot drive a server that asks for no signature."""
    status, headers, _ = get(insecure, "/account/status", header)
    assert (status, headers["x-amzn-errortype"]) == (403, "accessdeniedexception")
    assert insecure.recorder.received == []


def test_an_operation_without_a_handler(insecure: Any) -> None:
    """It is refused by the modelled error that no SDK repeats, and that says what it is."""
    status, headers, body = get(insecure, "/insights")
    assert (status, headers["x-amzn-errortype"]) == (400, "validationexception")
    assert json.loads(body)["reason"] == "unknownOperation"
    with pytest.raises(ValueError, match="do not exist: GetNothing"):
        create_app({"GetNothing": lambda *_: {}}, lambda _: None)


def test_the_host_must_be_listed(serving: Serving, recorder: Any) -> None:
    """A name that only points here (DNS rebinding) is refused before anything is read."""
    app = create_app({}, lambda _: None, hosts=["audit.example"], ready=lambda: False)
    for served in serving(app, recorder):
        status, headers, _ = get(served, "/_affidavit/health")
        assert (status, headers["x-amzn-errortype"]) == (421, "misdirectedrequestexception")
        good = b"GET /_affidavit/%s HTTP/1.1\r\nHost: Audit.Example:8080\r\n\r\n"
        assert answers(served.raw(good % b"health"))[0] == 200
        assert answers(served.raw(good % b"ready"))[0] == 503


def test_the_access_log_holds_no_secrets(served: Any, key: Any, caplog: Any) -> None:
    """One JSON line a request: who, what, how long; no query, no signature, no body."""
    served.recorder.answers["GetAccountStatus"] = {}
    client = served.client(key)
    url = client.generate_presigned_url("get_account_status")
    with caplog.at_level(logging.INFO, "affidavit.api.access"):
        client.get_account_status()
        fetched(url)
        lines = logged(caplog, 2)
    client.close()
    assert "ignature" not in caplog.text
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(r"[0-9a-f-]{36}", line.pop("requestId"))
        assert (line.pop("time"), line.pop("ms")) > (0, 0)
        assert line == {
            "client": "127.0.0.1",
            "method": "GET",
            "path": "/account/status",
            "operation": "GetAccountStatus",
            "accountId": "111122223333",
            "region": "eu-central-1",
            "accessKeyId": key.access_key_id,
            "status": 200,
            "error": "",
            "bytes": 2,
        }


def test_too_many_at_once(serving: Serving, recorder: Any) -> None:
    """More requests than may wait are told to come again; those under way are answered."""
    gate, entered = threading.Event(), threading.Event()

    def slow(*_: Any) -> dict[str, Any]:
        entered.set()
        gate.wait(PATIENCE)
        return {}

    app = create_app(
        {"GetInsights": slow}, lambda _: None, Limits(threads=1, waiting=0), insecure=True
    )
    running = serving(app, recorder)
    served = next(running)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(get, served, "/insights")
        assert entered.wait(PATIENCE)
        status, headers, _ = get(served, "/insights")
        gate.set()
        assert first.result(PATIENCE)[0] == 200
    assert (status, headers["x-amzn-errortype"]) == (429, "throttlingexception")
    assert headers["retry-after"] == "1"
    assert next(running, None) is None


class Taken:
    """An application that counts the bytes of bodies that were taken by it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._bytes = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def counted() -> Message:
            message = await receive()
            self._bytes += len(message.get("body", b""))
            return message

        await self._app(scope, counted, send)

    def reach(self, length: int) -> bool:
        """Wait until so many bytes were taken; False where that takes too long."""
        end = time.monotonic() + PATIENCE
        while self._bytes < length and time.monotonic() < end:
            time.sleep(0.01)
        return self._bytes >= length


def test_bodies_of_all_requests_together_are_bounded(serving: Serving, recorder: Any) -> None:
    """Many that send a body and never end it take a bounded part of memory; others are told so."""
    limits = Limits(held_bytes=3_000_000, body_seconds=PATIENCE)
    taken = Taken(create_app({}, lambda _: None, limits, insecure=True))
    running = serving(taken, recorder)
    served = next(running)
    head = b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(3):
            connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
            stack.enter_context(connection).sendall(head + b"x" * 999_000)
        assert taken.reach(3 * 999_000)
        small = head.replace(b"1000001", b"10000") + b"x" * 10_000
        assert answers(served.raw(small))[0] == 429
    status, _, _ = answers(served.raw(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    assert status == 404
    assert next(running, None) is None
