"""The gallery's hostile ZIPs: what a reader must not fall for.

    python tests/assets/make_hostile.py GOOD.zip OUT

Some are made from a good report; none needs a key. Nothing of this is committed as a binary.
"""

import stat
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MANY = 3_000_000


@dataclass(frozen=True)
class Bad:
    """A kind of hostile ZIP: what `verify` must say of it, and how it is made."""

    name: str
    expected: str
    """A regular expression that the message must contain."""
    make: Callable[[Path, Path], None]
    """Takes the good report and the path of the bad one."""


GALLERY: list[Bad] = []


def _bad(name: str, expected: str) -> Callable[[Callable[[Path, Path], None]], Bad]:
    def made(make: Callable[[Path, Path], None]) -> Bad:
        bad = Bad(name, expected, make)
        GALLERY.append(bad)
        return bad

    return made


@_bad("bomb", r"a\.txt: \d+ bytes expand to 50000000: a ZIP bomb")
def _bomb(_: Path, path: Path) -> None:
    _one_file(path, lambda _: None, bytes(50_000_000))


@_bad("lying-size", r"README\.txt: expands to more than the ZIP says: a ZIP bomb")
def _lying(good: Path, path: Path) -> None:
    data = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        local, start = archive.getinfo("README.txt").header_offset, archive.start_dir
    central = data.index(b"README.txt", start) - 46
    data[local + 22 : local + 26] = data[central + 24 : central + 28] = struct.pack("<L", 50)
    path.write_bytes(data)


@_bad("duplicate-name", r"a\.txt: stands twice in the ZIP")
def _duplicate(_: Path, path: Path) -> None:
    _plain_zip(path, ["a.txt", "a.txt"])


@_bad("case-collision", r"A\.TXT: stands twice in the ZIP \(as a\.txt\)")
def _case(_: Path, path: Path) -> None:
    _plain_zip(path, ["a.txt", "A.TXT"])


@_bad("dot-dot", r"'../a\.txt' leads out of the folder")
def _dotdot(_: Path, path: Path) -> None:
    _plain_zip(path, ["../a.txt"])


@_bad("absolute", r"'/etc/passwd' is an absolute path")
def _absolute(_: Path, path: Path) -> None:
    _plain_zip(path, ["/etc/passwd"])


@_bad("drive-letter", r"'C:/a\.txt' is an absolute path")
def _drive(_: Path, path: Path) -> None:
    _plain_zip(path, ["C:/a.txt"])


@_bad("backslash", r"is an absolute path|is not one that a report uses|leads out of")
def _backslash(_: Path, path: Path) -> None:
    _plain_zip(path, ["..\\a.txt"])


@_bad("symlink", r"a\.txt: is a link")
def _symlink(_: Path, path: Path) -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    _one_file(path, link)


@_bad("encrypted", r"a\.txt: is encrypted")
def _encrypted(_: Path, path: Path) -> None:
    _one_file(path, lambda _: None)
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    path.write_bytes(data)


@_bad("trailing-data", r"9 bytes follow after the end of the ZIP")
def _trailing(good: Path, path: Path) -> None:
    path.write_bytes(good.read_bytes() + b"more data")


@_bad("prepended-data", r"9 bytes stand in front of the ZIP")
def _prepended(good: Path, path: Path) -> None:
    path.write_bytes(b"more data" + good.read_bytes())


@_bad("hidden-bytes", r"bytes (are hidden|stand) in front of")
def _hidden(good: Path, path: Path) -> None:
    data = good.read_bytes()
    start = struct.unpack("<L", data[-6:-2])[0]
    end = data[start:-6] + struct.pack("<L", start + 4) + data[-2:]
    path.write_bytes(data[:start] + b"evil" + end)


@_bad("too-many-files", rf"has {_MANY} files; more than \d+ are refused")
def _too_many(_: Path, path: Path) -> None:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, _MANY, _MANY, 0, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
    path.write_bytes(record + locator + end)


@_bad("no-zip", r"is no ZIP file")
def _no_zip(_: Path, path: Path) -> None:
    path.write_bytes(b"this is a letter, not an archive; it goes on for a while")


def _plain_zip(path: Path, names: list[str]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of double names, which are wanted here
        for name in names:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, b"x")


def _one_file(
    path: Path, change: Callable[[zipfile.ZipInfo], None], data: bytes = b"x" * 5000
) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a.txt")
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        change(info)
        archive.writestr(info, data)


def make_all(good: Path, folder: Path) -> dict[str, Bad]:
    """Make every hostile ZIP in `folder`; return the kinds by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    for bad in GALLERY:
        bad.make(good, folder / f"{bad.name}.zip")
    return {f"{bad.name}.zip": bad for bad in GALLERY}


if __name__ == "__main__":
    for kind in make_all(Path(sys.argv[1]), Path(sys.argv[2])).values():
        sys.stdout.write(f"{kind.name}.zip: {kind.expected}\n")
