"""What InvokeModel and its stream give: text, stop reason and tokens in each family's form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from affidavit.prompts.bodies import Family

Path = tuple[str | int, ...]


class BodyError(ValueError):
    """A body is not of its family's form."""


@dataclass(slots=True, kw_only=True)
class Parts:
    """What was found in a body, or so far in a stream."""

    texts: list[str] = field(default_factory=list)
    stop_reason: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    action: str = ""
    """The guardrail's: `INTERVENED` or `NONE`."""
    trace: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return the texts as one."""
        return "".join(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Where a body has what; of several places the first that is there counts."""

    has: Path
    """What a body must have, else it is none of the family."""
    text: tuple[Path, ...]
    """A place may lead to a list of blocks, whose texts are joined."""
    stop: tuple[Path, ...] = ()
    tokens_in: tuple[Path, ...] = ()
    tokens_out: tuple[Path, ...] = ()


_OPEN: Final = _Form(
    has=("choices", 0),
    text=(("choices", 0, "message", "content"), ("choices", 0, "text")),
    stop=(("choices", 0, "finish_reason"), ("choices", 0, "stop_reason")),
    tokens_in=(("usage", "prompt_tokens"),),
    tokens_out=(("usage", "completion_tokens"),),
)
_FORMS: Final[Mapping[Family, _Form]] = {
    Family.ANTHROPIC: _Form(
        has=("content",),
        text=(("content",),),
        stop=(("stop_reason",),),
        tokens_in=(("usage", "input_tokens"),),
        tokens_out=(("usage", "output_tokens"),),
    ),
    Family.ANTHROPIC_TEXT: _Form(
        has=("completion",), text=(("completion",),), stop=(("stop_reason",),)
    ),
    Family.TITAN: _Form(
        has=("results", 0),
        text=(("results", 0, "outputText"),),
        stop=(("results", 0, "completionReason"),),
        tokens_in=(("inputTextTokenCount",),),
        tokens_out=(("results", 0, "tokenCount"),),
    ),
    Family.NOVA: _Form(
        has=("output", "message"),
        text=(("output", "message", "content"),),
        stop=(("stopReason",),),
        tokens_in=(("usage", "inputTokens"),),
        tokens_out=(("usage", "outputTokens"),),
    ),
    Family.LLAMA: _Form(
        has=("generation",),
        text=(("generation",),),
        stop=(("stop_reason",),),
        tokens_in=(("prompt_token_count",),),
        tokens_out=(("generation_token_count",),),
    ),
    Family.MISTRAL: _Form(
        has=("outputs", 0),
        text=(("outputs", 0, "text"),),
        stop=(("outputs", 0, "stop_reason"),),
    ),
    Family.COHERE_CHAT: _Form(has=("text",), text=(("text",),), stop=(("finish_reason",),)),
    Family.COHERE_TEXT: _Form(
        has=("generations", 0),
        text=(("generations", 0, "text"),),
        stop=(("generations", 0, "finish_reason"),),
    ),
    Family.AI21_TEXT: _Form(
        has=("completions", 0),
        text=(("completions", 0, "data", "text"),),
        stop=(("completions", 0, "finishReason", "reason"),),
    ),
    Family.MISTRAL_CHAT: _OPEN,
    Family.AI21_CHAT: _OPEN,
    Family.DEEPSEEK: _OPEN,
    Family.OPENAI: _OPEN,
}
_OPEN_PIECE: Final = _Form(
    has=(),
    text=(
        ("choices", 0, "delta", "content"),
        ("choices", 0, "message", "content"),
        ("choices", 0, "text"),
    ),
    stop=(("choices", 0, "finish_reason"), ("choices", 0, "stop_reason")),
    tokens_in=(("usage", "prompt_tokens"),),
    tokens_out=(("usage", "completion_tokens"),),
)
_PIECES: Final[Mapping[Family, _Form]] = {
    Family.ANTHROPIC: _Form(
        has=(),
        text=(("delta", "text"),),
        stop=(("delta", "stop_reason"),),
        tokens_in=(("message", "usage", "input_tokens"),),
        tokens_out=(("usage", "output_tokens"),),
    ),
    Family.ANTHROPIC_TEXT: _FORMS[Family.ANTHROPIC_TEXT],
    Family.TITAN: _Form(
        has=(),
        text=(("outputText",),),
        stop=(("completionReason",),),
        tokens_in=(("inputTextTokenCount",),),
        tokens_out=(("totalOutputTextTokenCount",),),
    ),
    Family.NOVA: _Form(
        has=(),
        text=(("contentBlockDelta", "delta", "text"),),
        stop=(("messageStop", "stopReason"),),
        tokens_in=(("metadata", "usage", "inputTokens"),),
        tokens_out=(("metadata", "usage", "outputTokens"),),
    ),
    Family.LLAMA: _FORMS[Family.LLAMA],
    Family.MISTRAL: _FORMS[Family.MISTRAL],
    Family.COHERE_CHAT: _FORMS[Family.COHERE_CHAT],
    Family.COHERE_TEXT: _Form(has=(), text=(("text",),), stop=(("finish_reason",),)),
    Family.AI21_TEXT: _FORMS[Family.AI21_TEXT],
    Family.MISTRAL_CHAT: _OPEN_PIECE,
    Family.AI21_CHAT: _OPEN_PIECE,
    Family.DEEPSEEK: _OPEN_PIECE,
    Family.OPENAI: _OPEN_PIECE,
}
_METRICS: Final = "amazon-bedrock-invocationMetrics"
_ABSENT: Final = object()


