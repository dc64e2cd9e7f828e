"""One running estate for the tests of the simulated estate, and clients that call it."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from affidavit import demo
from affidavit.demo import Simulated

Client = Callable[..., Any]


def make_client(simulated: Simulated, service: str, region: str, keys: dict[str, Any]) -> Any:
    """Return a boto3 client of the estate that neither retries nor changes the host."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
    url = simulated.endpoint_url
    client = boto3.client(service, region_name=region, endpoint_url=url, config=config, **keys)

    def keep_host(request: Any, **_: Any) -> None:
        """Undo what S3 Control's endpoint rules do: put the account before the host."""
        request.url = url + request.url[request.url.index("/v20180820/") :]

    client.meta.events.register("before-sign.s3-control", keep_host)
    return client


def keys_of(simulated: Simulated, account: str) -> dict[str, str]:
    """Return credentials in an account: the operator's own, or those of the collector's role."""
    own = {
        "aws_access_key_id": simulated.access_key,
        "aws_secret_access_key": simulated.secret_key,
    }
    if account == simulated.accounts[0]:
        return own
    answer = make_client(simulated, "sts", "us-east-1", own).assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{simulated.role_name}",
        RoleSessionName="test",
        ExternalId=simulated.external_id,
    )["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    """Run the estate for all tests."""
    with demo.start() as running:
        yield running


@pytest.fixture(scope="session")
def client(simulated: Simulated) -> Client:
    """Return a function that makes clients: (service, region, account, estate)."""
    known: dict[tuple[str, str], dict[str, str]] = {}

    def make(
        service: str, region: str = "us-east-1", account: str = "", at: Simulated = simulated
    ) -> Any:
        account = account or at.accounts[0]
        place = (at.endpoint_url, account)
        if place not in known:
            known[place] = keys_of(at, account)
        return make_client(at, service, region, known[place])

    return make
