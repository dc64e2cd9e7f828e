"""Targets: Bedrock's models, and answers that were recorded earlier."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from affidavit.aws.bedrock import Reply
from affidavit.aws.bedrock_errors import Failure
from affidavit.model.answering import ErrorKind
from affidavit.prompts import bodies, bodies_read, targets_converse, targets_guardrail
from affidavit.prompts.answers import Answer
from affidavit.prompts.bodies import Family
from affidavit.prompts.bodies_read import BodyError, Parts
from affidavit.prompts.target import Request

CONVERSE: Final = "Converse"
INVOKE: Final = "InvokeModel"
_STREAMS: Final = {CONVERSE: "ConverseStream", INVOKE: "InvokeModelWithResponseStream"}
_LOST: Final = frozenset({ErrorKind.UNREACHABLE, ErrorKind.MALFORMED})
"""What means, in the midst of a stream, that it broke off."""
_NO_CONVERSE: Final = re.compile(
    r"doesn.t support the model|does not support the model|not supported.{0,40}converse"
    r"|converse.{0,60}not support",
    re.IGNORECASE | re.DOTALL,
)
"""What Bedrock says where a model exists that Converse does not take."""


class Runtime(Protocol):
    """What `affidavit.aws.bedrock.Runtime` does for a target."""

    def ask(self, operation: str, parameters: dict[str, Any]) -> Reply:
        """Return what an operation of bedrock-runtime brought."""
        ...


class BedrockTarget:
    """A model of Bedrock: by Converse, and by InvokeModel where Converse does not take it."""

    def __init__(
        self, runtime: Runtime, model_id: str, *, family: Family | None = None, api: str = ""
    ) -> None:
        """`family` says what bodies a model has whose id does not tell; `api` forces one."""
        self._runtime, self._model_id = runtime, model_id
        self._family = family or bodies.family_of(model_id)
        text_only = bodies.is_text_only(model_id, self._family)
        self._api = api or (INVOKE if text_only else CONVERSE)
        self._may_fall_back = not api and self._family is not None

    @property
    def id(self) -> str:
        """Return `bedrock:` and the model's id."""
        return f"bedrock:{self._model_id}"

    def ask(self, request: Request) -> Answer:
        """Return the model's answer, or an answer that says why there is none."""
        if self._api == INVOKE:
            return self._invoke(request)
        answer = self._converse(request)
        refused = answer.error_kind == ErrorKind.INVALID and _NO_CONVERSE.search(answer.error)
        if refused and self._may_fall_back:
            self._api = INVOKE
            return self._invoke(request)
        return answer

    def _converse(self, request: Request) -> Answer:
        sent = targets_converse.parameters(self._model_id, request)
        api = _STREAMS[CONVERSE] if request.stream else CONVERSE
        reply = self._runtime.ask(api, sent)
        answer = _base(reply, api, self._model_id, sent)
        if request.stream:
            return _streamed(answer, reply, targets_converse.pieces(reply.events))
        if reply.failure:
            return answer
        try:
            return _with(answer, targets_converse.whole(reply.body))
        except BodyError as error:
            return _malformed(answer, error)

    def _invoke(self, request: Request) -> Answer:
        api = _STREAMS[INVOKE] if request.stream else INVOKE
        if self._family is None:
            why = "The model's id does not tell the form of its bodies: name its family."
            return Answer(error=why, error_kind=ErrorKind.INVALID, model_id=self._model_id, api=api)
        sent = bodies.body(self._family, self._model_id, request)
        reply = self._runtime.ask(api, self._invocation(sent, request))
        answer = _base(reply, api, self._model_id, sent)
        if reply.failure and not request.stream:
            return answer
        try:
            if request.stream:
                return _streamed(answer, reply, bodies_read.pieces(self._family, reply.events))
            return _with(answer, bodies_read.whole(self._family, reply.body))
        except BodyError as error:
            return _malformed(answer, error)

    def _invocation(self, body: Mapping[str, Any], request: Request) -> dict[str, Any]:
        made: dict[str, Any] = {
            "modelId": self._model_id,
            "body": json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            "contentType": "application/json",
            "accept": "application/json",
        }
        if request.metadata:
            made["requestMetadata"] = json.dumps(dict(request.metadata))
        if request.guardrail_id:
            made["guardrailIdentifier"] = request.guardrail_id
            made["guardrailVersion"] = request.guardrail_version or "DRAFT"
            made["trace"] = "ENABLED"
        return made


def _base(reply: Reply, api: str, model_id: str, sent: Mapping[str, Any]) -> Answer:
    """Return what every answer has, with its error if it has one."""
    events: dict[str, Any] = {"events": list(reply.events)} if reply.events else {}
    return Answer(
        error=_words(reply.failure) if reply.failure else "",
        error_kind=reply.failure.kind if reply.failure else "",
        request_id=reply.request_id,
        latency_ms=reply.latency_ms,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        model_id=model_id,
        api=api,
        raw_request=sent,
        raw_answer=reply.body or events,
        attempts=reply.attempts,
        endpoint=reply.endpoint,
        synthetic=reply.synthetic,
    )


def _words(failure: Failure) -> str:
    said = failure.code.lower() in failure.message.lower()
    return failure.message if said else f"{failure.code}: {failure.message}"


def _with(answer: Answer, parts: Parts) -> Answer:
    """Return `answer` with what its body or its stream holds."""
    withheld = "guardrail_intervened" in parts.stop_reason.lower()
    intervened = withheld or parts.action.upper() == "INTERVENED"
    done = targets_guardrail.action(parts.trace, intervened=intervened)
    fill = answer.input_tokens, answer.output_tokens
    return replace(
        answer,
        text=parts.text if parts.texts else None,
        stop_reason=parts.stop_reason,
        guardrail_action=done or parts.action,
        guardrail_trace=parts.trace,
        input_tokens=parts.input_tokens if parts.input_tokens is not None else fill[0],
        output_tokens=parts.output_tokens if parts.output_tokens is not None else fill[1],
    )


def _streamed(answer: Answer, reply: Reply, parts: Parts) -> Answer:
    """Return a stream's answer; one that came to no stop reason broke off, whatever was said."""
    whole = _with(answer, parts)
    if reply.failure is None and not parts.stop_reason:
        why = f"The stream ended after {len(reply.events)} events without a stop reason."
        return replace(whole, error=why, error_kind=ErrorKind.BROKEN)
    lost = reply.failure is not None and reply.failure.kind in _LOST
    if lost and reply.events:
        return replace(whole, error_kind=ErrorKind.BROKEN)
    return whole


def _malformed(answer: Answer, error: BodyError) -> Answer:
    why = f"The model's answer cannot be read: {error}."
    return replace(answer, error=why, error_kind=ErrorKind.MALFORMED)
