"""Texts in the bodies of model calls: every string, wherever it stands, but for words of protocol.

Nothing is looked for at known places only: a family of models that nobody foresaw is scanned too.
The chunks of a stream are joined by their place, so that "415-" in one and "555-0132" in the next
are read as one text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from affidavit.logscan.findings import Part

_PROTOCOL_WORDS: Final = """
type role id model object stop_reason stopReason completionReason finish_reason
service_tier anthropic_version schemaVersion toolUseId tool_use_id media_type mediaType
format signature amazon-bedrock-guardrailAction actionReason system_fingerprint usage
metrics amazon-bedrock-invocationMetrics encrypted_content redactedContent
guardrailIdentifier guardrailVersion stop stop_sequence created index contentBlockIndex
cache_control cachePoint performanceConfig serviceTier inferenceConfig
textGenerationConfig anthropic_beta
"""
_PROTOCOL: Final = frozenset(_PROTOCOL_WORDS.split())
"""Keys of protocol: what stands there is chosen by the API, not by people or models."""
_COUNTS: Final = "amazon-bedrock-invocationMetrics"
_FREE: Final = frozenset({"input", "arguments", "json", "requestMetadata"})
"""Keys below which anything may stand: arguments and results of tools."""
_TRACES: Final = frozenset({"trace", "amazon-bedrock-trace"})
_MEDIA: Final = frozenset({"bytes", "data", "s3Location", "s3Uri", "uri"})
_PICTURES: Final = frozenset({"image", "images", "base64", "b64_json", "audio", "video", "videos"})
"""Keys below which models of images and speech put their output, as base64."""
_ENCODED: Final = re.compile(r"data:[a-z]+/|[A-Za-z0-9+/_-]{64}")
_GUARD_SIGNS: Final = frozenset({"guardrailConfig", "amazon-bedrock-guardrailAction", *_TRACES})
_LONG_NUMBER: Final = 10**8
"""From here on a number that a tool is given may be an account's, a card's or a person's."""
_STOPS: Final = frozenset({"stop_reason", "stopReason", "finish_reason", "completionReason"})
_CHUNK_MEMBERS, _DELTA_MEMBERS = 3, 2
_BARE: Final = frozenset({int, float, bool, type(None)})
"""What holds no text, and is read only where anything may stand, or media."""
_BARE_TOO: Final = _MEDIA | _FREE
_DEPTH: Final = 60
"""Levels of nesting that are walked; deeper ones are told as not scanned."""


@dataclass(slots=True)
class BodyTexts:
    """The texts of one body, by place, and the signs that stand beside them."""

    texts: dict[tuple[Part, str], str] = field(default_factory=dict)
    matches: list[tuple[str, str, str]] = field(default_factory=list)
    """Raw matches in a guardrail's trace: path, type, text."""
    policies: set[str] = field(default_factory=set)
    """Policies of the guardrail that took action or detected something."""
    guarded: bool = False
    intervened: bool = False
    stop_reason: str = ""
    media: int = 0
    too_deep: bool = False
    latency_ms: int | None = None
    """How long the answer took, where it tells."""


def read_body(body: Any, part: Part) -> BodyTexts:
    """Return the texts of a decoded body of any shape; `part` is where it stands."""
    found = BodyTexts()
    reader = _Walk(found)
    if isinstance(body, str):
        body = _parsed(body)
    if isinstance(body, list) and part == "output":
        for chunk in body:
            value = _parsed(chunk) if isinstance(chunk, str) else chunk
            if not reader.add_text_delta(value, part):
                reader.walk(value, part, _block_of(value), 0)
    else:
        reader.walk(body, part, "", 0)
    found.texts = {place: "".join(pieces) for place, pieces in reader.pieces.items()}
    if part == "output":
        found.latency_ms = _latency(body)
    return found


def _latency(body: Any) -> int | None:
    """Return what Converse's metrics tell, or those of InvokeModel or of a stream's last chunk."""
    if isinstance(body, list):
        told = next((c for c in reversed(body) if isinstance(c, dict) and _COUNTS in c), None)
    else:
        told = body if isinstance(body, dict) else None
    for key, name in ((_COUNTS, "invocationLatency"), ("metrics", "latencyMs")):
        metrics = told.get(key) if told else None
        if isinstance(metrics, dict) and type(metrics.get(name)) is int:
            return int(metrics[name])
    return None


