"""The simulated estate and what a run needs to collect it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from affidavit import demo
from affidavit.aws.settings import AwsSettings
from affidavit.operations import runs
from affidavit.settings import Settings

PACE = 1000
StartEstate = Callable[..., AbstractContextManager[runs.RunRequest]]


def request_of(estate: demo.Simulated, timeout: float = 30) -> runs.RunRequest:
    """Return the request that collects an estate."""
    return runs.RunRequest(
        aws=AwsSettings(
            access_key=estate.access_key,
            secret_key=estate.secret_key,
            endpoint_url=estate.endpoint_url,
            region=estate.regions[0],
            role_name=estate.role_name,
            external_id=estate.external_id,
            requests_per_second=PACE,
            lookups_per_second=PACE,
            call_timeout=timeout,
            max_attempts=2,
        ),
        accounts=estate.accounts,
        parameters=estate.parameters,
        parameters_why="of the simulated estate",
    )


@pytest.fixture(scope="session")
def start_estate() -> StartEstate:
    """Return a function that starts an estate with faults and yields the request for it."""

    @contextmanager
    def start(faults: Sequence[demo.Fault] = (), timeout: float = 30) -> Iterator[runs.RunRequest]:
        with demo.start(faults=faults) as estate:
            yield request_of(estate, timeout)

    return start


@pytest.fixture(scope="module")
def healthy(start_estate: StartEstate) -> Iterator[runs.RunRequest]:
    """Yield the request for an estate without faults, shared by a module."""
    with start_estate() as request:
        yield request


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with everything in a temporary folder."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")
