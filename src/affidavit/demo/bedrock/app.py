"""The WSGI application: Bedrock's runtime, and who one is (STS)."""

import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote

from affidavit.demo.bedrock import answering, frames, troubles
from affidavit.demo.bedrock.answering import Given, Speaker, Speakers
from affidavit.demo.bedrock.logs import Invocation, InvocationLog
from affidavit.demo.bedrock.troubles import Troubles
from affidavit.demo.overlay.registry import AwsError

ACCOUNT: Final = "111122223333"
ARN: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role/affidavit-prompts/canary"
_MODEL: Final = re.compile(r"/model/(?P<id>.+)/(?P<path>[a-z-]+)")
_OPERATIONS: Final = {
    "converse": "Converse",
    "converse-stream": "ConverseStream",
    "invoke": "InvokeModel",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
}
_GUARDRAIL: Final = re.compile(r"/guardrail/(?P<id>.+)/version/(?P<version>[^/]+)/apply")
_CHECKS: Final = "/guardrail-checks/invoke"
_REGION: Final = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/")
_IDENTITY: Final = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    f"<GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>AROADEMO:canary</UserId>"
    f"<Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>"
    "<RequestId>{id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
_MAX_REQUEST: Final = 25 * 2**20

Environ = dict[str, Any]
Headers = dict[str, str]
Sent = tuple[int, Headers, list[bytes]]


class Runtime:
    """Answers signed and unsigned requests alike; loopback only."""

    def __init__(
        self,
        *,
        seed: int = 20260101,
        log: InvocationLog | None = None,
        local: Speaker | None = None,
        speakers: Speakers | None = None,
    ) -> None:
        """`speakers`: who answers, where it is more than a seed and a local model say."""
        self._speakers, self._log = speakers or Speakers(seed=seed, local=local), log
        self._troubles = Troubles()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        request_id = str(uuid.uuid4())
        status, headers, parts = self._serve(environ, request_id)
        start_response(f"{status} -", [*{"x-amzn-RequestId": request_id, **headers}.items()])
        return parts

    def _serve(self, environ: Environ, request_id: str) -> Sent:
        length = min(int(environ.get("CONTENT_LENGTH") or 0), _MAX_REQUEST)
        content = environ["wsgi.input"].read(length)
        path = unquote(str(environ.get("PATH_INFO", "")))
        if path == "/" and b"Action=GetCallerIdentity" in content:
            return 200, {"Content-Type": "text/xml"}, [_IDENTITY.format(id=request_id).encode()]
        model, guardrail = _MODEL.fullmatch(path), _GUARDRAIL.fullmatch(path)
        try:
            asked = _json(content)
            if path == _CHECKS:
                return _whole(answering.guardrail_checks(asked))
            if guardrail:
                return _whole(answering.apply_guardrail(guardrail["id"], asked, self._speakers))
            if model is None or model["path"] not in _OPERATIONS:
                return _error(AwsError("UnknownOperationException", "No such operation.", 404))
            call = _Call(environ, model["id"], _OPERATIONS[model["path"]], asked, request_id)
            return self._answer(call)
        except AwsError as error:
            return _error(error)

    def _answer(self, call: "_Call") -> Sent:
        try:
            self._troubles.strike(call.model_id, call.operation)
            given = call.given(self._speakers)
        except AwsError as error:
            if self._log:
                self._log.write(call.record(Given(), error.code))
            raise
        if self._log:
            self._log.write(call.record(given, ""))
        sent = _streamed(call.model_id, given) if call.streams else _body(call.model_id, given)
        return _spoilt(call.model_id, sent)


