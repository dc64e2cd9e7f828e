"""Settings: where they come from, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from affidavit.errors import SettingsError
from affidavit.settings import Settings, load


def test_defaults_need_nothing() -> None:
    """Without environment and file everything has a value; keys lie outside the data."""
    settings = load({})
    assert settings.database == "sqlite:///affidavit-data/affidavit.db"
    assert settings.object_folder == Path("affidavit-data/objects")
    assert settings.home not in settings.keys.parents


def test_given_beats_environment_beats_file(tmp_path: Path) -> None:
    """The nearest source wins, one setting at a time."""
    file = tmp_path / "a.toml"
    file.write_text('home = "from-file"\nconcurrency = 3\ncall_timeout = 7\n')
    environ = {"AFFIDAVIT_CONFIG": str(file), "AFFIDAVIT_CONCURRENCY": "4", "OTHER": "x"}
    settings = load(environ, home="given", objects=None)
    assert settings.home == Path("given")
    assert settings.concurrency == 4
    assert settings.call_timeout == 7


@pytest.mark.parametrize(
    ("environ", "text", "says"),
    [
        ({"AFFIDAVIT_CONCURRENCY": "many"}, None, "whole number"),
        ({"AFFIDAVIT_CONCURRENCY": "0"}, None, "at least 1"),
        ({}, "colour = 3", "Unknown setting: colour"),
        ({}, "home = ", "cannot be read"),
    ],
)
def test_bad_settings_say_what_to_do(
    tmp_path: Path, environ: dict[str, str], text: str | None, says: str
) -> None:
    """A wrong value, an unknown name and a broken file are refused with the reason."""
    if text is not None:
        (tmp_path / "a.toml").write_text(text)
        environ = {**environ, "AFFIDAVIT_CONFIG": str(tmp_path / "a.toml")}
    with pytest.raises(SettingsError, match=says) as caught:
        load(environ)
    assert "What to do:" in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A settings file that is not there is named."""
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load({}, tmp_path / "nowhere.toml")


def test_every_setting_is_documented() -> None:
    """docs/reference/settings.md names each setting's variable."""
    page = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
    text = page.read_text(encoding="utf-8")
    missing = [f.name for f in fields(Settings) if f"AFFIDAVIT_{f.name.upper()}" not in text]
    assert missing == []
