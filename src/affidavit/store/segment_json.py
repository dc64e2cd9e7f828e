"""Canonical JSON of many evidence records at once, made by Arrow column by column.

The bytes are those of `canonical(evidence.to_json())`, ten times as fast: Arrow joins the columns
with the punctuation between them, and only values that hold a quote, a backslash or a control
character are escaped one by one. A test holds the two equal on any text.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from hashlib import sha256
from itertools import pairwise
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from affidavit.model.evidence import Evidence

if TYPE_CHECKING:
    import pyarrow as pa

_quoted: Final = encode_basestring
_PRINTABLE: Final = 0x20
"""The least byte that stands in JSON as it is."""
_MEMBERS: Final = tuple(sorted([*(f.name for f in fields(Evidence)), "kind"]))
_KIND: Final = '"evidence"'
_DATE: Final = 10
"""Characters of the day in a time, before the T."""
_SECONDS: Final = 19
"""Characters of a time without the fraction of its second."""
_WHOLE: Final = ".000000"


def entries_of(columns: "Mapping[str, pa.Array]") -> list[bytes]:
    """Return the ledger entry of each record: SHA-256 of its canonical JSON, 32 bytes."""
    lines = records_of(columns)
    _, offsets, data = lines.buffers()
    if data is None or not len(lines):
        return []
    text = memoryview(data)
    at = memoryview(offsets).cast("i")[lines.offset : lines.offset + len(lines) + 1]
    return [sha256(text[start:end]).digest() for start, end in pairwise(at)]


def records_of(columns: "Mapping[str, pa.Array]") -> "pa.Array":
    """Return the canonical JSON of each record; `columns`: those of a segment, by name.

    `TypeError` for a name in `attributes` that is not ASCII.
    """
    import pyarrow.compute as pc

    parts: list[Any] = []
    between = "{"
    for name in _MEMBERS:
        between += f'"{name}":'
        if name == "kind":
            between += _KIND + ","
            continue
        opening, value, closing = _SHAPES.get(name, _text)(columns[name])
        parts += [between + opening, value]
        between = closing + ","
    return pc.binary_join_element_wise(*parts, between[:-1] + "}", "")


def _text(values: "pa.Array") -> "tuple[str, pa.Array, str]":
    return '"', _escaped(values), '"'


def _escaped(values: "pa.Array") -> "pa.Array":
    """Return texts as they stand between quotes; nearly all are as they were."""
    import pyarrow as pa

    if _is_plain(_bytes_of(values)):
        return values
    coded = values.dictionary_encode()
    escaped = [_quoted(text)[1:-1] for text in coded.dictionary.to_pylist()]
    return pa.array(escaped, pa.string()).take(coded.indices)


def _is_plain(text: bytes) -> bool:
    """Tell whether nothing in a text must be escaped; the least byte is found by Arrow."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if b'"' in text or b"\\" in text:
        return False
    least = pc.min(pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)]))
    return not text or least.as_py() >= _PRINTABLE


def _bytes_of(values: "pa.Array") -> bytes:
    """Return the UTF-8 of all texts, one after the other."""
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b""
    at = memoryview(offsets).cast("i")
    return bytes(memoryview(data)[at[values.offset] : at[values.offset + len(values)]])


def _time(values: "pa.Array") -> "tuple[str, pa.Array, str]":
    """Return times as `times.iso` writes them: six digits of fraction, only where not zero."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Without its zone (which is UTC), because Arrow writes times of a zone forty times as slowly.
    naive = values.cast(pa.int64()).cast(pa.timestamp("us"))
    text = pc.binary_replace_slice(naive.cast(pa.string()), _DATE, _DATE + 1, "T")
    whole = pc.ends_with(text, _WHOLE)
    short = pc.utf8_slice_codeunits(text, 0, _SECONDS)
    return '"', pc.if_else(whole, short, text), 'Z"'


def _truth(values: "pa.Array") -> "tuple[str, pa.Array, str]":
    import pyarrow as pa

    return "", values.cast(pa.string()), ""


def _inputs(values: "pa.Array") -> "tuple[str, pa.Array, str]":
    import pyarrow.compute as pc

    digests, pointers = values.flatten().flatten()
    each = pc.binary_join_element_wise('["', _escaped(digests), '","', _escaped(pointers), '"]', "")
    return "[", _joined(values, each), "]"


def _attributes(values: "pa.Array") -> "tuple[str, pa.Array, str]":
    """Return the objects' members; they must stand in the order of their names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pairs = values.cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])))
    names, texts = pairs.flatten().flatten()
    if not pc.all(pc.string_is_ascii(names), min_count=0).as_py():
        odd = pc.filter(names, pc.invert(pc.string_is_ascii(names)))[0].as_py()
        raise TypeError(f"$.attributes: key {odd!r} is not an ASCII string")
    each = pc.binary_join_element_wise('"', _escaped(names), '":"', _escaped(texts), '"', "")
    return "{", _joined(pairs, each), "}"


def _joined(lists: "pa.Array", each: "pa.Array") -> "pa.Array":
    """Return the texts of each list, joined by commas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first = lists.offsets[0].as_py()
    offsets = pc.subtract(lists.offsets, first) if first else lists.offsets
    return pc.binary_join(pa.ListArray.from_arrays(offsets, each), ",")


_SHAPES: Final[Mapping[str, Callable[[Any], tuple[str, Any, str]]]] = {
    "time": _time,
    "synthetic": _truth,
    "inputs": _inputs,
    "attributes": _attributes,
}
