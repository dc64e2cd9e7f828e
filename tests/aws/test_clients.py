"""Clients: shared, bounded, never closed under somebody's hands; and Regions without a service."""

import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from urllib3.exceptions import NameResolutionError

from affidavit.aws.clients import Clients, new_session
from affidavit.aws.door import Door
from affidavit.aws.identity import Access, CallerIdentity
from affidavit.aws.settings import AwsSettings
from affidavit.model.observation import Gap, GapReason

SETTINGS = AwsSettings(access_key="a", secret_key="b", endpoint_url="http://127.0.0.1:9")


def test_a_client_is_made_once_and_shared() -> None:
    """Many threads asking for the same place get the same client."""
    clients, session = Clients(SETTINGS), new_session(SETTINGS)
    seen: list[Any] = []

    def use() -> None:
        with clients.use(session, "1", "us-east-1", "kms") as client:
            seen.append(client)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len({id(client) for client in seen}) == 1
    clients.close()


def test_the_oldest_idle_client_makes_room_and_a_busy_one_stays() -> None:
    """Beyond the limit idle clients are closed, the least recently used first."""
    clients, session = Clients(SETTINGS, limit=2), new_session(SETTINGS)
    with clients.use(session, "1", "us-east-1", "kms") as busy:
        for region in ("eu-west-1", "eu-west-2", "eu-west-3"):
            with clients.use(session, "1", region, "kms"):
                pass
        with clients.use(session, "1", "us-east-1", "kms") as again:
            assert again is busy
        assert [key[1] for key in clients._slots] == ["eu-west-3", "us-east-1"]
    clients.close("2")
    assert len(clients._slots) == 2
    clients.close("1")
    assert not clients._slots


@pytest.mark.parametrize(
    ("service", "region", "names", "reason"),
    [
        ("bedrock-agent", "eu-west-3", True, GapReason.UNSUPPORTED_IN_REGION),
        ("bedrock-agent", "eu-west-3", False, GapReason.UNREACHABLE),
        ("kms", "eu-west-3", True, GapReason.UNREACHABLE),
    ],
)
def test_a_host_without_name_is_unsupported_only_where_others_have_names(
    service: str, region: str, *, names: bool, reason: GapReason, nasty: Any, asked: Any
) -> None:
    """No name for a service that is not listed there, but one for STS: the Region lacks it."""
    settings = AwsSettings(
        access_key="AKIDEXAMPLE", secret_key="s", region="us-east-1", max_attempts=1
    )
    looked_up: list[str] = []

    def resolves(host: str) -> bool:
        looked_up.append(host)
        return names

    door = Door(settings, resolves=resolves)
    _redirect(door, nasty.url)
    operation = {"kms": "ListKeys"}.get(service, "ListAgents")
    a = asked(service, operation, region=region)
    gap = door.call(a.operation, a.unit)
    assert isinstance(gap, Gap)
    assert gap.reason is reason, gap.message
    assert bool(looked_up) == (service == "bedrock-agent")
    assert gap.proof is not None
    assert gap.proof.endpoint == f"https://{service}.{region}.amazonaws.com"
    door.close()


def _redirect(door: Door, url: str) -> None:
    """Have STS answered by the test's server and every other name be unknown, without network."""
    accounts: Any = door._accounts
    session = new_session(door._means.settings)
    home = Clients(AwsSettings(access_key="AKIDEXAMPLE", secret_key="s", endpoint_url=url))
    with home.use(session, "", "us-east-1", "sts") as sts:
        answer = sts.get_caller_identity()
    home.close()
    assert answer["Account"] == "123456789012"
    accounts._home = _access(session, answer)
    accounts._entered[answer["Account"]] = accounts._home

    def unknown(request: Any, **_: Any) -> None:
        pool: Any = None
        inner = NameResolutionError("host", pool, OSError("no such name"))  # type: ignore[arg-type]
        raise EndpointConnectionError(endpoint_url=request.url, error=inner)

    session.get_component("event_emitter").register_last("before-send", unknown)


def _access(session: Any, answer: dict[str, str]) -> Any:
    identity = CallerIdentity(account_id=answer["Account"], arn=answer["Arn"])
    return Access(session=session, identity=identity)