class _Call:
    """One call of a model."""

    def __init__(
        self, environ: Environ, model_id: str, operation: str, asked: Any, request_id: str
    ) -> None:
        self.model_id, self.operation = model_id, operation
        self.streams = operation.endswith("Stream")
        self._environ, self._asked, self._request_id = environ, asked, request_id

    def given(self, speakers: Speakers) -> Given:
        """Return what the model gives; raise `AwsError`."""
        if self.operation.startswith("Converse"):
            return answering.converse(self.model_id, self._asked, speakers, streams=self.streams)
        guardrail = str(self._environ.get("HTTP_X_AMZN_BEDROCK_GUARDRAILIDENTIFIER", ""))
        return answering.invoke(
            self.model_id, self._asked, speakers, guardrail=guardrail, streams=self.streams
        )

    def record(self, given: Given, error_code: str) -> Invocation:
        """Return what the log says of the call."""
        signed = _REGION.search(str(self._environ.get("HTTP_AUTHORIZATION", "")))
        body = dict(self._asked) if isinstance(self._asked, dict) else self._asked
        return Invocation(
            operation=self.operation,
            model_id=self.model_id,
            request_id=self._request_id,
            identity=ARN,
            region=signed[1] if signed else "us-east-1",
            account_id=ACCOUNT,
            input=body,
            output=given.logged,
            input_tokens=given.tokens[0],
            output_tokens=given.tokens[1],
            error_code=error_code,
            metadata=self._metadata(body),
        )

    def _metadata(self, body: Any) -> Any:
        """Return how the caller tagged the call: Converse in the body, InvokeModel in a header."""
        if self.operation.startswith("Converse"):
            return body.pop("requestMetadata", None)
        header = self._environ.get("HTTP_X_AMZN_BEDROCK_REQUEST_METADATA")
        return _json(str(header).encode()) if header else None


def is_of_runtime(path: str) -> bool:
    """Return whether a request's path is one of bedrock-runtime's."""
    plain = unquote(path)
    return plain == _CHECKS or bool(_MODEL.fullmatch(plain) or _GUARDRAIL.fullmatch(plain))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        said = "Malformed input request, please reformat your input and try again."
        raise AwsError("ValidationException", said, 400) from error


def _body(model_id: str, given: Given) -> Sent:
    status, headers, parts = _whole(given.body)
    headers["X-Amzn-Bedrock-Input-Token-Count"] = str(given.tokens[0])
    headers["X-Amzn-Bedrock-Output-Token-Count"] = str(given.tokens[1])
    headers["X-Amzn-Bedrock-Invocation-Latency"] = "20"
    if model_id == troubles.NOT_UTF8:
        half = len(parts[0]) // 2
        parts = [parts[0][:half] + b"\xff\xfe" + parts[0][half:]]
        headers["Content-Length"] = str(len(parts[0]))
    return status, headers, parts


def _whole(body: Any) -> Sent:
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return 200, headers, [content]


def _streamed(model_id: str, given: Given) -> Sent:
    events = list(given.events)
    half = len(events) // 2
    if model_id == troubles.BROKEN:
        events = events[:half]
    if model_id == troubles.STREAM_ERROR:
        said = "The model stopped in the midst of its answer."
        events = [*events[:half], frames.exception("modelStreamErrorException", said)]
    if model_id == troubles.NOT_UTF8:
        is_converse = bool(given.body)
        odd = frames.undecodable("contentBlockDelta") if is_converse else frames.chunk(b"\xff\xfe")
        events[half] = odd
    headers = {
        "Content-Type": frames.CONTENT_TYPE,
        "X-Amzn-Bedrock-Content-Type": "application/json",
    }
    return 200, headers, events


def _spoilt(model_id: str, sent: Sent) -> Sent:
    """Return what is really sent, by models whose answers are cut off or are none."""
    status, headers, parts = sent
    if model_id == troubles.HTML:
        return 200, {"Content-Type": "text/html"}, [b"<html><body>Sign in</body></html>"]
    is_stream = headers["Content-Type"] == frames.CONTENT_TYPE
    if model_id == troubles.TORN or (model_id == troubles.BROKEN and not is_stream):
        content = b"".join(parts)
        headers["Content-Length"] = str(len(content))
        return status, headers, [content[: len(content) * 2 // 3]]
    return sent


def _error(error: AwsError) -> Sent:
    content = json.dumps({"message": error.message}).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "x-amzn-ErrorType": error.code,
    }
    return error.status, headers, [content]
