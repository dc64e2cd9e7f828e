"""Fixtures for all tests."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("affidavit", deadline=None)
settings.load_profile("affidavit")
"""No test is timed: this machine may be busy. Time is what `make bench` measures."""


def _ministack() -> Any:
    """Return the module `ministack.py` beside this file; tests are not a package."""
    path = Path(__file__).with_name("ministack.py")
    spec = importlib.util.spec_from_file_location("affidavit_tests_ministack", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a MiniStack server; skip visibly where it is not installed."""
    module = _ministack()
    if not module.is_installed():
        if os.environ.get("CI") != "true":
            pytest.skip("NOT RUN: no MiniStack in .venv-ministack (see tests/ministack.py)")
        module.install()
    server = module.MiniStack(tmp_path_factory.mktemp("ministack"))
    server.start()
    yield server.url
    server.stop()
