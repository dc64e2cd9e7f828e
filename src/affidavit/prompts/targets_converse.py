"""Converse: its parameters, and what its answer or its stream holds."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from affidavit.prompts.bodies import MAX_TOKENS, turns
from affidavit.prompts.bodies_read import BodyError, Parts
from affidavit.prompts.target import Request

_CONFIG: Final = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop_sequences": "stopSequences",
}


def parameters(model_id: str, request: Request) -> dict[str, Any]:
    """Return the parameters of Converse or ConverseStream."""
    given = {"max_tokens": MAX_TOKENS, **request.parameters}
    made: dict[str, Any] = {
        "modelId": model_id,
        "messages": [{"role": r, "content": [{"text": t}]} for r, t in turns(request)],
        "inferenceConfig": {_CONFIG[k]: v for k, v in given.items() if k in _CONFIG},
    }
    others = {k: v for k, v in given.items() if k not in _CONFIG}
    if others:
        made["additionalModelRequestFields"] = others
    if request.system:
        made["system"] = [{"text": request.system}]
    if request.metadata:
        made["requestMetadata"] = dict(request.metadata)
    if request.guardrail_id:
        made["guardrailConfig"] = {
            "guardrailIdentifier": request.guardrail_id,
            "guardrailVersion": request.guardrail_version or "DRAFT",
            "trace": "enabled",
        }
    return made


def whole(body: Mapping[str, Any]) -> Parts:
    """Return what Converse's answer holds; raise `BodyError` where it is none."""
    content = _get(_get(_get(body, "output"), "message"), "content")
    if not isinstance(content, list):
        raise BodyError("Converse answers with output.message.content")
    parts = Parts(stop_reason=str(body.get("stopReason") or ""))
    parts.texts = [b["text"] for b in content if isinstance(_get(b, "text"), str)]
    _measured(parts, body)
    return parts


def pieces(events: Iterable[Mapping[str, Any]]) -> Parts:
    """Return what the events of ConverseStream hold together."""
    parts = Parts()
    for event in events:
        text = _get(_get(_get(event, "contentBlockDelta"), "delta"), "text")
        if isinstance(text, str):
            parts.texts.append(text)
        stop = _get(_get(event, "messageStop"), "stopReason")
        if isinstance(stop, str):
            parts.stop_reason = stop
        _measured(parts, _get(event, "metadata") or {})
    return parts


def _measured(parts: Parts, body: Mapping[str, Any]) -> None:
    usage = _get(body, "usage")
    for name, key in (("input_tokens", "inputTokens"), ("output_tokens", "outputTokens")):
        count = _get(usage, key)
        if isinstance(count, int):
            setattr(parts, name, count)
    trace = _get(_get(body, "trace"), "guardrail")
    if isinstance(trace, Mapping):
        parts.trace = trace


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None
