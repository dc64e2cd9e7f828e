"""A catalogue's folder that tests may spoil."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affidavit.catalogue import load_folder
from affidavit.catalogue.load import SHIPPED
from affidavit.errors import CatalogueError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the shipped catalogue's folder."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "catalogue"))


@pytest.fixture
def refusal(folder: Path) -> Callable[..., str]:
    """Return a function that spoils a file and returns why the catalogue is then refused."""

    def spoil(name: str, *changes: tuple[str, str]) -> str:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CatalogueError) as caught:
            load_folder(folder)
        return caught.value.why

    return spoil
