"""Copies of segments: only what we put there ourselves is read."""

from pathlib import Path

import pytest

from affidavit.errors import SettingsError, StoreDamagedError
from affidavit.store.cache import Cache


def test_a_copy_that_somebody_else_laid_there_is_not_read(tmp_path: Path) -> None:
    """A folder that others can write may hold forged copies: it is refused before any is used."""
    folder = tmp_path / "opened"
    folder.mkdir(mode=0o700)
    (folder / "d.parquet").write_bytes(b"forged")
    folder.chmod(0o777)
    with pytest.raises(SettingsError, match="cannot hold copies"):
        Cache(folder, 1).fetch("d", lambda: [b"right"], StoreDamagedError("damaged"))
