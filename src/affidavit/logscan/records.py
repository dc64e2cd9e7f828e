"""Invocation log objects to records: every wrapping in which they come, and no silent loss.

JSON lines as Bedrock writes them; pretty-printed records and JSON arrays; what CloudWatch Logs
exports (`{"events": [...]}`, lines with a time before the JSON) and sends to subscribers
(`logEvents`, also in base64 and gzip below `awslogs`).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final

import msgspec

from affidavit.logscan.gunzip import Data, ReadLimits, Trouble, lines, whole

_STAMP: Final = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z? (?=\{)")
_BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_NESTING: Final = 4
"""Wrappings within wrappings that are opened."""


class Identity(msgspec.Struct, gc=False):
    """Who called."""

    arn: str = ""


class Body(msgspec.Struct, gc=False):
    """A request or an answer; the JSON itself is decoded only when its texts are read."""

    inputBodyJson: msgspec.Raw = msgspec.Raw()  # noqa: N815 - AWS's word
    outputBodyJson: msgspec.Raw = msgspec.Raw()  # noqa: N815 - AWS's word
    inputBodyS3Path: str | None = None  # noqa: N815 - AWS's word
    outputBodyS3Path: str | None = None  # noqa: N815 - AWS's word
    inputTokenCount: int | None = None  # noqa: N815 - AWS's word
    outputTokenCount: int | None = None  # noqa: N815 - AWS's word


class Record(msgspec.Struct, gc=False):
    """One ModelInvocationLog record; other members are not decoded."""

    schemaType: str | None = None  # noqa: N815 - AWS's word
    timestamp: str | None = None
    accountId: str | None = None  # noqa: N815 - AWS's word
    identity: Identity | None = None
    region: str | None = None
    requestId: str | None = None  # noqa: N815 - AWS's word
    operation: str | None = None
    modelId: str | None = None  # noqa: N815 - AWS's word
    errorCode: str | None = None  # noqa: N815 - AWS's word
    requestMetadata: Any = None  # noqa: N815 - AWS's word
    input: Body | None = None
    output: Body | None = None

    @property
    def is_invocation(self) -> bool:
        """Return whether this is what Bedrock logs; schemaType and more may be absent."""
        if self.schemaType is not None:
            return self.schemaType == "ModelInvocationLog"
        return self.modelId is not None and (self.input or self.output) is not None


_RECORD: Final = msgspec.json.Decoder(Record)


class RecordReader:
    """Reads one object; `trouble` is told what is not read, `foreign` counts other values."""

    def __init__(self, limits: ReadLimits, trouble: Trouble, size: Callable[[int], None]) -> None:
        self._limits, self._trouble, self._size = limits, trouble, size
        self.foreign = 0

    def read(self, data: Data) -> Iterator[Record]:
        """Return all records."""
        for batch in self.batches(data):
            if isinstance(batch, list):
                for line in batch:
                    yield from self.line(line)
            else:
                yield from batch

    def batches(self, data: Data) -> Iterator[list[bytes] | Iterator[Record]]:
        """Return lists of lines, each of which is for `line`; or the records of a document."""
        first = True
        for block in lines(data, self._limits, self._trouble, self._size):
            if first and (block[:2] in _WIDE or _is_spread(block)):
                yield self._document(data)
                return
            first = False
            yield [line for line in BytesIO(block).readlines() if line != b"\n"]

    def line(self, line: bytes) -> Iterator[Record]:
        """Return the records of one line: one, as a rule."""
        try:
            record = _RECORD.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            yield from self._odd_line(line)
            return
        if record.is_invocation:
            yield record
            return
        try:
            value = _loaded(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):  # a number of thousands of digits
            self._trouble(_NO_JSON)
            return
        yield from self._value(value, 0)

    def _odd_line(self, line: bytes) -> Iterator[Record]:
        """Read a line that is no plain record: another wrapping, another encoding, or broken."""
        line = line.removeprefix(_BOM).strip()
        stamp = _STAMP.match(line)
        text = line[stamp.end() if stamp else 0 :].decode("utf-8", "replace")
        if text:
            yield from self._text(text, 0)

    def _text(self, text: str, depth: int) -> Iterator[Record]:
        values, why = _several(text)
        for value in values:
            yield from self._value(value, depth)
        if why:
            self._trouble(why)

    def _value(self, value: Any, depth: int) -> Iterator[Record]:
        """Return the records in a value of any shape."""
        if depth > _NESTING:
            self._trouble("a value is wrapped too often")
        elif isinstance(value, list):
            for item in value:
                yield from self._value(item, depth + 1)
        elif not isinstance(value, dict):
            self.foreign += 1
        elif (packed := _packed(value)) is not None:
            yield from self._packed(packed, depth)
        elif (events := _events(value)) is not None:
            yield from self._events(events, depth)
        else:
            yield from self._record(value)

    def _events(self, events: list[Any], depth: int) -> Iterator[Record]:
        """Return the records in the messages of log events."""
        for event in events:
            message = event.get("message") if isinstance(event, dict) else None
            if isinstance(message, str):
                yield from self._text(message, depth + 1)
            else:
                self._trouble("a log event has no message")

    def _packed(self, packed: str, depth: int) -> Iterator[Record]:
        """Read a subscription's payload: base64, then gzip."""
        try:
            data = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            self._trouble("a subscription's payload is not base64")
            return
        content = whole(data, self._limits.line, self._limits, self._trouble)
        yield from self._text(content.decode("utf-8", "replace"), depth + 1)

    def _record(self, value: dict[str, Any]) -> Iterator[Record]:
        try:
            record = msgspec.convert(_with_raw_bodies(value), Record)
        except (msgspec.MsgspecError, RecursionError):
            if value.get("schemaType") in {None, "ModelInvocationLog"} and "modelId" in value:
                self._trouble("a record has members of an unknown type")
                return
            self.foreign += 1
            return
        if record.is_invocation:
            yield record
        elif "modelId" not in value and value.get("schemaType") == "ModelInvocationLog":
            self._trouble("a record has no model")
        else:
            self.foreign += 1

    def _document(self, data: Data) -> Iterator[Record]:
        """Read values that spread over lines: pretty-printed, arrays, UTF-16."""
        content = whole(data, self._limits.line, self._limits, self._trouble)
        wide = content[:2] in _WIDE
        text = content.decode("utf-16" if wide else "utf-8", "replace").removeprefix("\ufeff")
        decoder, at = json.JSONDecoder(strict=False), 0
        while (found := _NEXT.search(text, at)) is not None:
            try:
                value, at = decoder.raw_decode(text, found.start())
            except (ValueError, RecursionError):
                self._trouble("the rest of the object is not JSON: cut off or damaged")
                yield from self._salvage(text[found.start() :], decoder)
                return
            yield from self._value(value, 0)

    def _salvage(self, text: str, decoder: json.JSONDecoder) -> Iterator[Record]:
        """Return the whole records that stand in a damaged document, at the starts of objects."""
        at, tries = 0, 0
        while (found := _OBJECT.search(text, at)) is not None and tries < _TRIES:
            tries += 1
            try:
                value, at = decoder.raw_decode(text, found.start(1))
            except (ValueError, RecursionError):
                at = found.end()
                continue
            if isinstance(value, dict) and "modelId" in value:
                yield from self._value(value, 0)


