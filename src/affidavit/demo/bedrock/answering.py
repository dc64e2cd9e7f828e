"""One call: the prompt out of its request, the model's answer, the guardrail, the reply."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from affidavit.demo.bedrock import bodies, frames, guardrails, troubles
from affidavit.demo.bedrock.backends import BEHAVIOURS, Model
from affidavit.demo.bedrock.guardrails import GUARDRAIL_ID, Judged, judge
from affidavit.demo.bedrock.local_model import MODEL_ID
from affidavit.demo.overlay.registry import AwsError
from affidavit.prompts.bodies import Family, family_of, is_text_only

Body = dict[str, Any]
_WORDS: Final = re.compile(r"\S+\s*")
_LARGE_TEXT: Final = "All work and no play. " * 240_000
"""5 MB."""
_ODD: Final = frozenset(
    {
        troubles.BROKEN,
        troubles.TORN,
        troubles.STREAM_ERROR,
        troubles.LARGE,
        troubles.NOT_UTF8,
        troubles.HTML,
        troubles.NO_CONVERSE,
        troubles.ONCE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a call is answered with."""

    body: Body = field(default_factory=dict)
    """The answer, or for a stream what the log holds of it (Converse)."""
    events: tuple[bytes, ...] = ()
    """A stream's frames."""
    logged: Any = None
    tokens: tuple[int, int] = (0, 0)


class Speaker(Protocol):
    """Something that answers prompts: a script, or a real model."""

    def answer(self, prompt: str) -> str:
        """Return what it says to `prompt`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Speakers:
    """Who answers."""

    seed: int
    local: Speaker | None = None
    """A real model, under the id `demo.local`."""
    behaviour: str = "good"
    """Of models whose id names none."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Things of the account that stand for a model (provisioned throughputs), and which."""
    guardrails: Mapping[str, bool] = field(default_factory=lambda: {GUARDRAIL_ID: True})
    """The guardrails that there are by id, and whether each blocks profanity."""


def family_for(model_id: str, speakers: Speakers) -> tuple[Family, Speaker]:
    """Return a model's family and who speaks; raise `AwsError` where there is no such model."""
    family = family_of(speakers.aliases.get(model_id, model_id))
    if model_id == MODEL_ID and speakers.local is not None and family is not None:
        return family, speakers.local
    behaviour = (
        model_id.removeprefix("demo.") if model_id.startswith("demo.") else speakers.behaviour
    )
    if behaviour not in BEHAVIOURS and model_id in _ODD:
        behaviour = "good"
    if family is None or behaviour not in BEHAVIOURS:
        raise AwsError("ValidationException", "The provided model identifier is invalid.", 400)
    return family, Model(behaviour=behaviour, seed=speakers.seed)


def converse(model_id: str, asked: Any, speakers: Speakers, *, streams: bool) -> Given:
    """Answer Converse or ConverseStream."""
    family, model = family_for(model_id, speakers)
    if is_text_only(model_id, family):
        said = "This action doesn't support the model that you provided."
        raise AwsError("ValidationException", said, 400)
    prompt = _converse_prompt(asked)
    config = asked.get("guardrailConfig") or {}
    guard = _guard(config.get("guardrailIdentifier", ""), speakers)
    text, trace, stop = _say(model_id, model, prompt, guard)
    tokens = _tokens(prompt, text)
    usage = {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)}
    body: Body = {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop,
        "usage": usage,
        "metrics": {"latencyMs": 20},
    }
    if trace and str(config.get("trace", "")).startswith("enabled"):
        body["trace"] = {"guardrail": trace}
    events = _converse_events(text, body) if streams else ()
    return Given(body=body, events=events, logged=body, tokens=tokens)


def _converse_prompt(asked: Any) -> str:
    messages = asked.get("messages") if isinstance(asked, dict) else None
    if not messages or messages[-1].get("role") != "user":
        said = "A conversation must end with a user message. Try again with one."
        raise AwsError("ValidationException", said, 400)
    blocks = messages[-1].get("content") or []
    guarded = [((b.get("guardContent") or {}).get("text") or {}).get("text", "") for b in blocks]
    return "".join(b.get("text", "") + g for b, g in zip(blocks, guarded, strict=True))


def _converse_events(text: str, body: Mapping[str, Any]) -> tuple[bytes, ...]:
    pieces = [
        frames.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
        for piece in _pieces(text)
    ]
    metadata = {name: body[name] for name in ("usage", "metrics", "trace") if name in body}
    return (
        frames.event("messageStart", {"role": "assistant"}),
        *pieces,
        frames.event("contentBlockStop", {"contentBlockIndex": 0}),
        frames.event("messageStop", {"stopReason": body["stopReason"]}),
        frames.event("metadata", metadata),
    )


