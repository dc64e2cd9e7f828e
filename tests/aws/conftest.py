"""Loopback servers for the door: one that answers whatever a test says, and moto."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.model.catalogue import Operation
from affidavit.model.observation import Unit

ACCOUNT = "123456789012"
CALLER = f"arn:aws:iam::{ACCOUNT}:user/auditor"
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    f"<GetCallerIdentityResult><Arn>{CALLER}</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>who</RequestId></ResponseMetadata>"
    "</GetCallerIdentityResponse>"
)

WEB_PAGE = "<!doctype html>\n<html lang=en><title>500</title><h1>Internal Server Error</h1></html>"


@dataclass
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What the server answers; `hang` seconds before it answers at all."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    cut: bool = False
    """Close the connection before everything promised was sent."""
    drip: float = 0.0
    """Seconds before each byte of the body, or of a header that never ends (`drip_headers`)."""
    drip_headers: bool = False


Answer = Callable[[Request], Reply]


class Nasty:
    """A loopback server: sts answers properly, everything else as the test says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = lambda _: Reply(status=404)
        self.identity: Answer = lambda _: Reply(IDENTITY, headers={"Content-Type": "text/xml"})
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (Handler,), {"nasty": self})
        )
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def replies(self, *replies: Reply) -> None:
        """Answer with these in turn, the last one for ever."""
        left = list(replies)

        def answer(_: Request) -> Reply:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answer = answer

    @staticmethod
    def reply(body: bytes | str = b"", status: int = 200) -> Reply:
        """Return a plain reply."""
        return Reply(body, status)

    @staticmethod
    def page(status: int) -> Reply:
        """Return a web page with this status."""
        return Reply(WEB_PAGE, status, headers={"Content-Type": "text/html"})

    def deny(self, body: str, status: int = 403) -> None:
        """Answer everything but sts with this error."""
        self.replies(Reply(body, status))

    def stop(self) -> None:
        """Stop listening and let hanging answers go."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply_to(self, request: Request) -> Reply:
        """Return the reply to a request, once it may go out."""
        if b"Action=GetCallerIdentity" in request.body or b"Action=AssumeRole" in request.body:
            return self.identity(request)
        self.requests.append(request)
        reply = self.answer(request)
        if reply.hang:
            self.released.wait(reply.hang)
        return reply


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the `Nasty` server for the reply, and sends it."""

    protocol_version = "HTTP/1.1"
    nasty: Nasty

    def handle_one_request(self) -> None:
        """Answer one request of whatever method."""
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(self.nasty.reply_to(Request(self.command, self.path, headers, body)))
        except ConnectionError:
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (10 if reply.cut else 0)))
        if reply.drip_headers:
            self.flush_headers()
            self.wfile.write(b"X-Slow: ")
            self._drip(b"a" * 10_000, reply.drip)
        self.end_headers()
        self._drip(body, reply.drip)
        self.close_connection = self.close_connection or reply.cut

    def _drip(self, data: bytes, seconds: float) -> None:
        """Send bytes one by one, or all at once where there is nothing to wait."""
        if not seconds:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes((byte,)))
            if self.nasty.released.wait(seconds):
                return

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def nasty() -> Iterator[Nasty]:
    """Yield a fresh server that answers as the test says."""
    server = Nasty()
    yield server
    server.stop()


DoorMaker = Callable[..., Door]
ReplyMaker = Callable[..., Reply]


@pytest.fixture
def make_door(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorMaker]:
    """Return a maker of doors with static keys, apart from this machine's AWS configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    doors: list[Door] = []

    def make(
        endpoint_url: str, *, sleep: Callable[[float], None] | None = None, **more: Any
    ) -> Door:
        given: dict[str, Any] = {
            "endpoint_url": endpoint_url,
            "access_key": "AKIDEXAMPLE",
            "secret_key": "secret",
            "region": "us-east-1",
            "call_timeout": 60,
            "requests_per_second": 1000,
        }
        settings = AwsSettings(**(given | more))
        door = Door(settings, sleep=sleep) if sleep else Door(settings)
        doors.append(door)
        return door

    yield make
    for door in doors:
        door.close()


@dataclass(frozen=True)
class Asked:
    """An operation and its unit, for tests."""

    operation: Operation
    unit: Unit


Asker = Callable[..., Asked]


@pytest.fixture
def asked() -> Asker:
    """Return a maker of operation and unit, as the catalogue would give them."""

    def make(service: str, name: str, /, **parameters: Any) -> Asked:
        more = {
            k: parameters.pop(k)
            for k in ("absent_on", "redact", "region", "account_id")
            if k in parameters
        }
        operation = Operation(
            key=name,
            service=service,
            operation=name,
            per_account=False,
            fan_out="once",
            inputs={},
            parents=(),
            absent_on=frozenset(more.get("absent_on", ())),
            iam_action=f"{service}:{name}",
            redact=tuple(more.get("redact", ())),
            note="",
        )
        unit = Unit(
            key=name,
            account_id=more.get("account_id", ACCOUNT),
            region=more.get("region", "us-east-1"),
            parameters=parameters,
        )
        return Asked(operation, unit)

    return make


@pytest.fixture
def door(nasty: Nasty, make_door: DoorMaker) -> Door:
    """Return a door to the misbehaving server."""
    return make_door(nasty.url)


@pytest.fixture
def reply() -> ReplyMaker:
    """Return a maker of replies; a dict is sent as JSON."""

    def make(body: Any = b"", status: int = 200, **more: Any) -> Reply:
        headers = {"Content-Type": "application/json", "x-amzn-requestid": "rid"}
        sent = json.dumps(body) if isinstance(body, dict) else body
        return Reply(sent, status, **({"headers": headers} | more))

    return make


@pytest.fixture
def web_page() -> str:
    """Return what emulators and proxies answer when they do not know better."""
    return WEB_PAGE
