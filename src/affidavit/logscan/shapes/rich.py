"""Records with thoughts, calls of tools and their results, of every family that is known."""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from affidavit.logscan.bodies import is_long
from affidavit.logscan.shapes.parts import (
    CacheControl,
    GuardrailConfig,
    Harmless,
    Metrics,
    Number,
    Record,
    Result,
    Shape,
    Side,
    Signs,
    Usage,
    milliseconds,
    signs_of,
)


class _ToolUse(Shape):
    input: Any
    name: str = ""
    toolUseId: str = ""  # noqa: N815 - AWS's word


class _ToolResult(Shape):
    content: Any
    toolUseId: str = ""  # noqa: N815 - AWS's word
    status: str = ""


class _Reasoning(Shape):
    text: str = ""
    signature: str = ""


class _ReasoningContent(Shape):
    reasoningText: _Reasoning  # noqa: N815 - AWS's word


class Rich(Shape):
    """A block of content of the other frequent kinds: thoughts, calls of tools, their results."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: Any = None
    tool_use_id: str = ""
    content: Any = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    cachePoint: CacheControl | None = None  # noqa: N815 - AWS's word
    toolUse: _ToolUse | None = None  # noqa: N815 - AWS's word
    toolResult: _ToolResult | None = None  # noqa: N815 - AWS's word
    reasoningContent: _ReasoningContent | None = None  # noqa: N815 - AWS's word


class _Delta(Shape):
    """What a chunk adds: text, thoughts, or a piece of a tool's input."""

    text: str = ""
    type: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    stop_reason: Harmless | None = None
    stop_sequence: str | None = None


class _Message(Shape):
    content: str | list[Rich]
    role: str = ""


class _Inference(Shape):
    maxTokens: Number = None  # noqa: N815 - AWS's word
    temperature: Number = None
    topP: Number = None  # noqa: N815 - AWS's word
    topK: Number = None  # noqa: N815 - AWS's word
    max_new_tokens: Number = None
    maxTokenCount: Number = None  # noqa: N815 - AWS's word
    stopSequences: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - AWS's word


class _Asked(Shape):
    """A request of any family."""

    messages: list[_Message] = msgspec.field(default_factory=list)
    system: str | list[Rich] = ""
    prompt: str = ""
    inputText: str = ""  # noqa: N815 - AWS's word
    tools: Any = None
    toolConfig: Any = None  # noqa: N815 - AWS's word
    anthropic_version: str = ""
    schemaVersion: str = ""  # noqa: N815 - AWS's word
    stop_sequences: list[str] = msgspec.field(default_factory=list)
    max_tokens: Number = None
    max_tokens_to_sample: Number = None
    max_gen_len: Number = None
    temperature: Number = None
    top_p: Number = None
    top_k: Number = None
    inferenceConfig: _Inference | None = None  # noqa: N815 - AWS's word
    textGenerationConfig: _Inference | None = None  # noqa: N815 - AWS's word
    guardrailConfig: GuardrailConfig | None = None  # noqa: N815 - AWS's word


class _Output(Shape):
    message: _Message


class _Piece(Shape):
    text: str = ""
    stop_reason: Harmless | None = None


class _Choice(Shape):
    message: _Message | None = None
    text: str = ""
    index: Number = None
    finish_reason: Harmless | None = None
    stop_reason: Harmless | None = None


class _Answer(Shape):
    """An answer of any family that is not a stream."""

    output: _Output | None = None
    content: list[Rich] = msgspec.field(default_factory=list)
    completion: str = ""
    generation: str = ""
    results: list[Result] = msgspec.field(default_factory=list)
    outputs: list[_Piece] = msgspec.field(default_factory=list)
    choices: list[_Choice] = msgspec.field(default_factory=list)
    stopReason: Harmless | None = None  # noqa: N815 - AWS's word
    stop_reason: Harmless | None = None
    stop_sequence: str | None = None
    stop: str | None = None
    id: str = ""
    type: str = ""
    role: str = ""
    model: str = ""
    object: str = ""
    created: Number = None
    usage: Usage | None = None
    metrics: Metrics | None = None
    inputTextTokenCount: Number = None  # noqa: N815 - AWS's word
    prompt_token_count: Number = None
    generation_token_count: Number = None
    guardrail: Literal["NONE"] | None = msgspec.field(
        name="amazon-bedrock-guardrailAction", default=None
    )
    counts: Metrics | None = msgspec.field(name="amazon-bedrock-invocationMetrics", default=None)


class _Start(Shape):
    content: list[Rich] = msgspec.field(default_factory=list)
    id: str = ""
    type: str = ""
    role: str = ""
    model: str = ""
    stop_reason: None = None
    stop_sequence: str | None = None
    usage: Usage | None = None


class _RichChunk(Shape):
    """A piece of a stream, Anthropic's or Titan's."""

    type: str = ""
    index: int | None = None
    delta: _Delta | None = None
    content_block: Rich | None = None
    message: _Start | None = None
    completion: str = ""
    outputText: str = ""  # noqa: N815 - AWS's word
    stop_reason: Harmless | None = None
    stop: str | None = None
    completionReason: Harmless | None = None  # noqa: N815 - AWS's word
    usage: Usage | None = None
    inputTextTokenCount: Number = None  # noqa: N815 - AWS's word
    totalOutputTextTokenCount: Number = None  # noqa: N815 - AWS's word
    guardrail: Literal["NONE"] | None = msgspec.field(
        name="amazon-bedrock-guardrailAction", default=None
    )
    counts: Metrics | None = msgspec.field(name="amazon-bedrock-invocationMetrics", default=None)


