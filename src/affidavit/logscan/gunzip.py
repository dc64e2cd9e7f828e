"""Compressed objects to bytes, part by part: every gzip member, in bounded memory.

igzip (ISA-L, package `isal`) reads a gzip member at two and a half times the speed of zlib.
libdeflate would be quicker still, but its Python bindings return the first member of several and
say nothing: lost evidence. What cannot be read is told as a `Trouble`, never left out silently.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, cast

from isal import isal_zlib

if sys.platform != "win32":
    from mmap import MADV_DONTNEED

Data = bytes | mmap
Trouble = Callable[[str], None]
"""Takes why something of the object was not read."""

_MAGIC: Final = b"\x1f\x8b"
_DAMAGED: Final = cast("type[Exception]", isal_zlib.IsalError)
_GZIP: Final = 31
"""wbits of zlib for gzip with its header and checksum."""
_SLICE: Final = 2**15
"""Compressed bytes given at once: bounds what each further member has to copy, and what is made of
them stays in the processor's cache while it is read."""
_PART: Final = 2**22
"""Bytes of one part at most."""
_RATIO_FROM: Final = 2**24
"""Bytes from which on the ratio counts: short texts may well be all alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What one object may cost. DEFLATE itself cannot pass a ratio of 1032."""

    raw: int = 2**36
    """Bytes of an object, uncompressed."""
    ratio: int = 300
    """Uncompressed to compressed bytes; logs have 5 to 40."""
    line: int = 2**26
    """Bytes of one line or of one document that is decoded as a whole."""
    document: int = 2**29
    """Bytes of a digest file, or of a CloudTrail file that is decompressed at once."""
    members: int = 100_000
    """Gzip members of one object."""


def parts(data: Data, limits: ReadLimits, trouble: Trouble) -> Iterator[bytes]:
    """Return the object's bytes in parts of at most 4 MiB; an object without gzip as it is.

    Stops with one word to `trouble` at the first thing that cannot be read; what came before it has
    been returned.
    """
    if data[:2] != _MAGIC:
        for at in range(0, len(data), _PART):
            yield data[at : at + _PART]
            _let_go(data, at, _PART)
        return
    yield from _Reader(data, limits, trouble).parts()


class _Reader:
    """One pass over the members of a gzip file."""

    def __init__(self, data: Data, limits: ReadLimits, trouble: Trouble) -> None:
        self._data, self._limits, self._trouble = data, limits, trouble
        self._at = self._raw = self._gone = 0
        self._members = 1

    def parts(self) -> Iterator[bytes]:
        """Return the parts of all members."""
        member = isal_zlib.decompressobj(_GZIP)
        feed = self._next()
        while feed:
            try:
                part = member.decompress(feed, _PART)
            except _DAMAGED as error:
                self._trouble(f"it is corrupt after {self._raw} bytes: {error}")
                return
            if part:
                self._raw += len(part)
                yield part
            if problem := self._problem():
                self._trouble(problem)
                return
            if member.eof:
                feed = member.unused_data.lstrip(b"\0") or self._next()
                if feed:
                    member = isal_zlib.decompressobj(_GZIP)
                    self._members += 1
            else:
                feed = member.unconsumed_tail or (b"" if len(part) == _PART else self._next())
                feed = feed or self._next()
        if not member.eof:
            self._trouble(f"it is cut off after {self._raw} bytes")

    def _next(self) -> bytes:
        taken: bytes = self._data[self._at : self._at + _SLICE]
        self._at += len(taken)
        if self._at - self._gone >= _PART:
            _let_go(self._data, self._gone, _PART)
            self._gone += _PART
        return taken

    def _problem(self) -> str:
        limits = self._limits
        if self._raw > limits.raw:
            return f"it has more than {limits.raw} bytes uncompressed"
        if self._raw > max(_RATIO_FROM, limits.ratio * self._at):
            return f"it is more than {limits.ratio} times its compressed size"
        if self._members > limits.members:
            return f"it has more than {limits.members} gzip members"
        return ""


def _let_go(data: Data, start: int, length: int) -> None:
    """Take what was read of a mapped file out of memory: a big one would stay there whole."""
    if sys.platform != "win32" and isinstance(data, mmap):
        data.madvise(MADV_DONTNEED, start, min(length, len(data) - start))


def whole(data: Data, limit: int, limits: ReadLimits, trouble: Trouble) -> bytes:
    """Return all bytes of an object, at most `limit`; what is beyond is told and left out."""
    quick = one_member(data, limits, limit) if len(data) <= limit else None
    if quick is not None:
        return quick
    found, size = [], 0
    for part in parts(data, limits, trouble):
        size += len(part)
        if size > limit:
            trouble(f"it has more than {limit} bytes in one document")
            break
        found.append(part)
    return b"".join(found)


def one_member(data: Data, limits: ReadLimits, limit: int | None = None) -> bytes | None:
    """Return the bytes of a sound gzip file of one member, in one call; `None` for any other.

    `limit` is that of a document, if it is not given otherwise.
    """
    if data[:2] != _MAGIC:
        return None
    most = min(limit or limits.document, limits.raw, max(_RATIO_FROM, limits.ratio * len(data)))
    told = int.from_bytes(data[-4:], "little")  # of one member: as much memory as it needs, at once
    member = isal_zlib.decompressobj(_GZIP)
    try:
        found: bytes = member.decompress(data, min(most, told + 1))
    except _DAMAGED:
        return None
    return found if member.eof and not member.unused_data else None


def lines(
    data: Data, limits: ReadLimits, trouble: Trouble, size: Callable[[int], None]
) -> Iterator[bytes]:
    """Return blocks of whole lines; the last may lack its newline. `size` is told of each part.

    A line beyond the limit is left out with a word to `trouble`; the next line is read again.
    """
    kept: list[bytes] = []
    held, skipping = 0, False
    for part in parts(data, limits, trouble):
        size(len(part))
        rest = part
        if skipping:
            _, newline, rest = part.partition(b"\n")
            skipping = not newline
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield b"".join([*kept, rest[:cut]])
            kept, held, rest = [], 0, rest[cut:]
        if rest:
            kept.append(rest)
            held += len(rest)
        if held > limits.line:
            trouble(f"a line has more than {limits.line} bytes and was left out")
            kept, held, skipping = [], 0, True
    if kept:
        yield b"".join(kept)
