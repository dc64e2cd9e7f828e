"""A recording API on loopback, valid examples of any shape, and requests signed by botocore."""

import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.serialize import create_serializer

from affidavit.api.app import create_app
from affidavit.api.bounded_http import BoundedHttp
from affidavit.api.engine import Engine, Handler, signed
from affidavit.api.limits import Limits
from affidavit.api.patterns import compile_pattern
from affidavit.api.protocol import Protocol, RawRequest
from affidavit.api.sigv4 import Credential, Verifier
from affidavit.operations.caller import Caller

ACCOUNT = "111122223333"
REGION = "eu-central-1"
PATIENCE = 60.0
"""Seconds for what comes at once, on a machine that is busy."""
KEY = Credential(
    access_key_id="AKIDAFFIDAVIT0000001",
    secret="made-up/secret+of=tests",
    account_id=ACCOUNT,
    principal_arn=f"arn:aws:iam::{ACCOUNT}:user/owner",
    role="owner",
)
TOKEN_KEY = Credential(
    access_key_id="ASIDAFFIDAVIT0000002",
    secret="another made-up secret",
    account_id=ACCOUNT,
    principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/delegate/someone",
    role="delegate",
    session_token="a/token+with=signs",
)
UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
WHEN = datetime(2026, 11, 23, 8, 46, 0, 123000, tzinfo=UTC)
TEXT = 'Prüfung 監査 🙂 "quoted" a/b?c=d&e#f%20+g; .. \\ <x>\ntwo lines\ttab'
LINE = TEXT.replace("\n", " ")
PLAIN = "Name / ü % 監査 🙂"

EXAMPLES: Mapping[str, str] = {
    "AWSServiceName": "Amazon Bedrock (v2.0)",
    "AccountId": ACCOUNT,
    "AccountName": "Account ~ name & co",
    "AssessmentReportName": "report_2026-11.v1",
    "AuditManagerArn": f"arn:aws:auditmanager:{REGION}:{ACCOUNT}:assessment/{UUID}",
    "CloudTrailArn": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:eventdatastore/{UUID}",
    "ControlCatalogId": "arn:aws:controlcatalog:::common-control/0123456789abcdef",
    "ControlDomainId": "arn:aws:controlcatalog:::domain/0123456789abcdef",
    "ControlSetName": "Set / ü % 監査",
    "ControlSources": "AWS Config, AWS-API.Call_2",
    "CreatedBy": "auditor-1 (x) [y]_z",
    "LastUpdatedBy": "auditor-2",
    "EmailAddress": "owner+audit@example.com",
    "ErrorCode": "404",
    "Filename": "evidence_2026-11.pdf",
    "GenericArn": f"arn:aws:s3:::bucket/{UUID}",
    "IamArn": f"arn:aws:iam::{ACCOUNT}:role/Audit/Owner",
    "KeywordValue": "iam_ListUsers (v1).x:/y-z",
    "KmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{UUID}",
    "ManualEvidenceLocalFileName": "Prüfung 1.pdf",
    "Region": REGION,
    "S3Url": "s3://bucket-1/a folder/file (1).pdf",
    "SNSTopic": "topic_1-[x](y)",
    "SnsArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic",
    "TagKey": "team:cost/center=1",
    "TimestampUUID": f"1763887560123_{UUID}",
    "Token": "AbC+/=09",
    "UUID": UUID,
    "UrlLink": "https://www.example.com/reports/one",
    "Username": "someone+else=x,y.z@example",
    "organizationId": "o-0123456789",
    "SourceName": TEXT,
    "String": LINE,
    "TagValue": LINE,
    "NonEmptyString": LINE,
    "QueryStatement": TEXT,
    "AssessmentName": PLAIN,
    "ControlName": PLAIN,
    "FrameworkName": PLAIN,
}
"""A valid value for each string shape that has a pattern; all others take any text."""


def example(shape: Any, *, full: bool) -> Any:
    """Return a valid value of `shape`: with every member, or with the required ones only."""
    kind = shape.type_name
    if kind == "structure":
        return {
            name: example(member, full=full)
            for name, member in shape.members.items()
            if full or name in shape.required_members
        }
    if kind == "list":
        count = max(2 if full else 1, shape.metadata.get("min", 0))
        return [example(shape.member, full=full) for _ in range(count)]
    if kind == "map":
        return {example(shape.key, full=full): example(shape.value, full=full)}
    if kind == "string":
        return _text(shape)
    return {"integer": 7, "boolean": True, "timestamp": WHEN}[kind]


def _text(shape: Any) -> str:
    if shape.enum:
        return str(shape.enum[-1])
    value = EXAMPLES.get(shape.name, TEXT)[: shape.metadata.get("max", len(TEXT) * 9)]
    pattern = shape.metadata.get("pattern")
    assert pattern is None or compile_pattern(pattern).fullmatch(value), shape.name
    return value


