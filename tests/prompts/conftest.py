"""The project's own endpoint, and targets on it."""

from collections.abc import Callable, Iterator

import pytest

from affidavit.aws.bedrock import Runtime
from affidavit.aws.settings import AwsSettings
from affidavit.demo.bedrock.server import serve
from affidavit.prompts.targets import BedrockTarget


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Yield the URL of a Bedrock-shaped endpoint."""
    with serve() as url:
        yield url


@pytest.fixture
def runtime(endpoint: str) -> Iterator[Runtime]:
    """Yield a runtime that asks it, without waiting long between repetitions."""
    settings = AwsSettings(
        access_key="test",
        secret_key="test",
        endpoint_url=endpoint,
        region="eu-central-1",
        max_attempts=2,
        requests_per_second=200,
    )
    with Runtime(settings) as runtime:
        yield runtime


@pytest.fixture
def target(runtime: Runtime) -> Callable[..., BedrockTarget]:
    """Return what makes a target of a model's id."""

    def make(model_id: str, api: str = "") -> BedrockTarget:
        return BedrockTarget(runtime, model_id, api=api)

    return make
