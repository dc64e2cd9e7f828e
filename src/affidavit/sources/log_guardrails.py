"""Which guardrail a logged call was made with: its id and version, as the record tells them.

Converse names the guardrail in the request. InvokeModel takes it by header, so that only the trace
in the answer names it, where a trace was asked for. What the record does not tell stays unnamed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from affidavit.checks.guardrail_names import NONE, UNKNOWN, UNNAMED, Named, named
from affidavit.logscan.records import Record

_SIGN: Final = b"uardrail"
_ENFORCED: Final = "ENFORCED"
_BY_HEADER: Final = "InvokeModel"
"""Operations whose bodies name no guardrail: what stands there is the caller's word only."""
_TRACES: Final = ("trace", "amazon-bedrock-trace")
_ASSESSED: Final = ("inputAssessment", "outputAssessments", "input", "outputs")


def named_by(record: Record) -> Named:
    """Return the guardrail of a call that had one; `UNNAMED` where the record does not say which.

    A guardrail that the account or the organization enforces is none of the call's own: every call
    meets it, that of a run of prompts too.
    """
    asked = _body(record.input.inputBodyJson) if record.input else None
    config = asked.get("guardrailConfig") if isinstance(asked, dict) else None
    by_header = (record.operation or "").startswith(_BY_HEADER)
    if isinstance(config, dict) and config.get("guardrailIdentifier") and not by_header:
        return named(config["guardrailIdentifier"], config.get("guardrailVersion"))
    answer = _body(record.output.outputBodyJson) if record.output else None
    traces = [trace for part in _parts(answer) for trace in _traces(part)]
    applied = [one for trace in traces for one in _applied(trace)]
    ids = {name for trace in traces for name in _assessed(trace)}
    if applied:
        untold = ids - {name for one in applied for name in _ids(one)}
        return UNNAMED if untold else _of_request(applied)
    return (ids.pop(), UNKNOWN) if len(ids) == 1 else UNNAMED


def _body(raw: Any) -> Any:
    content = bytes(raw)
    if _SIGN not in content:
        return None
    try:
        value = msgspec.json.decode(content)
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _parts(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield an answer, or the chunks of a streamed one."""
    for part in answer if isinstance(answer, list) else [answer]:
        if isinstance(part, dict):
            yield part
            inner = part.get("metadata")
            if isinstance(inner, dict):
                yield inner


def _traces(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _TRACES:
        trace = part.get(name)
        guardrail = trace.get("guardrail") if isinstance(trace, dict) else None
        if isinstance(guardrail, dict):
            yield guardrail


def _by_id(trace: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a trace assessed, by the guardrail's id."""
    for name in _ASSESSED:
        found = trace.get(name)
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, dict):
                yield from one.items()


def _assessed(trace: dict[str, Any]) -> Iterator[str]:
    return (identifier.rpartition("/")[2] for identifier, _ in _by_id(trace))


def _applied(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for _, assessed in _by_id(trace):
        for one in assessed if isinstance(assessed, list) else [assessed]:
            details = one.get("appliedGuardrailDetails") if isinstance(one, dict) else None
            if isinstance(details, dict):
                yield details


def _ids(details: dict[str, Any]) -> Iterator[str]:
    """Yield the names that the details of an applied guardrail have for it."""
    for name in ("guardrailId", "guardrailArn"):
        yield str(details.get(name) or "").rpartition("/")[2]


def _of_request(applied: Iterable[dict[str, Any]]) -> Named:
    """Return the guardrail that the request named, of those that were applied."""
    own: set[Named] = set()
    for details in applied:
        origins = details.get("guardrailOrigin") or ["REQUEST"]
        if not all(_ENFORCED in str(origin) for origin in origins):
            identifier = details.get("guardrailArn") or details.get("guardrailId")
            own.add(named(identifier, details.get("guardrailVersion")) if identifier else UNNAMED)
    if not own:
        return NONE
    return own.pop() if len(own) == 1 else UNNAMED