@dataclass
class Recorder:
    """Handlers for all operations: note what came, answer what the test said."""

    received: list[tuple[str, Caller, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def handlers(self, names: Sequence[str]) -> dict[str, Handler]:
        """Return a handler for each name."""
        return {name: self._handler(name) for name in names}

    def _handler(self, name: str) -> Handler:
        def handle(caller: Caller, members: dict[str, Any]) -> Mapping[str, Any]:
            self.received.append((name, caller, members))
            answer = self.answers.get(name, {})
            if isinstance(answer, BaseException):
                raise answer
            if callable(answer):
                answer = answer(members)
            found: Mapping[str, Any] = answer
            return found

        return handle


@dataclass
class Served:
    """A running server: its address, and what its operations saw."""

    url: str
    port: int
    recorder: Recorder

    def client(self, credential: Credential = KEY, region: str = REGION) -> Any:
        """Return a boto3 client that tries each call once."""
        return boto3.client(
            "auditmanager",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=credential.access_key_id,
            aws_secret_access_key=credential.secret,
            aws_session_token=credential.session_token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def raw(self, sent: bytes, patience: float = PATIENCE) -> bytes:
        """Send bytes on a connection of their own and return the answer, or nothing.

        After `patience` seconds without an answer the sending side is closed.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(sent)
            connection.settimeout(patience)
            try:
                return one_answer(connection)
            except TimeoutError:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(PATIENCE)
                return one_answer(connection)


def one_answer(connection: socket.socket) -> bytes:
    """Return the one answer that comes on a connection, or what came of it."""
    answer = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return answer
        answer += part
        length = re.search(rb"content-length: (\d+)\r\n", answer, re.IGNORECASE)
        head, end, body = answer.partition(b"\r\n\r\n")
        if not part or (end and length and len(body) >= int(length[1])):
            return head + end + body


def keys(access_key_id: str) -> Credential | None:
    """Return one of the two keys of the tests."""
    return {key.access_key_id: key for key in (KEY, TOKEN_KEY)}.get(access_key_id)


def serve(app: Any, recorder: Recorder, http: Any = BoundedHttp) -> Iterator[Served]:
    """Serve an application by uvicorn on a free port of loopback, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(app, http=http, log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    yield Served(f"http://127.0.0.1:{port}", port, recorder)
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    """Return the compiled model."""
    return Protocol()


@pytest.fixture(scope="session")
def sample() -> Callable[..., Any]:
    """Return the maker of valid examples of a shape."""
    return example


@pytest.fixture(scope="session")
def new_recorder() -> Callable[[], Recorder]:
    """Return the maker of recorders, for servers that outlive a test."""
    return Recorder


@pytest.fixture
def recorder() -> Recorder:
    """Return operations that note what they are asked."""
    return Recorder()


@pytest.fixture(scope="module")
def served(protocol: Protocol) -> Iterator[Served]:
    """Serve the whole API, with signatures, on loopback."""
    noted = Recorder()
    app = create_app(noted.handlers(list(protocol.operations)), keys, Limits())
    yield from serve(app, noted)


@pytest.fixture(scope="module")
def serving() -> Callable[..., Iterator[Served]]:
    """Return the way to serve another application, as a generator."""
    return serve


@pytest.fixture
def engine(protocol: Protocol, recorder: Recorder) -> Engine:
    """Return the engine, with signatures, without a server."""
    handlers = recorder.handlers(list(protocol.operations))
    return Engine(protocol, handlers, signed(Verifier(keys)))


@pytest.fixture(scope="session")
def key() -> Credential:
    """Return the key of an owner, a long-term one."""
    return KEY


@pytest.fixture(scope="session")
def token_key() -> Credential:
    """Return the key of a delegate, a temporary one."""
    return TOKEN_KEY


@pytest.fixture(scope="session")
def wire(protocol: Protocol) -> Callable[..., RawRequest]:
    """Return the maker of requests as botocore serialises and signs them."""
    serializer = create_serializer("rest-json", include_validation=False)

    def make(
        operation: str, members: Mapping[str, Any], credential: Credential = KEY
    ) -> RawRequest:
        request = serializer.serialize_to_request(
            dict(members), protocol.model.operation_model(operation)
        )
        prepare_request_dict(request, endpoint_url="http://127.0.0.1:8080", context={})
        made = create_request_object(request)
        signer = Credentials(credential.access_key_id, credential.secret, credential.session_token)
        SigV4Auth(signer, "auditmanager", REGION).add_auth(made)
        prepared = made.prepare()
        url = urlsplit(prepared.url)
        headers = [(b"host", b"127.0.0.1:8080")]
        headers += [
            (name.lower().encode(), _bytes(text)) for name, text in prepared.headers.items()
        ]
        return RawRequest(
            method=prepared.method,
            raw_path=re.sub(r"^$", "/", url.path).encode(),
            query=url.query.encode(),
            headers=headers,
            body=prepared.body or b"",
        )

    return make


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
