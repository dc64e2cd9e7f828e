"""Bedrock's runtime: one request in, one reply out; what went wrong is in the reply.

The account's own credentials, the pace for each account, Region and service, the repetitions after
throttling and the patience are the door's.
"""

import json
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from botocore import xform_name
from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from affidavit.aws import peers
from affidavit.aws.bedrock_bounds import MAX_ANSWER, CutOffError, TooLargeError, bound, read
from affidavit.aws.bedrock_errors import Failure, failure
from affidavit.aws.clients import Clients, trusts_usual_authorities
from affidavit.aws.deadline import within
from affidavit.aws.errors import PARSER_TROUBLE, UNREADABLE
from affidavit.aws.identity import Access, Accounts
from affidavit.aws.limits import Breaker, Limits, StoppedError
from affidavit.aws.settings import AwsSettings
from affidavit.aws.shapes import plain
from affidavit.aws.trace import Trace
from affidavit.errors import CollectError, CredentialsError, EstateError
from affidavit.model.answering import ErrorKind
from affidavit.model.observation import JsonObject

SERVICE: Final = "bedrock-runtime"
MODEL_SECONDS: Final = 120.0
"""A model is waited for longer than other answers: a long one takes more than a minute."""
_IDENTITY: Final = ("", "", "sts")
"""Where the breaker keeps whether we could be told who we are."""
MAX_EVENTS: Final = 100_000
"""Events of one stream; a model writes about one for each token."""
_TROUBLE: Final = (
    ClientError, BotoCoreError, HTTPError, ParserError, CutOffError, TooLargeError, StoppedError,
    *UNREADABLE, *PARSER_TROUBLE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one call brought, and how."""

    body: JsonObject = field(default_factory=dict)
    """The operation's answer, or the model's body; empty for a stream."""
    events: tuple[Any, ...] = ()
    """A stream's events as far as they came: Converse's, or the model's chunks as JSON."""
    failure: Failure | None = None
    request_id: str = ""
    latency_ms: float = 0.0
    """From when the last request was sent to the last byte read, in ms."""
    input_tokens: int | None = None
    """From the headers of InvokeModel."""
    output_tokens: int | None = None
    attempts: int = 0
    endpoint: str = ""
    synthetic: bool = False


class Runtime:
    """Bedrock's runtime in one account and Region; used by many threads."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        account_id: str = "",
        region: str = "",
        max_answer: int = MAX_ANSWER,
    ) -> None:
        """`account_id` and `region` empty: the caller's own and the home Region."""
        patient = max(settings.call_timeout, MODEL_SECONDS)
        self.settings = replace(settings, call_timeout=patient)
        self.max_answer = max_answer
        self.clients = Clients(self.settings)
        self.breaker = Breaker()
        self._stop = threading.Event()
        self.limits = Limits(settings.requests_per_second, self._stop)
        self._identity_clients = Clients(settings)
        self._accounts = Accounts(settings, self._identity_clients, self.limits)
        self._account_id, self._region = account_id, region

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let nothing more out; what waits ends."""
        self._stop.set()
        self.clients.close()
        self._identity_clients.close()

    def ask(self, operation: str, parameters: JsonObject) -> Reply:
        """Return what `operation` of bedrock-runtime brought; AWS's trouble is in the reply."""
        why_not = self.breaker.why_not(*_IDENTITY)
        if why_not:
            return _not_asked(why_not)
        try:
            access = self._access()
        except CollectError as error:
            return self._no_access(error)
        self.breaker.answered(*_IDENTITY)
        region = self._region or self._accounts.home_region(access.session)
        account_id = access.identity.account_id
        why_not = self.breaker.why_not(account_id, region, SERVICE)
        if why_not:
            return _not_asked(why_not)
        return _Exchange(self, access, region, operation).run(parameters)

    def _access(self) -> Access:
        if self._account_id:
            return self._accounts.access(self._account_id)
        if self.settings.bound is not None:
            raise EstateError(
                "No account is named whose models are to be asked",
                why="On behalf of a tenant only its bound accounts are asked, never our own.",
                todo="Name one of the tenant's accounts.",
            )
        return self._accounts.home()

    def _no_access(self, error: CollectError) -> Reply:
        """Return the reply where nobody could be; a dead STS is not waited for each time."""
        message = error.sentences
        refused = isinstance(error, (CredentialsError, EstateError))
        if not refused:
            self.breaker.failed(*_IDENTITY, why=message)
        kind = ErrorKind.DENIED if refused else ErrorKind.UNREACHABLE
        return Reply(failure=Failure(kind=kind, code="", message=message))


def _not_asked(why_not: str) -> Reply:
    message = f"Not asked, as before it: {why_not}"
    return Reply(failure=Failure(kind=ErrorKind.UNREACHABLE, code="", message=message))


class _Exchange:
    """One call under way."""

    def __init__(self, runtime: Runtime, access: Access, region: str, operation: str) -> None:
        self._runtime, self._access = runtime, access
        self._region, self._operation = region, operation
        self._place = (access.identity.account_id, region, SERVICE)
        self._trace = Trace(pace=self._pace)
        self._sent_at = time.monotonic()
        self._events: list[Any] = []
        self._metadata: dict[str, Any] = {}

    def run(self, parameters: JsonObject) -> Reply:
        body, problem = {}, None
        try:
            body = within(self._runtime.settings, self._trace, lambda: self._read(parameters))
        except _TROUBLE as error:
            problem = self._failed(error)
        if problem is not None and problem.kind is ErrorKind.UNREACHABLE:
            self._runtime.breaker.failed(*self._place, why=problem.message)
        else:
            self._runtime.breaker.answered(*self._place)
        return self._reply(body, problem, (time.monotonic() - self._sent_at) * 1000)

    def _pace(self, operation: str, _url: str) -> None:
        self._runtime.limits.wait(*self._place, operation)
        self._sent_at = time.monotonic()

    def _read(self, parameters: JsonObject) -> JsonObject:
        with self._runtime.clients.use(self._access.session, *self._place) as client:
            bound(client, self._runtime.max_answer)
            answer = getattr(client, xform_name(self._operation))(**parameters)
            self._metadata = answer.pop("ResponseMetadata", {})
            if "stream" in answer or self._operation == "InvokeModelWithResponseStream":
                return self._stream(answer.get("stream", answer.get("body")))
            if self._operation == "InvokeModel":
                return self._model_body(answer["body"])
            return plain(answer)

    def _model_body(self, body: Any) -> JsonObject:
        try:
            content = read(body.iter_chunks(65_536), self._runtime.max_answer)
        finally:
            body.close()
        return _object(content)

    def _stream(self, stream: Any) -> JsonObject:
        size = 0
        try:
            for event in stream:
                piece, bytes_read = _event(event)
                size += bytes_read
                if size > self._runtime.max_answer or len(self._events) >= MAX_EVENTS:
                    raise TooLargeError(self._runtime.max_answer)
                self._events.append(piece)
        finally:
            stream.close()
        return {}

    def _failed(self, error: Exception) -> Failure:
        if isinstance(error, ClientError) and "ResponseMetadata" in error.response:
            self._metadata = dict(error.response["ResponseMetadata"])
        endpoint = peers.origin(self._trace.url) if self._trace.url else SERVICE
        why = failure(error, operation=self._operation, endpoint=endpoint, html=self._trace.html)
        if why.kind is ErrorKind.MALFORMED and not self._trace.sent:
            return replace(why, kind=ErrorKind.INVALID, message=f"Not sent: {error}")
        return why

    def _reply(self, body: JsonObject, problem: Failure | None, elapsed: float) -> Reply:
        headers = self._metadata.get("HTTPHeaders", {})
        settings, trace = self._runtime.settings, self._trace
        verified = trusts_usual_authorities(settings, self._access.session)
        return Reply(
            body=body,
            events=tuple(self._events),
            failure=problem,
            request_id=str(self._metadata.get("RequestId") or ""),
            latency_ms=round(elapsed, 3),
            input_tokens=_number(headers.get("x-amzn-bedrock-input-token-count")),
            output_tokens=_number(headers.get("x-amzn-bedrock-output-token-count")),
            attempts=trace.sent,
            endpoint=peers.origin(trace.url) if trace.url else "",
            synthetic=self._access.identity.synthetic
            or peers.not_aws(trace.peers, SERVICE, verified=verified),
        )


def _object(content: bytes) -> JsonObject:
    try:
        value = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ResponseParserError(f"The model's body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ResponseParserError("The model's body is JSON that is not an object")
    return value


def _no_constant(name: str) -> object:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _event(event: dict[str, Any]) -> tuple[Any, int]:
    """Return an event as JSON, and its size in bytes; a model's chunk is taken out of its bytes."""
    content = event.get("chunk", {}).get("bytes")
    if content is None:
        clean = plain(event)
        return clean, len(json.dumps(clean, ensure_ascii=False).encode("utf-8", "replace"))
    try:
        return json.loads(content, parse_constant=_no_constant), len(content)
    except (ValueError, RecursionError) as error:
        raise ResponseParserError(f"A chunk of the stream is not JSON: {error}") from error


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
