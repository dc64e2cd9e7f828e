"""C2SP tlog-tiles: the tree as rows of 256 hashes, in the database and as files for others to read.

What is authoritative: the rows that the store's SQL transaction writes. Level 0 keeps the *entries*
(32 bytes each; their leaf hashes are one SHA-256 away), level n >= 1 keeps the roots of the full
rows one level below. That is 32 bytes a leaf and an eighth of a per cent for all levels above.
The files (`publish`) are made after the commit, can be made again at any time, and are what
https://c2sp.org/tlog-tiles describes: hash tiles, partial tiles, entry bundles, the checkpoint.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from struct import iter_unpack

from affidavit.errors import LedgerError
from affidavit.ledger.tree import HASH_SIZE, parents

WIDTH = 256
"""Hashes in a full tile (tlog-tiles: height 8)."""
HEIGHT = 8
FULL = WIDTH * HASH_SIZE
"""Bytes of a full tile."""
_GROUP = 1000
_PRIVATE = 0o600
_RECENT = 64
"""Tiles whose leaf hashes are remembered: a commit of 16,000 leaves, 2 MB."""
_SIZE = HASH_SIZE.to_bytes(2, "big")
"""What stands before each entry of a bundle."""
_PIECE = f"{HASH_SIZE}s"
_LEAF = sha256(b"\x00")
"""What every leaf hash begins with (RFC 6962)."""
_TOGETHER = 64
"""Tiles whose files are written together: 1 MB."""
_MAX_TILES_KEPT = 512
"""Decoded tiles kept while proving: about 20 MB."""


@dataclass(frozen=True, slots=True)
class TileRow:
    """A tile, full or partial: entries at level 0, hashes of full tiles below at the others."""

    level: int
    number: int
    hashes: bytes


def split(data: bytes) -> list[bytes]:
    """Return `data` as pieces of 32 bytes; the last is shorter where the data is damaged."""
    whole = len(data) - len(data) % HASH_SIZE
    pieces = [piece for (piece,) in iter_unpack(_PIECE, data[:whole])]
    return [*pieces, data[whole:]] if data[whole:] else pieces


def leaf_hashes(entries: bytes) -> list[bytes]:
    """Return the leaf hashes of entries of 32 bytes each."""
    hashes = []
    for entry in split(entries):
        begun = _LEAF.copy()  # cheaper than a new one
        begun.update(entry)
        hashes.append(begun.digest())
    return hashes


_recent_leaf_hashes = lru_cache(_RECENT)(leaf_hashes)
"""What a commit computes is wanted again as soon as it is published; nobody changes the lists."""


def extend(size: int, edge: dict[int, bytes], entries: bytes) -> list[TileRow]:
    """Return the rows that change when `entries` (32 bytes each) are appended to `size` leaves.

    `edge` holds the present partial row of each level, and is updated in place.
    """
    if len(entries) % HASH_SIZE:
        raise LedgerError("An entry is not 32 bytes long")
    changed: list[TileRow] = []
    level, start, added = 0, size, entries
    while added:
        number, offset = divmod(start, WIDTH)
        if len(edge.get(level, b"")) != offset * HASH_SIZE:
            raise LedgerError(f"Level {level} of the log does not fit its size {size}")
        data = edge.get(level, b"") + added
        rows = [
            TileRow(level, number + at // FULL, data[at : at + FULL])
            for at in range(0, len(data), FULL)
        ]
        changed.extend(rows)
        full = [row for row in rows if len(row.hashes) == FULL]
        edge[level] = rows[-1].hashes if len(rows) > len(full) else b""
        added = b"".join(_levels(row)[HEIGHT][0] for row in full)
        level, start = level + 1, start // WIDTH
    return changed


def _levels(row: TileRow) -> list[list[bytes]]:
    """Return the hashes of a tile and of all complete subtrees above them, level by level."""
    levels = [_recent_leaf_hashes(row.hashes) if row.level == 0 else split(row.hashes)]
    for _ in range(HEIGHT):
        levels.append(parents(levels[-1]))
    return levels


class TileNodes:
    """`tree.Nodes` over stored rows, read when they are needed, the last ones kept."""

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch = fetch
        self._tiles: dict[tuple[int, int], list[list[bytes]]] = {}

    def node(self, level: int, index: int) -> bytes:
        """Return the root of a complete subtree; `LedgerError` where a row is short or missing."""
        tile_level, inner = divmod(level, HEIGHT)
        shift = HEIGHT - inner
        number, offset = index >> shift, index & ((1 << shift) - 1)
        levels = self._tiles.get((tile_level, number))
        if levels is None:
            levels = self._read(tile_level, number)
        try:
            return levels[inner][offset]
        except IndexError:
            raise LedgerError(
                f"Tile {number} of level {tile_level} is too short",
                why=f"It has no hash {offset} at height {inner}.",
                todo="Run `affidavit ledger verify`; restore the database from a backup.",
            ) from None

    def _read(self, tile_level: int, number: int) -> list[list[bytes]]:
        if len(self._tiles) >= _MAX_TILES_KEPT:
            del self._tiles[next(iter(self._tiles))]
        levels = _levels(TileRow(tile_level, number, self._fetch(tile_level, number)))
        self._tiles[tile_level, number] = levels
        return levels


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return the path that tlog-tiles gives a tile; `level` may be `entries`."""
    groups = [f"{number % _GROUP:03d}"]
    while number >= _GROUP:
        number //= _GROUP
        groups.insert(0, f"x{number % _GROUP:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def tiles_between(first: int, second: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, number, width) of the tiles that the second size has beyond the first."""
    level, old, new = 0, first, second
    while new:
        for number in range(old // WIDTH, -(-new // WIDTH)):
            width = min(WIDTH, new - number * WIDTH)
            if number * WIDTH + width > old:
                yield level, number, width
        level, old, new = level + 1, old // WIDTH, new // WIDTH


def publish(
    folder: Path, fetch: Callable[[int, int], bytes], sizes: tuple[int, int], note: str
) -> None:
    """Write the tiles of a tree that grew from sizes[0] to sizes[1], then its checkpoint.

    Not synced to disk one by one: the rows are what counts. Each file appears whole or not at all.
    Bundles and hashes lie in different folders: making their files side by side takes half as long.
    """
    tiles = tiles_between(*sizes)
    with ThreadPoolExecutor(1) as beside:
        while some := list(islice(tiles, _TOGETHER)):
            bundles: dict[str, bytes] = {}
            hashes: dict[str, bytes] = {}
            for level, number, width in some:
                data = fetch(level, number)[: width * HASH_SIZE]
                if level == 0:
                    bundle = _SIZE + _SIZE.join(split(data))
                    bundles[f"{folder}/{tile_path('entries', number, width)}"] = bundle
                    data = b"".join(_recent_leaf_hashes(data))
                hashes[f"{folder}/{tile_path(level, number, width)}"] = data
            written = beside.submit(_write_all, bundles)
            _write_all(hashes)
            written.result()
    _write(f"{folder}/checkpoint", note.encode())


def published_size(folder: Path) -> int:
    """Return the tree size of the checkpoint in `folder`; 0 where there is no whole one."""
    try:
        lines = (folder / "checkpoint").read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        return 0
    return int(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else 0


def _write_all(files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        _write_new(path, data)


def _write_new(path: str, data: bytes) -> None:
    """Write a tile where there is none; one that is there is replaced as a whole.

    No checkpoint speaks of a new tile yet: what a crash leaves of it nobody reads, and it is
    replaced the next time. That saves a name and its change for each of thousands of files.
    """
    try:
        handle = _opened(path, os.O_EXCL)
    except FileExistsError:
        _write(path, data)
        return
    _fill(handle, data)


def _write(path: str, data: bytes) -> None:
    """Write a file aside and give it its name; folders are made where there are none yet.

    Paths are texts here: thousands of files are written in a row.
    """
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{os.getpid()}.tmp"
    _fill(_opened(temporary, os.O_TRUNC), data)
    os.replace(temporary, path)  # noqa: PTH105 - see above


def _opened(path: str, how: int) -> int:
    flags = os.O_CREAT | os.O_WRONLY | how
    try:
        return os.open(path, flags, _PRIVATE)
    except FileNotFoundError:
        os.makedirs(path.rpartition("/")[0], exist_ok=True)  # noqa: PTH103 - see above
        return os.open(path, flags, _PRIVATE)


def _fill(handle: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(handle, data) :]
    finally:
        os.close(handle)
