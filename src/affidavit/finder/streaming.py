"""All rows of an answer, strictly in the order of leaves, from any leaf on; memory stays flat.

A file may hold several segments (a day's, compacted), and those of another file may stand between
them in the ledger: so files are read piece by piece, and only what follows without interruption is
one piece. Whoever stops goes on behind the last leaf that he had, wherever it lies by then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from affidavit.errors import StoreDamagedError
from affidavit.finder.duck import Duck
from affidavit.finder.query import Found, Unreadable
from affidavit.finder.sifting import sift
from affidavit.store import SegmentFile
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segments import row_of

_BATCH: Final = 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a file that follow each other in the ledger."""

    file: SegmentFile
    first_row: int
    end_row: int
    first_leaf: int
    """Of the first row; the others follow."""

    @property
    def last_leaf(self) -> int:
        """Return the leaf of the last row at most."""
        return self.file.leaf(self.end_row - 1)


def pieces(files: Sequence[SegmentFile], behind: int = -1) -> list[Piece]:
    """Return what is to be read for the leaves above `behind`, in the order of leaves."""
    segments = sorted((part for file in files for part in _parts(file)), key=lambda x: x.first_leaf)
    joined: list[Piece] = []
    for one in segments:
        if one.last_leaf <= behind:
            continue
        last = joined[-1] if joined else None
        if last is not None and (last.file, last.end_row) == (one.file, one.first_row):
            joined[-1] = Piece(last.file, last.first_row, one.end_row, last.first_leaf)
        else:
            joined.append(one)
    return joined


def _parts(file: SegmentFile) -> Iterator[Piece]:
    starts = [*(file.parts or ((0, file.first_leaf),)), (file.rows, -1)]
    for (row, leaf), (end, _) in pairwise(starts):
        yield Piece(file, row, end, leaf)


def streamed(
    duck: Duck,
    places: SegmentPlaces,
    query: str,
    wanted: Sequence[Piece],
    unreadable: list[Unreadable],
) -> Iterator[Found]:
    """Yield the rows of `query` in these pieces; what cannot be read is added to `unreadable`."""
    told: set[str] = set()
    for piece in wanted:
        good, bad = sift(places, [piece.file])
        unreadable += [one for one in bad if piece.file.digest not in told]
        told.update(piece.file.digest for _ in bad)
        if good:
            yield from _rows(duck, query, piece)


def _rows(duck: Duck, query: str, piece: Piece) -> Iterator[Found]:
    part = f"SELECT * FROM ({query}) WHERE row >= {piece.first_row} AND row < {piece.end_row}"  # noqa: S608 - two numbers
    last = -1
    for batch in duck.batches(part, [piece.file.path], _BATCH):
        for values in batch.to_pylist():
            row = values.pop("row")
            if row <= last:
                raise StoreDamagedError(f"{piece.file.path} was not read in its order")
            last = row
            yield Found(piece.file.leaf(row), row_of(values).evidence)
