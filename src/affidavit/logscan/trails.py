"""CloudTrail files to records, a megabyte at a time, so that a big file costs no more memory.

`{"Records":[{...},{...}]}` is cut where a record can begin: before `{"eventVersion"` after a comma.
Within a JSON text these bytes cannot stand in a string, and a cut inside of a record leaves a piece
that is not whole: it does not decode, and then the rest is read as one document, or where that is
too long for it or damaged, record by record. So a piece that decodes is whole records, and every
piece before it was. A small file is one piece.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

import msgspec

from affidavit.logscan.gunzip import Data, ReadLimits, Trouble, one_member, parts

_HEAD: Final = b'{"Records":['
_FIRST: Final = b'{"eventVersion":'
_NEXT: Final = b"}," + _FIRST
_CUT: Final = _NEXT.removesuffix(b":")
_BORDER: Final = re.compile(rb'\}\s*,\s*(?P<record>\{)\s*"eventVersion"')
_OPENING: Final = re.compile(rb'(?:\{\s*"Records"\s*:\s*\[[^{]*)?(?P<record>\{)')
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}]', re.DOTALL)
_BROKEN: Final = "a record is damaged or has no end, and was left out"
_ENDLESS: Final = 32
"""Records without an end, each looked for up to the limit, after which a file is given up."""
_SMALL: Final = 2**17
"""Compressed bytes of a file that is decompressed at once."""
BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Insight(msgspec.Struct, gc=False):
    eventSource: str = ""  # noqa: N815 - AWS's word
    eventName: str = ""  # noqa: N815 - AWS's word


class Name(msgspec.Struct, gc=False):
    """What decides about a record."""

    eventVersion: msgspec.Raw = msgspec.Raw()  # noqa: N815 - AWS's word
    """A view of the document, which tells where the record begins."""
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
        self._more: Iterator[bytes] = iter(())

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
        self._more = reading

    def _small(self, content: bytes) -> Iterator[tuple[list[Name], bytes]]:
        self._took(content)
        names = _names(content)
        if names is None:
            self._left = [content]
        else:
            yield names, content

    def rest(self) -> Iterator[msgspec.Raw | bytes]:
        """Return the records that no piece has; of a damaged file those that are whole."""
        left, self._left = self._left, []
        size = sum(map(len, left))
        for part in self._more:
            self._took(part)
            left.append(part)
            size += len(part)
            if size > self._limits.line:  # too long to be decoded as one document
                yield from self._one_by_one(chain([b"".join(left)], self._taken()))
                return
        if not left:
            return
        content = b"".join(left)
        try:
            yield from _TRAIL.decode(content).Records
        except BAD:
            self._trouble("it is not a whole CloudTrail file; the records that are whole were read")
            yield from self._one_by_one(iter([content]))

    def _taken(self) -> Iterator[bytes]:
        for part in self._more:
            self._took(part)
            yield part

    def _one_by_one(self, reading: Iterator[bytes]) -> Iterator[bytes]:
        """Return record after record of a file of any layout; only one is in memory at a time.

        Behind a damaged one the next begins at the next `_BORDER`.
        """
        held, at, endless = b"", 0, 0
        while endless < _ENDLESS:
            start = _start(held, at)
            if start < 0:
                held, at = next(reading, b""), 0
                if not held:
                    return
                continue
            end = _end(held, start)
            if end < 0 and len(held) - start <= self._limits.line:
                more = _at_least(reading, len(held) - start)
                held, at = held[start:] + more, 0
                if more:
                    continue
                start = 0
            if end >= 0 and _is_value(held[start:end]):
                yield held[start:end]
                at = end
                continue
            self._trouble(_BROKEN)
            endless += end < 0
            border = _BORDER.search(held, start + 1)
            at = border.start("record") if border is not None else len(held)
        self._trouble("what follows was not read: too many of its records have no end")
        for _ in reading:
            pass


class Records:
    """The bytes of single records of a piece that `pieces` gave.

    The version is a record's first member. The document was decoded, so what stands right before
    its value, and before that of the next record, is the record's own brace: nothing that a caller
    sent into a record can pass for it. A record that does not begin so is found by decoding the
    piece once more, which takes as long as it took to find the names.
    """

    def __init__(self, names: Sequence[Name], piece: bytes) -> None:
        self._names, self._piece = names, piece
        from pyarrow import py_buffer  # 20 MiB, which only matches need

        self._buffer = py_buffer
        self._begin: int = py_buffer(piece).address
        self._all: Sequence[msgspec.Raw] | None = None

    def __getitem__(self, number: int) -> msgspec.Raw | bytes:
        """Return the bytes of a record."""
        start, after = self._version(number) - len(_FIRST), self._version(number + 1)
        end = after - len(_NEXT) + 1
        begins = start > 0 and self._piece.startswith(_FIRST, start)
        if begins and end > start and self._piece.startswith(_NEXT, end - 1):
            return self._piece[start:end]
        if self._all is None:
            self._all = _TRAIL.decode(self._piece).Records
        return self._all[number]

    def _version(self, number: int) -> int:
        """Return where the value of a record's version stands; anywhere where there is none."""
        if number == len(self._names):
            return -1
        place: int = self._buffer(self._names[number].eventVersion).address
        return place - self._begin


def _names(piece: bytes) -> list[Name] | None:
    try:
        return _NAMES.decode(piece).Records
    except BAD:
        return None


def _at_least(reading: Iterator[bytes], size: int) -> bytes:
    """Return as much again as there is: what is looked through anew grows with what is read."""
    found: list[bytes] = []
    while size >= 0 and (part := next(reading, b"")):
        found.append(part)
        size -= len(part)
    return b"".join(found)


def _start(text: bytes, at: int) -> int:
    """Return where the next record begins: at a brace, but not at that around all records."""
    found = _OPENING.search(text, at)
    return found.start("record") if found is not None else -1


def _end(text: bytes, start: int) -> int:
    """Return where the object ends that begins at `start`, or -1: not in this text."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        depth += (mark == b"{") - (mark == b"}")
        if not depth and mark == b"}":
            return token.end()
    return -1


def _is_value(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except BAD:
        return False
    return True