def _parsed(text: str) -> Any:
    """Return what a body given as JSON text holds, or the text itself."""
    if text[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return text
    return "" if text == "[DONE]" else text


def _block_of(chunk: Any) -> str:
    """Return which content block a chunk of a stream belongs to."""
    if not isinstance(chunk, dict):
        return ""
    delta = chunk.get("contentBlockDelta")
    place = chunk if not isinstance(delta, dict) else delta
    number = place.get("index", place.get("contentBlockIndex"))
    return f"{number}" if isinstance(number, int) else ""


class _Walk:
    """Walks values, collecting strings by their path; positions in lists are not part of it."""

    def __init__(self, found: BodyTexts) -> None:
        self._found = found
        self.pieces: dict[tuple[Part, str], list[str]] = {}

    def add_text_delta(self, chunk: Any, part: Part) -> bool:
        """Collect what `walk` would from the commonest chunk of all; return whether it is one."""
        try:
            index, delta = chunk["index"], chunk["delta"]
            text = delta["text"]
            plain = (
                len(chunk) == _CHUNK_MEMBERS
                and len(delta) == _DELTA_MEMBERS
                and chunk["type"] == "content_block_delta"
                and delta["type"] == "text_delta"
                and type(index) is int
                and type(text) is str
            )
        except (KeyError, TypeError, IndexError):
            return False
        if plain and text:
            self.pieces.setdefault((part, f"{index}.delta.text"), []).append(text)
        return plain

    def walk(self, value: Any, part: Part, path: str, depth: int, *, free: bool = False) -> None:
        """Collect the strings of a value."""
        if isinstance(value, str):
            if value:
                self.pieces.setdefault((part, path), []).append(value)
        elif isinstance(value, dict | list):
            if depth > _DEPTH:
                self._found.too_deep = True
            elif isinstance(value, dict):
                self._object(value, part, path, depth + 1, free=free)
            else:
                many = len(value) > 1
                for number, item in enumerate(value):
                    below = f"{path}[{number}]" if many else path
                    self.walk(item, part, below, depth + 1, free=free)
        elif free and is_long(value):
            self.pieces.setdefault((part, path), []).append(str(value))

    def _object(
        self, value: dict[str, Any], part: Part, path: str, depth: int, *, free: bool
    ) -> None:
        self._notice(value, part, path, free=free)
        for key, item in value.items():
            if not free and type(item) in _BARE and key not in _BARE_TOO:
                continue
            below = f"{path}.{key}" if path else key
            if free:
                self._key(key, part, below)
            if free or key not in _PROTOCOL:
                if self._is_taken(value, key, part, path, free=free):
                    continue
                shown = part == "output" and not free and key in _TRACES
                inner: Part = "trace" if shown else part
                self.walk(item, inner, below, depth, free=free or key in _FREE)
            elif key in _STOPS:
                self._stopped(item, part)
            elif not isinstance(item, str):
                self.walk(item, part, below, depth, free=free)

    def _key(self, key: str, part: Part, path: str) -> None:
        """Collect a key that a tool was given where it may be more than a name."""
        if not key.isidentifier():
            self.pieces.setdefault((part, f"{path}.(key)"), []).append(key)

    def _notice(self, value: dict[str, Any], part: Part, path: str, *, free: bool) -> None:
        """Read the signs that an object gives."""
        if not free and not _GUARD_SIGNS.isdisjoint(value):
            self._guard(value, part, path)
        if part == "trace":
            self._trace(value, path)

    def _is_taken(
        self, value: dict[str, Any], key: str, part: Part, path: str, *, free: bool
    ) -> bool:
        """Return whether a member is media, which is counted, or a match, which was read."""
        if not free and key in _MEDIA and self._is_media(value, path):
            self._found.media += 1
            return True
        if not free and key in _PICTURES and (pictures := _encoded(value[key])):
            self._found.media += pictures
            return True
        return part == "trace" and key == "match"

    def _is_media(self, value: dict[str, Any], path: str) -> bool:
        return path.endswith(("source", "s3Location")) or not {"media_type", "format"}.isdisjoint(
            value
        )

    def _guard(self, value: dict[str, Any], part: Part, path: str) -> None:
        """Read that a guardrail was asked for, at the top of a request, or was there.

        What people write into a request is no sign: a tool's parameter of such a name, an answer's
        member in a question, or a `guardContent` block, which guards nothing by itself.
        """
        if part == "input":
            config = value.get("guardrailConfig") if not path else None
            named = config.get("guardrailIdentifier") if isinstance(config, dict) else None
            self._found.guarded |= isinstance(named, str) and bool(named)
        elif part == "output":
            action = value.get("amazon-bedrock-guardrailAction")
            traces = [value[key] for key in _TRACES if key in value]
            self._found.guarded |= action is not None
            self._found.guarded |= any(isinstance(t, dict) and "guardrail" in t for t in traces)
            self._found.intervened |= action == "INTERVENED"

    def _stopped(self, reason: Any, part: Part) -> None:
        if part == "output" and isinstance(reason, str) and reason:
            self._found.stop_reason = reason
            if reason == "guardrail_intervened":
                self._found.guarded = self._found.intervened = True

    def _trace(self, value: dict[str, Any], path: str) -> None:
        """Collect raw matches and the policies that acted from an object within a trace."""
        match = value.get("match")
        if isinstance(match, str) and match:
            kind = value.get("type", value.get("name", "MATCH"))
            shown = kind if isinstance(kind, str) else "MATCH"
            self._found.matches.append((f"{path}.match", shown, match))
        if value.get("action") in {"BLOCKED", "ANONYMIZED"} or value.get("detected") is True:
            names = [n for n in path.replace("[", ".").split(".") if n.endswith("Policy")]
            self._found.policies.update(names)


def is_long(value: Any) -> bool:
    """Tell whether a value is a number that may be a person's, a card's or an account's."""
    return type(value) is int and abs(value) >= _LONG_NUMBER


def _encoded(value: Any) -> int:
    """Return how many pictures or sounds a member is, in base64; 0 where it is anything else."""
    several = value if isinstance(value, list) else [value]
    alike = all(isinstance(one, str) and _ENCODED.match(one) for one in several)
    return len(several) if alike else 0


def all_texts(bodies: list[BodyTexts]) -> Iterator[tuple[Part, str, str]]:
    """Return part, path and text of several bodies."""
    for body in bodies:
        for (part, path), text in body.texts.items():
            yield part, path, text
