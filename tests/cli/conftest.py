"""What tests of several commands begin with."""

from pathlib import Path

import pytest

from affidavit.settings import Settings


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let commands find an installation of the test's own, in whose folder they run."""
    monkeypatch.setenv("AFFIDAVIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AFFIDAVIT_KEYS", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")