_NO_JSON: Final = "a line is not JSON: cut off or damaged"
_DECODER: Final = json.JSONDecoder(strict=False)
_NEXT: Final = re.compile(r"[^\s,]")
_OBJECT: Final = re.compile(r"(?:^|[\[,\n])\s*(\{)")
_TRIES: Final = 10_000
"""Objects that are tried in a damaged document."""


def _is_spread(block: bytes) -> bool:
    """Return whether the first line is only the beginning of a value."""
    start = block[:4096].lstrip(_BOM + b" \t\r\n")
    line = start.partition(b"\n")[0].strip()
    if line in {b"{", b"[", b"[{"}:
        return True
    return line[:1] == b"[" and not block.rstrip().endswith(b"]")  # one record a line, in an array


def _several(text: str) -> tuple[list[Any], str]:
    """Return the values of a line, one as a rule, and what is wrong with the rest of it.

    What Firehose delivers of a subscription are payloads with nothing between them.
    """
    found: list[Any] = []
    at = 0
    try:
        while (start := _NEXT.search(text, at)) is not None:
            value, at = _DECODER.raw_decode(text, start.start())
            found.append(value)
    except ValueError:
        return _wrappings(found), _NO_JSON
    except RecursionError:
        return found, "a line is nested too deeply"
    if len(found) > 1 or (
        found and text.rstrip().endswith(",")
    ):  # bare values of a line that was cut off
        kept = _wrappings(found)
        return kept, "" if kept == found else _NO_JSON
    return found, "" if found else _NO_JSON


def _wrappings(found: list[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, dict | list)]


def _loaded(text: str) -> Any:
    """Return JSON, also with lone surrogates and control characters, which msgspec refuses."""
    return json.loads(text, strict=False)


def _packed(value: dict[str, Any]) -> str | None:
    """Return the payload of a subscription's event for Lambda."""
    logs = value.get("awslogs")
    data = logs.get("data") if isinstance(logs, dict) else None
    return data if isinstance(data, str) else None


def _events(value: dict[str, Any]) -> list[Any] | None:
    """Return the events of a CloudWatch Logs export or payload."""
    for key in ("events", "logEvents"):
        events = value.get(key)
        if isinstance(events, list):
            return events
    return None


def _with_raw_bodies(value: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded record with its bodies as JSON again, as `Body` has them."""
    changed = dict(value)
    for side, key in (("input", "inputBodyJson"), ("output", "outputBodyJson")):
        body = value.get(side)
        if isinstance(body, dict) and key in body:
            raw = msgspec.Raw(json.dumps(body[key]).encode())
            changed[side] = {**body, key: raw}
    return changed
