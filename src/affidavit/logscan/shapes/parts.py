"""What the shapes have in common; each decodes only what has no other member."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

Number = int | float | bool | None
Harmless = Literal[
    "end_turn",
    "stop",
    "stop_sequence",
    "max_tokens",
    "length",
    "tool_use",
    "tool_calls",
    "FINISH",
    "FINISHED",
    "LENGTH",
    "COMPLETE",
    "MAX_TOKENS",
    "",
]
"""Stop reasons of an answer that was not withheld; with any other the record is walked."""


class Shape(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Has no members but the named ones."""


class _Cache(Shape):
    ephemeral_5m_input_tokens: Number = None
    ephemeral_1h_input_tokens: Number = None


class Usage(Shape):
    """Tokens, as the families count them."""

    input_tokens: Number = None
    output_tokens: Number = None
    cache_creation_input_tokens: Number = None
    cache_read_input_tokens: Number = None
    cache_creation: _Cache | None = None
    service_tier: str | None = None
    inputTokens: Number = None  # noqa: N815 - AWS's word
    outputTokens: Number = None  # noqa: N815 - AWS's word
    totalTokens: Number = None  # noqa: N815 - AWS's word
    cacheReadInputTokens: Number = None  # noqa: N815 - AWS's word
    cacheWriteInputTokens: Number = None  # noqa: N815 - AWS's word
    cacheReadInputTokenCount: Number = None  # noqa: N815 - AWS's word
    cacheWriteInputTokenCount: Number = None  # noqa: N815 - AWS's word
    prompt_tokens: Number = None
    completion_tokens: Number = None
    total_tokens: Number = None


class Metrics(Shape):
    """Times and tokens, as Bedrock counts them."""

    latencyMs: Number = None  # noqa: N815 - AWS's word
    inputTokenCount: Number = None  # noqa: N815 - AWS's word
    outputTokenCount: Number = None  # noqa: N815 - AWS's word
    invocationLatency: Number = None  # noqa: N815 - AWS's word
    firstByteLatency: Number = None  # noqa: N815 - AWS's word
    cacheReadInputTokenCount: Number = None  # noqa: N815 - AWS's word
    cacheWriteInputTokenCount: Number = None  # noqa: N815 - AWS's word


class CacheControl(Shape):
    """Where a prompt may be cached."""

    type: str = ""
    ttl: Literal["5m", "1h"] | None = None


class GuardrailConfig(Shape):
    """That a guardrail was asked for."""

    guardrailIdentifier: str  # noqa: N815 - AWS's word
    guardrailVersion: str = ""  # noqa: N815 - AWS's word
    trace: str = ""
    streamProcessingMode: str = ""  # noqa: N815 - AWS's word


class Result(Shape):
    """One of Titan's results."""

    outputText: str = ""  # noqa: N815 - AWS's word
    tokenCount: Number = None  # noqa: N815 - AWS's word
    completionReason: Harmless | None = None  # noqa: N815 - AWS's word


class _Identity(msgspec.Struct, gc=False):
    arn: str = ""


class Side(msgspec.Struct, gc=False):
    """What stands beside a body; a body that is kept apart makes the record another one."""

    inputTokenCount: int | None = None  # noqa: N815 - AWS's word
    outputTokenCount: int | None = None  # noqa: N815 - AWS's word
    inputBodyS3Path: Literal[""] | None = None  # noqa: N815 - AWS's word
    outputBodyS3Path: Literal[""] | None = None  # noqa: N815 - AWS's word


class Record(msgspec.Struct, gc=False, kw_only=True):
    """What stands beside the bodies; other members may be any, as in `records.Record`."""

    schemaType: Literal["ModelInvocationLog"] | None = None  # noqa: N815 - AWS's word
    timestamp: str | None = None
    accountId: str | None = None  # noqa: N815 - AWS's word
    identity: _Identity | None = None
    region: str | None = None
    requestId: str | None = None  # noqa: N815 - AWS's word
    operation: str | None = None
    modelId: str  # noqa: N815 - AWS's word
    errorCode: str | None = None  # noqa: N815 - AWS's word


Signs = tuple[bool, int | None]
"""Whether a guardrail was there, and the milliseconds that the answer took, where it tells."""


def milliseconds(told: Number) -> int | None:
    """Return what a body tells of its latency, where it is a count."""
    return told if type(told) is int else None


def signs_of(config: GuardrailConfig | None, chunks: Sequence[Any]) -> Signs:
    """Return the signs of a request's configuration and of an answer in chunks."""
    guarded = config is not None and bool(config.guardrailIdentifier)
    guarded = guarded or any(getattr(chunk, "guardrail", None) is not None for chunk in chunks)
    told = [one for chunk in chunks if (one := getattr(chunk, "counts", None)) is not None]
    return guarded, milliseconds(told[-1].invocationLatency) if told else None


NOT_SO: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
