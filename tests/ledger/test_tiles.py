"""Tiles hold the same tree, whatever the sizes in which it grew, and lie where C2SP says."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.errors import LedgerError
from affidavit.ledger.tiles import (
    TileNodes,
    extend,
    publish,
    published_size,
    tile_path,
    tiles_between,
)
from affidavit.ledger.tree import Tree, inclusion_proof, root


class Rows:
    """Rows as the database keeps them."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: dict[int, bytes] = {}
        self.rows: dict[tuple[int, int], bytes] = {}

    def append(self, entries: list[bytes]) -> None:
        """Append and keep the changed rows."""
        for row in extend(self.size, self.edge, b"".join(entries)):
            self.rows[row.level, row.number] = row.hashes
        self.size += len(entries)

    def fetch(self, level: int, number: int) -> bytes:
        """Return a row."""
        return self.rows[level, number]


def entries_of(count: int) -> list[bytes]:
    """Return `count` different entries."""
    return [sha256(i.to_bytes(4, "big")).digest() for i in range(count)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=6))
def test_any_batches_give_the_tree(batches: list[int]) -> None:
    """However the leaves come, roots and proofs from rows are those of the tree in memory."""
    entries = entries_of(sum(batches))
    rows, tree, at = Rows(), Tree(entries), 0
    for count in batches:
        rows.append(entries[at : at + count])
        at += count
        assert root(TileNodes(rows.fetch), at) == tree.root(at)
    for index in range(0, at, 97):
        assert inclusion_proof(TileNodes(rows.fetch), index, at) == tree.inclusion_proof(index)


def test_two_levels_of_tiles() -> None:
    """Beyond 65,536 leaves the second level of tiles is used, and old roots still come out."""
    entries = entries_of(70_000)
    rows, tree = Rows(), Tree(entries)
    rows.append(entries)
    nodes = TileNodes(rows.fetch)
    for size in (1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000):
        assert root(nodes, size) == tree.root(size)
    assert {level: sum(1 for key in rows.rows if key[0] == level) for level in range(3)} == {
        0: 274,
        1: 2,
        2: 1,
    }


def test_a_short_row_is_refused() -> None:
    """A row that lost hashes gives an error, never a wrong root."""
    rows = Rows()
    rows.append(entries_of(300))
    rows.rows[0, 1] = rows.rows[0, 1][:-32]
    with pytest.raises(LedgerError, match="too short"):
        root(TileNodes(rows.fetch), 300)


def test_entries_must_fit() -> None:
    """Entries that are not 32 bytes, or an edge of another size, are refused."""
    with pytest.raises(LedgerError):
        extend(0, {}, b"x" * 31)
    with pytest.raises(LedgerError):
        extend(5, {}, b"x" * 32)


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (1, 5, 17, "tile/1/005.p/17"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        ("entries", 1000, 1, "tile/entries/x001/000.p/1"),
    ],
)
def test_paths(level: int | str, number: int, width: int, path: str) -> None:
    """Paths are those of the examples in tlog-tiles."""
    assert tile_path(level, number, width) == path


def test_tiles_of_the_example() -> None:
    """A tree of 70,000 leaves has the tiles that tlog-tiles counts."""
    tiles = list(tiles_between(0, 70_000))
    full = [(level, number) for level, number, width in tiles if width == 256]
    partial = [tile for tile in tiles if tile[2] < 256]
    assert len([1 for level, _ in full if level == 0]) == 273
    assert [tile for tile in full if tile[0] == 1] == [(1, 0)]
    assert partial == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]


def test_published_files(tmp_path: Path) -> None:
    """Files of a log that grew in steps hold leaf hashes, entry bundles and the checkpoint."""
    entries = entries_of(600)
    rows, tree = Rows(), Tree(entries)
    assert published_size(tmp_path) == 0
    for before, after in ((0, 300), (300, 600)):
        rows.append(entries[before:after])
        publish(tmp_path, rows.fetch, (before, after), f"origin\n{after}\nroot\n")
        assert published_size(tmp_path) == after
    tile = (tmp_path / "tile/0/001").read_bytes()
    assert tile == b"".join(tree.node(0, index) for index in range(256, 512))
    assert (tmp_path / "tile/1/000.p/2").read_bytes() == tree.node(8, 0) + tree.node(8, 1)
    bundle = (tmp_path / "tile/entries/002.p/88").read_bytes()
    assert bundle == b"".join(b"\x00\x20" + entry for entry in entries[512:])
    assert list(tmp_path.rglob("*.tmp")) == []
