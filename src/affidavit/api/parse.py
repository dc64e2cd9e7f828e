"""From bytes to the members of a request: labels, query, JSON body. No member is judged here.

What cannot be decoded at all is refused with SerializationException; what decodes but is not what
the model wants is for `validate`.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes

from affidavit.api.errors import cannot_parse, wrong_media_type

MAX_DEPTH: Final = 32
"""Deepest nesting of a body; the model's own deepest input has eight levels."""
JSON_TYPES: Final = frozenset({"application/json", "application/x-amz-json-1.1"})
"""What SDKs send: the second is the Java SDK's version 1 (service metadata `jsonVersion` 1.1)."""
MAX_QUERY_PAIRS: Final = 1000

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A whole string (even one without its end, so that no byte is looked at twice) or a bracket."""
_ESCAPED_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def query_values(query: bytes) -> dict[str, list[str]]:
    """Return every value of every key of a raw query string, in order."""
    found: dict[str, list[str]] = {}
    if not query:
        return found
    pairs = query.split(b"&")
    if len(pairs) > MAX_QUERY_PAIRS:
        raise cannot_parse(f"The query has more than {MAX_QUERY_PAIRS} parameters.")
    for pair in pairs:
        key, _, value = pair.partition(b"=")
        try:
            name = unquote_to_bytes(key).decode("utf-8")
            found.setdefault(name, []).append(unquote_to_bytes(value).decode("utf-8"))
        except UnicodeDecodeError:
            raise cannot_parse("The query is not UTF-8.") from None
    return found


def integer(text: str) -> int | str:
    """Return the whole number that a query value is, else the text (`5.0`, `+5`, `5 `)."""
    return int(text) if _INTEGER.fullmatch(text) else text


def check_content(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that says it is something else than plain JSON."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise wrong_media_type("The body must be sent without Content-Encoding.")
    given = headers.get(b"content-type")
    if given is None:
        return
    kind, _, parameters = given.decode("latin-1").partition(";")
    if kind.strip().lower() not in JSON_TYPES:
        raise wrong_media_type("The Content-Type of the body must be application/json.")
    name, _, value = parameters.partition("=")
    if name.strip().lower() == "charset" and value.strip(' "').lower() != "utf-8":
        raise wrong_media_type("The body must be UTF-8.")


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that `body` is; nothing at all counts as the empty object."""
    if not body.strip():
        return {}
    _check_depth(body)
    try:
        value = _DECODER.decode(body.decode("utf-8"))
        if _ESCAPED_SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise cannot_parse("The body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise cannot_parse("The body must be a JSON object.")
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKET.finditer(body):
        token = match.group()
        if token in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise cannot_parse(f"The body is nested more than {MAX_DEPTH} levels deep.")
        elif token in b"]}":
            depth -= 1


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_constant=_constant)
