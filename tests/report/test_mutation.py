"""No single changed byte of a good report is accepted, wherever it stands."""

import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from affidavit.report.verify.note import Key
from affidavit.report.verify.outcome import verify

SAMPLE = 120
"""Positions tried in each of the two regions; the slow tier tries every byte of the structure."""


def structure(path: Path) -> list[int]:
    """Return the positions of all headers, the manifest and the central directory."""
    data = path.read_bytes()
    start = struct.unpack("<L", data[-6:-2])[0]
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    manifest = next(i.header_offset for i in infos if i.filename == "manifest.json")
    found = set(range(manifest, len(data))) - set(range(manifest + 200, start - 200))
    for info in infos:
        length = 30 + len(info.filename) + 20
        found.update(range(info.header_offset, info.header_offset + length))
        found.update(range(max(info.header_offset - 3, 0), info.header_offset))
    return sorted(found)


def accepted(path: Path, positions: list[int], key: Key, dice: random.Random) -> list[int]:
    """Return the positions whose change was not noticed."""
    good = path.read_bytes()
    bad = path.with_name(f"mutated-{dice.getrandbits(40)}.zip")
    missed = []
    for position in positions:
        data = bytearray(good)
        data[position] ^= 1 << dice.randrange(8)
        bad.write_bytes(data)
        if verify(bad, key).verified:
            missed.append(position)
    bad.unlink()
    return missed


def test_random_bytes(world: Any, good: Path) -> None:
    """A changed byte at any of many random places is noticed: content, headers, paddings."""
    dice = random.Random(11)  # noqa: S311 - a sample, not a secret
    key = Key(world.key.name, world.key.public)
    anywhere = [dice.randrange(good.stat().st_size) for _ in range(SAMPLE)]
    assert not accepted(good, anywhere, key, dice)
    assert not accepted(good, dice.sample(structure(good), SAMPLE), key, dice)


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_every_byte_of_the_structure(world: Any, good: Path) -> None:
    """No byte of any header, of the ends of the packed files or of the directory may change."""
    dice = random.Random(12)  # noqa: S311 - as above
    key = Key(world.key.name, world.key.public)
    assert not accepted(good, structure(good), key, dice)
