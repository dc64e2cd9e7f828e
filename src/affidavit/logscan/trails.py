"""CloudTrail files to records, a megabyte at a time, so that a big file costs no more memory.

`{"Records":[{...},{...}]}` is cut where a record can begin: before `{"eventVersion"` after a comma.
Within a JSON text these bytes cannot stand in a string, and a cut inside of a record leaves a piece
that is not whole: it does not decode, and then the rest is read as one document. So a piece that
decodes is whole records, and every piece before it was. A small file is one piece.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from affidavit.logscan.gunzip import Data, ReadLimits, Trouble, one_member, parts

_HEAD: Final = b'{"Records":['
_CUT: Final = b'},{"eventVersion"'
_SMALL: Final = 2**17
"""Compressed bytes of a file that is decompressed at once."""
BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Insight(msgspec.Struct, gc=False):
    eventSource: str = ""  # noqa: N815 - AWS's word
    eventName: str = ""  # noqa: N815 - AWS's word


class Name(msgspec.Struct, gc=False):
    """What decides about a record."""

    eventTime: str | None = None  # noqa: N815 - AWS's word
    eventSource: str | None = None  # noqa: N815 - AWS's word
    eventName: str | None = None  # noqa: N815 - AWS's word
    insightDetails: _Insight | None = None  # noqa: N815 - AWS's word

    @property
    def event(self) -> tuple[str, str]:
        """Return service and name; an Insights event has them below its details."""
        about = self.insightDetails
        source = self.eventSource or (about.eventSource if about else "")
        return source, self.eventName or (about.eventName if about else "")


class _Names(msgspec.Struct, gc=False):
    Records: list[Name]


class _Trail(msgspec.Struct, gc=False):
    Records: list[msgspec.Raw]


_NAMES: Final = msgspec.json.Decoder(_Names)
NAME: Final = msgspec.json.Decoder(Name)
_TRAIL: Final = msgspec.json.Decoder(_Trail)


class TrailReader:
    """Reads one file; `took` gets each part of it, `trouble` why something was not read."""

    def __init__(self, limits: ReadLimits, trouble: Trouble, took: Callable[[bytes], None]) -> None:
        self._limits, self._trouble, self._took = limits, trouble, took
        self._left: list[bytes] = []

    def pieces(self, data: Data) -> Iterator[tuple[list[Name], bytes]]:
        """Return names of records and the document they are in; what is left is for `rest`."""
        small = one_member(data, self._limits) if len(data) <= _SMALL else None
        if small is not None:
            yield from self._small(small)
            return
        begun, kept = False, b""
        reading = parts(data, self._limits, self._trouble)
        for part in reading:
            self._took(part)
            kept += part
            if not begun:
                begun = kept.startswith(_HEAD)
                kept = kept.removeprefix(_HEAD)
            cut = kept.rfind(_CUT) + 1 if begun else 0
            piece = b"%b%b]}" % (_HEAD, kept[:cut]) if cut else b""
            names = _names(piece) if cut else None
            if names is None and (cut or not begun or len(kept) > self._limits.line):
                break
            if names is not None:
                yield names, piece
                kept = kept[cut + 1 :]
        self._left = [_HEAD, kept] if begun else [kept]
        self._gather(reading)

    def _small(self, content: bytes) -> Iterator[tuple[list[Name], bytes]]:
        self._took(content)
        names = _names(content)
        if names is None:
            self._left = [content]
        else:
            yield names, content

    def _gather(self, reading: Iterator[bytes]) -> None:
        size, most = len(self._left[-1]), self._limits.document
        for part in reading:
            self._took(part)
            size += len(part)
            if size <= most:
                self._left.append(part)
        if size > most:
            self._trouble(f"it has more than {most} bytes in one document")

    def rest(self) -> Sequence[msgspec.Raw | bytes]:
        """Return the records that no piece has; of a damaged file those before the damage."""
        content = b"".join(self._left)
        if not self._left:
            return []
        self._left = []
        try:
            return _TRAIL.decode(content).Records
        except BAD:
            self._trouble(
                "it is not a whole CloudTrail file; the records before the damage were read"
            )
        return _salvaged(content)


def records_at(
    piece: bytes, names: Sequence[Name], hits: Sequence[int]
) -> Sequence[msgspec.Raw | bytes]:
    """Return the bytes of a piece's records of some events: all of each, by number and in order.

    Each is looked for by its name, and is taken where what stands between two places at which
    records can begin is a whole value with the record's very names. Otherwise all are decoded, and
    also where there are more such places than records: what a caller sent may look like a record.
    """
    found: list[bytes] = []
    at = 0
    for number in hits if piece.count(_CUT) == len(names) - 1 else ():
        wanted = names[number]
        called = (wanted.eventName or "").encode("utf-8", "replace")
        place = piece.find(b'"eventName":"%b"' % called, at)
        if place < 0:
            break
        start = piece.rfind(_CUT, at, place) + 2
        end = piece.find(_CUT, place)
        record = piece[start if start > 1 else len(_HEAD) : end + 1 if end >= 0 else -len("]}")]
        if not _is(record, wanted):
            break
        found.append(record)
        at = end if end >= 0 else len(piece)
    if len(found) < len(hits):
        every = _TRAIL.decode(piece).Records
        return [every[number] for number in hits]
    return found


def _is(record: bytes, wanted: Name) -> bool:
    try:
        return NAME.decode(record) == wanted
    except BAD:
        return False


def _names(piece: bytes) -> list[Name] | None:
    try:
        return _NAMES.decode(piece).Records
    except BAD:
        return None


def _salvaged(content: bytes) -> list[msgspec.Raw | bytes]:
    """Return the records before the damage; a file behind another one is no damage of its own."""
    text = content.decode("utf-8", "replace")
    at = text.find("[") + 1
    found: list[msgspec.Raw | bytes] = []
    decoder = json.JSONDecoder(strict=False)
    while at:
        start = text.find("{", at)
        if start < 0:
            break
        try:
            _, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        value = text[start:at].encode()
        try:
            found += _TRAIL.decode(value).Records
        except BAD:
            found.append(value)
    return found
