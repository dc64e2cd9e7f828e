"""Whether any of many texts stands twice, in bounded memory.

Digests of the texts are gathered and sorted in pieces; what exceeds a piece is put into unnamed
temporary files, which go with the process, and merged at the end.
"""

import heapq
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO

PIECE = 2**17
"""Digests that are sorted in memory at once: some 10 MB."""
_LENGTH = 16
_READ = 2**12


class Uniques:
    """Takes texts in; tells at the end whether any came twice."""

    def __init__(self, piece: int = PIECE) -> None:
        self._piece = piece
        self._here: list[bytes] = []
        self._files: list[IO[bytes]] = []

    def add(self, text: str) -> None:
        """Take a text in."""
        self._here.append(sha256(text.encode("utf-8", "surrogatepass")).digest()[:_LENGTH])
        if len(self._here) >= self._piece:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `twice`
            file.write(b"".join(sorted(self._here)))
            self._files.append(file)
            self._here = []

    def twice(self) -> bool:
        """Tell whether any text came twice; nothing can be added behind."""
        last = b""
        try:
            for digest in heapq.merge(sorted(self._here), *map(_digests, self._files)):
                if digest == last:
                    return True
                last = digest
        finally:
            for file in self._files:
                file.close()
            self._files, self._here = [], []
        return False


def _digests(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_READ * _LENGTH):
        for at in range(0, len(block), _LENGTH):
            yield block[at : at + _LENGTH]
