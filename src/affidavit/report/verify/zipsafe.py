"""A reader of hostile ZIP files: nothing is extracted, no byte goes unlooked at.

Only what our own packages contain is accepted: stored or deflated files with plain relative names,
one after the other from the first byte, the central directory right behind them, the end record as
the last bytes. Whatever two ZIP readers could read differently is refused. Layouts as in PKWARE's
APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central), 4.3.14 to 4.3.16 (end records).
"""

import hashlib
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from .failure import VerificationError

MAX_ENTRIES = 2_000_000
"""Files in one report; a report of a year on 10,000 resources has about 400,000 observations."""
MAX_DIRECTORY = 512 * 2**20
"""Bytes of the central directory that we are ready to hold in memory."""
MAX_ENTRY = 32 * 2**30
"""Bytes of one file when expanded."""
MAX_TOTAL = 128 * 2**30
"""Bytes of all files when expanded."""
MAX_RATIO = 200
"""Expanded to packed; evidence tables reach 40, a bomb 1,000 (deflate's own limit is 1,032)."""
RATIO_FREE = 2**20
"""Files up to this size may have any ratio: they cannot hurt."""
MAX_NAME = 100
"""Characters of a name in the ZIP, so that Windows can expand it (259 for the whole path)."""
CHUNK = 2**18