def invoke(
    model_id: str, asked: Any, speakers: Speakers, *, guardrail: str, streams: bool
) -> Given:
    """Answer InvokeModel or InvokeModelWithResponseStream."""
    family, model = family_for(model_id, speakers)
    prompt = bodies.prompt_of(family, asked)
    if streams and family is Family.AI21_TEXT:
        said = "The model is unsupported for this operation: it does not stream."
        raise AwsError("ValidationException", said, 400)
    guard = _guard(guardrail, speakers)
    text, trace, stop = _say(model_id, model, prompt, guard)
    tokens = _tokens(prompt, text)
    marks: Body = {}
    if guard:
        action = "INTERVENED" if stop == "guardrail_intervened" else "NONE"
        marks = {"amazon-bedrock-guardrailAction": action}
        marks["amazon-bedrock-trace"] = {"guardrail": trace}
    if not streams:
        body = {**bodies.whole(family, text, tokens), **marks}
        return Given(body=body, logged=body, tokens=tokens)
    chunks = bodies.chunks(family, _pieces(text), tokens)
    chunks[-1] |= marks
    events = tuple(frames.chunk(json.dumps(c, ensure_ascii=False).encode()) for c in chunks)
    return Given(events=events, logged=chunks, tokens=tokens)


def apply_guardrail(guardrail_id: str, asked: Any, speakers: Speakers) -> Body:
    """Answer ApplyGuardrail: source `INPUT` or `OUTPUT`, masked or blocked either way."""
    guard = _guard(guardrail_id, speakers)
    words = guard is not None and guard.words
    texts = [(c.get("text") or {}).get("text", "") for c in asked.get("content", [])]
    judged = [judge(text, words=words) for text in texts]
    acted = [j for j in judged if j.action != "NONE"]
    return {
        "usage": dict.fromkeys(_UNITS, len(texts)),
        "action": "GUARDRAIL_INTERVENED" if acted else "NONE",
        "outputs": [{"text": j.text} for j in judged] if acted else [],
        "assessments": [j.assessment for j in acted],
    }


def guardrail_checks(asked: Any) -> Body:
    """Answer InvokeGuardrailChecks, or refuse what is not its request."""
    try:
        return guardrails.checks(asked.get("messages"), asked.get("checks"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AwsError("ValidationException", f"The request is not valid: {error}", 400) from error


_UNITS: Final = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    """The guardrail of a call."""

    id: str
    words: bool
    """It blocks profanity."""


def _guard(guardrail_id: str, speakers: Speakers) -> _Guard | None:
    """Return the guardrail that is asked for, if any; raise `AwsError` where there is none such."""
    if not guardrail_id:
        return None
    plain = guardrail_id.rpartition("/")[2]
    if plain not in speakers.guardrails:
        said = "The guardrail identifier or version provided in the request does not exist."
        raise AwsError("ValidationException", said, 400)
    return _Guard(id=plain, words=speakers.guardrails[plain])


def _say(model_id: str, model: Speaker, prompt: str, guard: _Guard | None) -> tuple[str, Body, str]:
    """Return text, guardrail's trace and stop reason."""
    if model_id == troubles.LARGE:
        return _LARGE_TEXT, {}, "end_turn"
    if guard is None:
        return model.answer(prompt), {}, "end_turn"
    before = judge(prompt, masks=False, words=guard.words)
    if before.action == "BLOCKED":
        trace = {"inputAssessment": {guard.id: before.assessment}}
        return guardrails.BLOCKED, trace, "guardrail_intervened"
    said = model.answer(prompt)
    after = judge(said, words=guard.words)
    stop = "end_turn" if after.action == "NONE" else "guardrail_intervened"
    return after.text, _trace(guard.id, before, after, said), stop


def _trace(guardrail_id: str, before: Judged, after: Judged, said: str) -> Body:
    return {
        "modelOutput": [said],
        "inputAssessment": {guardrail_id: before.assessment},
        "outputAssessments": {guardrail_id: [after.assessment]},
    }


def _tokens(prompt: str, text: str) -> tuple[int, int]:
    """Return about how many tokens they are: four characters each."""
    return len(prompt) // 4 + 1, len(text) // 4 + 1


def _pieces(text: str) -> list[str]:
    """Return the text in pieces of a few words."""
    words = _WORDS.findall(text) or [text]
    size = max(1, min(200, len(words) // 4))
    return ["".join(words[i : i + size]) for i in range(0, len(words), size)]
