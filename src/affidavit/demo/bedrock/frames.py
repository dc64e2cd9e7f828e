"""AWS's event streams: messages framed with lengths and CRC32 (`vnd.amazon.eventstream`)."""

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_STRING: Final = 7
"""Type of a header's value: text of two bytes' length."""


def event(name: str, body: Mapping[str, Any]) -> bytes:
    """Return one event of a stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return _message(headers, json.dumps(body, ensure_ascii=False).encode())


def exception(name: str, said: str) -> bytes:
    """Return the event with which a stream ends when something went wrong."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _message(headers, json.dumps({"message": said}).encode())


def undecodable(name: str) -> bytes:
    """Return an event that is well framed and whose JSON is not UTF-8."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return _message(headers, b'{"delta": {"text": "\xff\xfe"}}')


def chunk(body: bytes) -> bytes:
    """Return the event of InvokeModelWithResponseStream that holds a piece of the model's body."""
    return event("chunk", {"bytes": base64.b64encode(body).decode()})


def _message(headers: Mapping[str, str], payload: bytes) -> bytes:
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    checked = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + payload
    return checked + struct.pack(">I", zlib.crc32(checked))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
