"""Records of text only: one message after another, a stream of pieces, an answer."""

from typing import Final, Literal

import msgspec

from affidavit.logscan.shapes.parts import (
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


class _Text(Shape):
    text: str
    type: Literal["text"] = "text"


class _TextMessage(Shape):
    content: list[_Text] | str
    role: str = ""


class _TextInference(Shape):
    maxTokens: Number = None  # noqa: N815 - AWS's word
    temperature: Number = None
    topP: Number = None  # noqa: N815 - AWS's word
    maxTokenCount: Number = None  # noqa: N815 - AWS's word
    stopSequences: list[None] | None = None  # noqa: N815 - AWS's word


class _TextAsked(Shape):
    messages: list[_TextMessage] | None = None
    system: list[_Text] | str | None = None
    prompt: str = ""
    inputText: str = ""  # noqa: N815 - AWS's word
    anthropic_version: str = ""
    max_tokens: Number = None
    temperature: Number = None
    inferenceConfig: _TextInference | None = None  # noqa: N815 - AWS's word
    textGenerationConfig: _TextInference | None = None  # noqa: N815 - AWS's word
    guardrailConfig: GuardrailConfig | None = None  # noqa: N815 - AWS's word


class _TextOutput(Shape):
    message: _TextMessage


class _TextAnswer(Shape):
    output: _TextOutput | None = None
    content: list[_Text] | None = None
    results: list[Result] | None = None
    stopReason: Harmless | None = None  # noqa: N815 - AWS's word
    stop_reason: Harmless | None = None
    stop_sequence: str | None = None
    id: str = ""
    type: str = ""
    role: str = ""
    model: str = ""
    usage: Usage | None = None
    metrics: Metrics | None = None
    inputTextTokenCount: Number = None  # noqa: N815 - AWS's word
    guardrail: Literal["NONE"] | None = msgspec.field(
        name="amazon-bedrock-guardrailAction", default=None
    )


class _TextDelta(Shape):
    text: str
    type: Literal["text_delta"] = "text_delta"


class _Stopped(Shape):
    stop_reason: Harmless | None = None
    stop_sequence: str | None = None


class _Tagged(Shape, tag_field="type"):
    """A chunk of Anthropic's streams; the type says which members it may have."""


class _TextStart(Shape):
    content: list[None] | None = None
    id: str = ""
    type: str = ""
    role: str = ""
    model: str = ""
    stop_reason: None = None
    stop_sequence: None = None
    usage: Usage | None = None


class _Empty(Shape):
    type: Literal["text"]
    text: Literal[""] = ""


class _MessageStart(_Tagged, tag="message_start"):
    message: _TextStart


class _BlockStart(_Tagged, tag="content_block_start"):
    content_block: _Empty
    index: Literal[0] = 0


class _TextChunk(_Tagged, tag="content_block_delta"):
    delta: _TextDelta
    index: Literal[0] = 0


class _BlockStop(_Tagged, tag="content_block_stop"):
    index: Literal[0] = 0


class _MessageDelta(_Tagged, tag="message_delta"):
    delta: _Stopped
    usage: Usage | None = None


class _Ping(_Tagged, tag="ping"):
    pass


class _MessageStop(_Tagged, tag="message_stop"):
    counts: Metrics | None = msgspec.field(name="amazon-bedrock-invocationMetrics", default=None)
    guardrail: Literal["NONE"] | None = msgspec.field(
        name="amazon-bedrock-guardrailAction", default=None
    )


_TextChunks = (
    _TextChunk | _MessageStart | _BlockStart | _BlockStop | _MessageDelta | _MessageStop | _Ping
)


class _TextAsks(Side, kw_only=True):
    inputBodyJson: _TextAsked  # noqa: N815 - AWS's word


class _TextAnswers(Side, kw_only=True):
    outputBodyJson: _TextAnswer | list[_TextChunks]  # noqa: N815 - AWS's word


class PlainRecord(Record, kw_only=True):
    """A record of text only."""

    input: _TextAsks
    output: _TextAnswers


PLAIN: Final = msgspec.json.Decoder(PlainRecord)


def read_plain(record: PlainRecord, asked: list[str], said: list[str]) -> Signs:
    """Add the texts of request and answer, and return the signs beside them.

    Done for each record, in one pass and with the commonest case first.
    """
    body = record.input.inputBodyJson
    _asked(body, asked)
    config = body.guardrailConfig
    answer = record.output.outputBodyJson
    if isinstance(answer, list):
        said.append("".join([chunk.delta.text for chunk in answer if type(chunk) is _TextChunk]))
        last = answer[-1] if answer else None
        if type(last) is _MessageStop and last.counts is not None and last.guardrail is not None:
            return True, milliseconds(last.counts.invocationLatency)
        return signs_of(config, answer)
    _said(answer, said)
    guarded = answer.guardrail or (config is not None and config.guardrailIdentifier)
    metrics = answer.metrics
    return bool(guarded), milliseconds(metrics.latencyMs) if metrics is not None else None


def _asked(body: _TextAsked, asked: list[str]) -> None:
    if body.messages is not None:
        for message in body.messages:
            content = message.content
            if len(content) == 1 and type(content) is list:
                asked.append(content[0].text)
            else:
                _content(content, asked)
    if body.system is not None:
        _content(body.system, asked)
    if body.prompt or body.inputText:
        asked += (body.prompt, body.inputText)
    config = body.guardrailConfig
    if config is not None and (config.trace or config.streamProcessingMode):
        asked += (config.trace, config.streamProcessingMode)


def _said(body: _TextAnswer, said: list[str]) -> None:
    if body.output is not None:
        _content(body.output.message.content, said)
    if body.content is not None:
        _content(body.content, said)
    if body.results is not None:
        said += [result.outputText for result in body.results]


def _content(content: list[_Text] | str, found: list[str]) -> None:
    if isinstance(content, str):
        found.append(content)
    else:
        found += [block.text for block in content]