def whole(family: Family, body: Mapping[str, Any]) -> Parts:
    """Return what a body holds; raise `BodyError` where it is not of the family's form."""
    form = _FORMS[family]
    parts = Parts()
    _guardrail(parts, body)
    if _at(body, form.has) is _ABSENT and not parts.action:
        raise BodyError(f"the body of a {family} model has {'.'.join(map(str, form.has))}")
    _take(parts, form, body)
    return parts


def places(family: Family) -> dict[str, list[str | int]]:
    """Return where the text and the stop reason stand in a body of the family."""
    form = _FORMS[family]
    return {"text": [*form.text[0]], "stop": [*form.stop[0]]}


def pieces(family: Family, events: Iterable[Any]) -> Parts:
    """Return what the chunks of a stream hold together; bare strings between them are passed over.

    Raises `BodyError` where a text is none.
    """
    parts = Parts()
    for event in events:
        if isinstance(event, Mapping):
            # Command R repeats the whole text in its last event.
            is_end = event.get("event_type") == "stream-end"
            before = len(parts.texts)
            _guardrail(parts, event)
            _take(parts, _PIECES[family], event)
            if is_end:
                del parts.texts[before:]
            _metrics(parts, event)
    return parts


def _take(parts: Parts, form: _Form, body: Mapping[str, Any]) -> None:
    text = _first(body, form.text)
    if text is not None:
        parts.texts.append(_text(text))
    stop = _first(body, form.stop)
    if isinstance(stop, str):
        parts.stop_reason = stop
    parts.input_tokens = _count(_first(body, form.tokens_in), parts.input_tokens)
    parts.output_tokens = _count(_first(body, form.tokens_out), parts.output_tokens)


def _metrics(parts: Parts, event: Mapping[str, Any]) -> None:
    parts.input_tokens = _count(_first(event, ((_METRICS, "inputTokenCount"),)), parts.input_tokens)
    counted = _first(event, ((_METRICS, "outputTokenCount"),))
    parts.output_tokens = _count(counted, parts.output_tokens)


def _guardrail(parts: Parts, body: Mapping[str, Any]) -> None:
    action = body.get("amazon-bedrock-guardrailAction")
    if isinstance(action, str):
        parts.action = action
    trace = _first(body, (("amazon-bedrock-trace", "guardrail"),))
    if isinstance(trace, Mapping):
        parts.trace = trace


def _at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value


def _first(body: Any, paths: Iterable[Path]) -> Any:
    """Return what the first path that leads somewhere leads to, or None."""
    found = (_at(body, path) for path in paths)
    return next((value for value in found if value is not _ABSENT and value is not None), None)


def _text(value: Any) -> str:
    """Return a text, or the texts of a list of blocks; thoughts and tool calls are no text."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise BodyError(f"a text was {type(value).__name__}")
    texts = [block.get("text") for block in value if isinstance(block, Mapping)]
    return "".join(text for text in texts if isinstance(text, str))


def _count(value: Any, otherwise: int | None) -> int | None:
    whole_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if whole_number else otherwise