_LOCAL = struct.Struct("<4s2B4HL2L2H")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF
_UNIX = 3
_STORED, _DEFLATED = 0, 8
_VERSIONS = (20, 45)
_ZIP64_ID = 1
_ENCRYPTED = 0x1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive, as both of its headers say."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    """Of the local header."""
    fixed: tuple[int, ...]
    """Version, flags, method, time, date, CRC: must be the same in the local header."""


@dataclass(frozen=True, slots=True)
class _Directory:
    start: int
    size: int
    count: int


class Archive:
    """An opened ZIP file whose structure has been checked wholly; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            directory = self._find_directory()
            self.entries: dict[str, Entry] = {}
            self._starts: dict[str, int] = {}
            self._read_directory(directory)
            self._walk(directory.start)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._file.close()

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes piece by piece; its size and CRC are checked at the end."""
        entry = self._entry(name)
        seen, crc = 0, 0
        for chunk in self._expanded(entry):
            seen += len(chunk)
            if seen > entry.size:
                raise VerificationError(name, "expands to more than the ZIP says: a ZIP bomb")
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if seen != entry.size:
            raise VerificationError(name, f"expands to {seen} bytes, the ZIP says {entry.size}")
        if crc != entry.crc:
            raise VerificationError(name, "was changed: its CRC differs from the ZIP's")

    def read(self, name: str, limit: int) -> bytes:
        """Return a whole file of at most `limit` bytes."""
        if self._entry(name).size > limit:
            raise VerificationError(name, f"is larger than {limit} bytes")
        return b"".join(self.chunks(name))

    def lines(self, name: str, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (number from 1, line without line feed); a line above `limit` is refused."""
        rest, number = b"", 0
        for chunk in self.chunks(name):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > limit:
                raise VerificationError(f"{name} line {number + len(whole) + 1}", "is too long")
            for line in whole:
                number += 1
                yield number, line
        if rest:
            raise VerificationError(f"{name} line {number + 1}", "does not end with a line feed")

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file's content, hexadecimal."""
        total = hashlib.sha256()
        for chunk in self.chunks(name):
            total.update(chunk)
        return total.hexdigest()

    def sha256_until(self, length: int) -> str:
        """Return the SHA-256 of the first `length` bytes of the ZIP file itself, hexadecimal."""
        total = hashlib.sha256()
        self._file.seek(0)
        while length > 0 and (chunk := self._file.read(min(CHUNK, length))):
            total.update(chunk)
            length -= len(chunk)
        return total.hexdigest()

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise VerificationError(name, "is missing from the ZIP")
        return self.entries[name]

    def _expanded(self, entry: Entry) -> Iterator[bytes]:
        position, left = self._starts[entry.name], entry.packed
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        while left:
            chunk = self._bytes(position, min(CHUNK, left))
            position, left = position + len(chunk), left - len(chunk)
            if entry.method == _STORED:
                yield chunk
                continue
            try:
                yield from _inflated(inflate, chunk)
            except zlib.error as error:
                raise VerificationError(entry.name, f"cannot be expanded: {error}") from error
        if entry.method == _DEFLATED and (not inflate.eof or inflate.unused_data):
            raise VerificationError(entry.name, "its compressed data ends too early or too late")

    def _bytes(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        data = self._file.read(length)
        if len(data) != length:
            raise VerificationError(self.path.name, "is cut short")
        return data

    def _find_directory(self) -> _Directory:
        if self.size < _END.size:
            raise VerificationError(self.path.name, "is no ZIP file, or is cut short")
        end_at = self.size - _END.size
        end = _END.unpack(self._bytes(end_at, _END.size))
        if end[0] != b"PK\x05\x06" or end[7] != 0:
            raise VerificationError(self.path.name, self._why_no_end())
        count, size, start = end[4], end[5], end[6]
        directory_end = end_at
        if self._has_locator(end_at):
            directory_end, count, size, start = self._find_directory64(end_at)
        expected = (b"PK\x05\x06", 0, 0, *(min(count, _FULL16),) * 2)
        if end[:5] != expected or end[5:7] != (min(size, _FULL32), min(start, _FULL32)):
            raise VerificationError(self.path.name, "its end record is not as expected")
        if start + size < directory_end:
            raise VerificationError(
                self.path.name,
                f"{directory_end - start - size} bytes stand in front of the ZIP or in between",
            )
        if start + size != directory_end:
            raise VerificationError(self.path.name, "is cut short or its directory was moved")
        return _Directory(start, size, count)

    def _has_locator(self, end_at: int) -> bool:
        at = end_at - _LOCATOR.size
        return at >= 0 and self._bytes(at, 4) == b"PK\x06\x07"

    def _find_directory64(self, end_at: int) -> tuple[int, int, int, int]:
        at = end_at - _LOCATOR.size - _END64.size
        if at < 0:
            raise VerificationError(self.path.name, "its ZIP64 end record is missing")
        end = _END64.unpack(self._bytes(at, _END64.size))
        locator = _LOCATOR.unpack(self._bytes(at + _END64.size, _LOCATOR.size))
        record = (b"PK\x06\x06", _END64.size - 12, 45, 45, 0, 0)
        if locator[1:] != (0, at, 1) or end[:6] != record or end[6] != end[7]:
            raise VerificationError(self.path.name, "its ZIP64 end record is not as expected")
        return at, end[7], end[8], end[9]

    def _why_no_end(self) -> str:
        tail = self._bytes(max(0, self.size - _FULL16), min(self.size, _FULL16))
        found = tail.rfind(b"PK\x05\x06")
        if found < 0:
            return "is no ZIP file, or is cut short"
        return f"{len(tail) - found - _END.size} bytes follow after the end of the ZIP"

    def _read_directory(self, directory: _Directory) -> None:
        if directory.count > MAX_ENTRIES or directory.size > MAX_DIRECTORY:
            raise VerificationError(
                self.path.name, f"has {directory.count} files; more than {MAX_ENTRIES} are refused"
            )
        data = self._bytes(directory.start, directory.size)
        position, total = 0, 0
        folded: dict[str, str] = {}
        for number in range(1, directory.count + 1):
            entry, position = _central_entry(data, position, number)
            if entry.name.casefold() in folded:
                raise VerificationError(
                    entry.name, f"stands twice in the ZIP (as {folded[entry.name.casefold()]})"
                )
            folded[entry.name.casefold()] = entry.name
            self.entries[entry.name] = entry
            total += entry.size
        if position != len(data):
            raise VerificationError(self.path.name, "bytes are hidden in the ZIP's directory")
        if total > MAX_TOTAL:
            raise VerificationError(self.path.name, f"expands to {total} bytes: a ZIP bomb")

    def _walk(self, end: int) -> None:
        """Read every local header: the files must fill byte 0 to `end` without gap or overlap."""
        position = 0
        for entry in sorted(self.entries.values(), key=lambda e: e.offset):
            if entry.offset != position:
                raise VerificationError(entry.name, "bytes are hidden in front of it in the ZIP")
            start = _local_start(entry, self._bytes(position, _LOCAL.size + len(entry.name) + 20))
            self._starts[entry.name] = position + start
            position += start + entry.packed
        if position != end:
            raise VerificationError(self.path.name, "bytes are hidden in front of its directory")


def _inflated(inflate: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    more = True
    while more:
        out = inflate.decompress(chunk, CHUNK)
        chunk = inflate.unconsumed_tail
        more = not inflate.eof and (bool(chunk) or len(out) == CHUNK)
        if out:
            yield out


def _central_entry(data: bytes, position: int, number: int) -> tuple[Entry, int]:
    where = f"the ZIP's directory, file {number}"
    if position + _CENTRAL.size > len(data):
        raise VerificationError(where, "is cut short")
    f = _CENTRAL.unpack_from(data, position)
    name_at = position + _CENTRAL.size
    extra_at = name_at + f[12]
    after = extra_at + f[13]
    if f[0] != b"PK\x01\x02" or after > len(data):
        raise VerificationError(where, "is not a directory entry")
    name = _safe_name(data[name_at:extra_at], where)
    _check_kind(name, f)
    packed, size, offset = _sizes(name, (f[10], f[11], f[18]), data[extra_at:after])
    if size > MAX_ENTRY or (size > RATIO_FREE and size > packed * MAX_RATIO):
        raise VerificationError(name, f"{packed} bytes expand to {size}: a ZIP bomb")
    fixed = (f[3], f[4], *f[5:10])
    return Entry(name, f[6], f[9], packed, size, offset, fixed), after


def _safe_name(raw: bytes, where: str) -> str:
    name = raw.decode("latin-1")
    shown = ascii(name)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise VerificationError(where, f"its name {shown} is an absolute path")
    if ".." in re.split(r"[/\\]", name):
        raise VerificationError(where, f"its name {shown} leads out of the folder")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise VerificationError(where, f"its name {shown} is not one that a report uses")
    return name


def _check_kind(name: str, f: tuple[int, ...]) -> None:
    mode = f[17] >> 16
    if stat.S_ISLNK(mode):
        raise VerificationError(name, "is a link")
    if f[5] & _ENCRYPTED:
        raise VerificationError(name, "is encrypted")
    if f[6] not in (_STORED, _DEFLATED):
        raise VerificationError(name, f"is packed by method {f[6]}")
    plain = f[17] == (stat.S_IFREG | 0o644) << 16
    version = f[1] == f[3] and f[3] in _VERSIONS and (f[2], f[4]) == (_UNIX, 0)
    if not plain or not version or f[5] or f[14:17] != (0, 0, 0):
        raise VerificationError(name, "its entry in the ZIP's directory is not as expected")


def _sizes(name: str, short: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Return packed size, size and offset, from the ZIP64 extra where the short are full."""
    packed, size, offset = short
    wanted = sum(value == _FULL32 for value in short)
    if not wanted and not extra:
        return short
    head = struct.pack("<2H", _ZIP64_ID, 8 * wanted)
    if len(extra) != 4 + 8 * wanted or extra[:4] != head:
        raise VerificationError(name, "has an extra field in the ZIP that is not as expected")
    long = iter(struct.unpack(f"<{wanted}Q", extra[4:]))
    size = next(long) if size == _FULL32 else size
    packed = next(long) if packed == _FULL32 else packed
    offset = next(long) if offset == _FULL32 else offset
    return packed, size, offset


def _local_start(entry: Entry, data: bytes) -> int:
    """Return where the content begins behind the local header, which must say the same."""
    f = _LOCAL.unpack_from(data)
    name = data[_LOCAL.size : _LOCAL.size + f[10]]
    extra = data[_LOCAL.size + f[10] : _LOCAL.size + f[10] + f[11]]
    if f[0] != b"PK\x03\x04" or name != entry.name.encode() or f[1:8] != entry.fixed:
        raise VerificationError(entry.name, "the ZIP's two headers of it differ")
    zip64 = struct.pack("<2H2Q", _ZIP64_ID, 16, entry.size, entry.packed)
    full = f[8:10] == (_FULL32, _FULL32) and f[11] == len(zip64)
    same = f[8:10] == (entry.packed, entry.size) and not f[11]
    if not same and not (full and extra == zip64):
        raise VerificationError(entry.name, "the ZIP's two headers of it differ in size")
    return _LOCAL.size + len(name) + len(extra)
