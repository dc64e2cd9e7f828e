"""Several servers on one database: one is killed, and another finishes its work, once."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from affidavit import demo
from affidavit.operations import leadership, work
from affidavit.settings import Settings
from affidavit.store import leases, open_store

PATIENCE = 240.0
"""Seconds; collections take some, machines under test are slow."""


@pytest.fixture(scope="module")
def estate() -> Iterator[demo.Simulated]:
    """Give a simulated estate to collect from."""
    with demo.start() as started:
        yield started


def _until(what: str, found: Callable[[], Any], pause: float = 0.05) -> Any:
    """Return what is found, as soon as it is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(pause)
    return pytest.fail(f"{what} took more than {PATIENCE:g} s")


def _client(estate: demo.Simulated, port: int, key: dict[str, str]) -> Any:
    return boto3.client(
        "auditmanager",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=estate.regions[0],
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def _created(estate: demo.Simulated, home: Any, port: int) -> str:
    """Return the id of a new assessment of the standard framework."""
    account = estate.accounts[0]
    admin = _client(estate, port, home.key("admin", account))
    owner = _client(estate, port, home.key("owner", account))
    admin.register_account()
    (standard,) = owner.list_assessment_frameworks(frameworkType="Standard")[
        "frameworkMetadataList"
    ]
    made = owner.create_assessment(
        name="Northwind",
        frameworkId=standard["id"],
        scope={"awsAccounts": [{"id": account}]},
        roles=[{"roleType": "PROCESS_OWNER", "roleArn": f"arn:aws:iam::{account}:role/owner"}],
        assessmentReportsDestination={"destinationType": "S3", "destination": "s3://northwind-r"},
    )
    admin.close()
    owner.close()
    return str(made["assessment"]["metadata"]["id"])


def test_what_a_killed_server_left_is_done_once_by_another(
    home: Any, estate: demo.Simulated, tmp_path: Path
) -> None:
    """After kill -9 in the midst of a collection the other server leads, and commits one run."""
    account = estate.accounts[0]
    tenant = f"{account}/{estate.regions[0]}"
    ambient = {
        "AWS_ACCESS_KEY_ID": estate.access_key,
        "AWS_SECRET_ACCESS_KEY": estate.secret_key,
    }
    home.call("tenant", "bind", tenant, "--ambient", "--report-bucket", "northwind-r")
    options = ("--aws-endpoint-url", estate.endpoint_url)
    started = dict(home.start(*options, **ambient) for _ in range(2))
    identifier = _created(estate, home, next(iter(started.values())))
    with open_store(Settings(home=tmp_path / "home", keys=tmp_path / "keys")) as store:

        def holder(kind: str, whose: str) -> int:
            for one in store.documents.every(whose, kind):
                if found := leases.parse(one.body["holder"]):
                    return found.pid
            return 0

        taken = _until("taking", lambda: holder(work.KIND, tenant))
        os.kill(taken, signal.SIGKILL)
        (killed,) = (one for one in started if one.pid == taken)
        killed.wait(timeout=10)
        assert store.last_day(identifier) is None
        (left,) = (one for one in started if one.pid != taken)
        _until("taking over", lambda: holder(work.KIND, tenant) == left.pid)
        day = _until("collecting", lambda: store.last_day(identifier), 0.5)
        _until("finishing", lambda: not store.documents.every(tenant, work.KIND), 0.5)
        _until("leading", lambda: holder("lease", leadership.TENANT) == left.pid, 0.5)
        time.sleep(20)
        runs = store.run_records(tenant, day, day)
        assert [record["assessment_id"] for _, record in runs] == [identifier]
        assert store.verify(tenants=[tenant])
        left.send_signal(signal.SIGTERM)
        assert left.wait(timeout=60) in (0, -signal.SIGTERM)
        assert holder("lease", leadership.TENANT) == 0
