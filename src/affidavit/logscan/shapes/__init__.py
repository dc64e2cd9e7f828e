"""The common shapes of records, exactly: what they hold besides text cannot hold text.

A record that decodes to these types has no member that is not named here, so its texts are known
without walking it. Any other record (a member more, another type, an unknown stop reason, a
guardrail that acted, media) does not decode, and is read by `records.py` and `bodies.py`, which
say what is found: these shapes only have to give every text that they would look at, and may give
more (words of protocol).
"""

from affidavit.logscan.shapes.parts import NOT_SO
from affidavit.logscan.shapes.plain import PLAIN, PlainRecord, plain_texts
from affidavit.logscan.shapes.rich import RICH, Ambiguous, RichRecord, rich_texts

__all__ = [
    "NOT_SO",
    "PLAIN",
    "RICH",
    "Ambiguous",
    "PlainRecord",
    "RichRecord",
    "is_guarded",
    "latency_of",
    "plain_texts",
    "rich_texts",
]


def latency_of(record: PlainRecord | RichRecord) -> int | None:
    """Return how long the answer took in milliseconds, where it tells."""
    body = record.output.outputBodyJson
    if isinstance(body, list):
        told = next((c for c in reversed(body) if getattr(c, "counts", None) is not None), None)
        counts, metrics = getattr(told, "counts", None), None
    else:
        counts, metrics = getattr(body, "counts", None), body.metrics
    if counts is not None and type(counts.invocationLatency) is int:
        return int(counts.invocationLatency)
    return metrics.latencyMs if metrics is not None and type(metrics.latencyMs) is int else None


def is_guarded(record: PlainRecord | RichRecord) -> bool:
    """Return whether request or answer shows that a guardrail was there."""
    config = record.input.inputBodyJson.guardrailConfig
    if config is not None and config.guardrailIdentifier:
        return True
    body = record.output.outputBodyJson
    if isinstance(body, list):
        return any(getattr(chunk, "guardrail", None) is not None for chunk in reversed(body))
    return body.guardrail is not None