class _Asks(Side, kw_only=True):
    inputBodyJson: _Asked  # noqa: N815 - AWS's word


class _Answers(Side, kw_only=True):
    outputBodyJson: _Answer | list[_RichChunk]  # noqa: N815 - AWS's word


class RichRecord(Record, kw_only=True):
    """A record with thoughts and tools too."""

    input: _Asks
    output: _Answers


RICH: Final = msgspec.json.Decoder(RichRecord)
_SIGN_WORDS: Final = """
bytes data s3Location s3Uri uri guardContent guardrailConfig trace amazon-bedrock-trace
amazon-bedrock-guardrailAction stop_reason stopReason finish_reason completionReason
match action detected image images base64 b64_json audio video videos
"""
_SIGNS: Final = frozenset(_SIGN_WORDS.split())
"""Keys that say more than their text: what holds them is walked."""
_AMBIGUOUS: Final = re.compile(r"$|[^.\[]*[.\[]").match
"""Of a key that could make two paths one."""
_DEPTH: Final = 30


class Ambiguous(Exception):  # noqa: N818 - no error: the record is walked instead
    """What a tool was given or gave needs the whole reading."""


def read_rich(record: RichRecord, asked: list[str], said: list[str]) -> Signs:
    """Add the texts of request and answer, and return the signs beside them.

    Raises `Ambiguous`: the record must be walked.
    """
    config = record.input.inputBodyJson.guardrailConfig
    answer = record.output.outputBodyJson
    if isinstance(answer, list):
        said += _stream(answer)
        signs = signs_of(config, answer)
    else:
        _answered(answer, said)
        guarded, latency = signs_of(config, [answer])
        if latency is None and answer.metrics is not None:
            latency = milliseconds(answer.metrics.latencyMs)
        signs = guarded, latency
    _asked(record.input.inputBodyJson, asked)
    return signs


def _asked(body: _Asked, found: list[str]) -> None:
    for message in body.messages:
        _content(message.content, found)
    _content(body.system, found)
    found += (body.prompt, body.inputText)
    found += body.stop_sequences
    for config in (body.inferenceConfig, body.textGenerationConfig):
        found += config.stopSequences if config is not None else ()
    if body.guardrailConfig is not None:
        found += (body.guardrailConfig.trace, body.guardrailConfig.streamProcessingMode)
    for tools in (body.tools, body.toolConfig):
        _strings(tools, found, 0)


def _answered(body: _Answer, found: list[str]) -> None:
    if body.output is not None:
        _content(body.output.message.content, found)
    _content(body.content, found)
    found += (body.completion, body.generation)
    found += [result.outputText for result in body.results]
    found += [piece.text for piece in body.outputs]
    for choice in body.choices:
        found.append(choice.text)
        if choice.message is not None:
            _content(choice.message.content, found)


def _content(content: str | list[Rich], found: list[str]) -> None:
    if isinstance(content, str):
        found.append(content)
        return
    for block in content:
        _rich(block, found)


def _rich(block: Rich, found: list[str]) -> None:
    found += (block.text, block.thinking, block.name)
    for value in (block.input, block.content):
        _strings(value, found, 0)
    if block.toolUse is not None:
        found.append(block.toolUse.name)
        _strings(block.toolUse.input, found, 0)
    if block.toolResult is not None:
        found.append(block.toolResult.status)
        _strings(block.toolResult.content, found, 0)
    if block.reasoningContent is not None:
        found.append(block.reasoningContent.reasoningText.text)


def _strings(value: Any, found: list[str], depth: int) -> None:
    """Collect all strings of a value whose paths cannot be taken for one another."""
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict | list):
        if depth > _DEPTH:
            raise Ambiguous
        for item in _named(value, found) if isinstance(value, dict) else value:
            _strings(item, found, depth + 1)
    elif is_long(value):
        found.append(str(value))


def _named(value: dict[str, Any], found: list[str]) -> Iterable[Any]:
    """Return the members of an object, and collect the keys that may be more than names."""
    if not _SIGNS.isdisjoint(value) or any(map(_AMBIGUOUS, value)):
        raise Ambiguous
    found += [key for key in value if not key.isidentifier()]
    return value.values()


def _stream(chunks: list[_RichChunk]) -> list[str]:
    """Return the texts of a stream, each joined from the chunks with the same place."""
    joined: dict[tuple[int | None, str], list[str]] = {}
    for chunk in chunks:
        for name, piece in _pieces(chunk):
            if piece:
                joined.setdefault((chunk.index, name), []).append(piece)
    return ["".join(pieces) for pieces in joined.values()]


def _pieces(chunk: _RichChunk) -> list[tuple[str, str]]:
    found = [("completion", chunk.completion), ("outputText", chunk.outputText)]
    if chunk.delta is not None:
        delta = chunk.delta
        found += [("text", delta.text), ("thinking", delta.thinking), ("json", delta.partial_json)]
    block = chunk.content_block
    if block is not None:
        if block.input or block.content or block.toolUse or block.toolResult:
            raise Ambiguous
        if block.reasoningContent is not None:
            raise Ambiguous
        found += [("begun", block.text), ("thought", block.thinking), ("name", block.name)]
    if chunk.message is not None and chunk.message.content:
        raise Ambiguous
    return found
