"""The reader of hostile ZIPs: large archives, lines, limits."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.zipsafe import CHUNK, Archive
from affidavit.report.writer import ZipWriter

WHEN = datetime(2026, 1, 8, 6, tzinfo=UTC)


def write(path: Path, files: dict[str, bytes]) -> Path:
    """Write a package as the product does."""
    with ZipWriter(path, WHEN) as out:
        for name, data in files.items():
            out.stream(name, (data,))
        out.finish(lambda _: None)
    return path


def test_zip64_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of more files or bytes than the old format holds is read by its ZIP64 records."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    path = write(tmp_path / "large.zip", {f"{n}.txt": b"x" * 100 for n in range(5)})
    data = path.read_bytes()
    assert b"PK\x06\x06" in data
    with Archive(path) as archive:
        assert archive.read("4.txt", 100) == b"x" * 100
        assert len(archive.entries) == 5


def test_large_and_small_files(tmp_path: Path) -> None:
    """Files around the size of the reader's pieces come out as they went in."""
    sizes = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)
    files = {f"{size}.bin": bytes(n % 251 for n in range(size)) for size in sizes}
    path = write(tmp_path / "a.zip", files)
    with Archive(path) as archive:
        for name, data in files.items():
            assert b"".join(archive.chunks(name)) == data


def test_lines(tmp_path: Path) -> None:
    """Lines are numbered from one; a line too long or without end is refused."""
    path = write(
        tmp_path / "a.zip", {"a.txt": b"one\ntwo\n", "b.txt": b"one\ntwo", "c.txt": b"x" * 99}
    )
    with Archive(path) as archive:
        assert list(archive.lines("a.txt", 10)) == [(1, b"one"), (2, b"two")]
        with pytest.raises(VerificationError, match="line 2: does not end with a line feed"):
            list(archive.lines("b.txt", 10))
        with pytest.raises(VerificationError, match="line 1: is too long"):
            list(archive.lines("c.txt", 10))
        with pytest.raises(VerificationError, match="is larger than 10 bytes"):
            archive.read("c.txt", 10)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"PK\x05\x06" + bytes(18), bytes(3000)])
def test_scraps(tmp_path: Path, data: bytes) -> None:
    """Scraps of an archive are refused or empty, never a crash."""
    path = tmp_path / "scrap.zip"
    path.write_bytes(data)
    try:
        with Archive(path) as archive:
            assert not archive.entries
    except VerificationError as error:
        assert "scrap.zip" in error.where  # noqa: PT017 - either way is right
