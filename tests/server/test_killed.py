"""Several servers on one database: one is killed, and another finishes its work, once."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.store.slow_s3 import in_front_of

from affidavit import demo
from affidavit.operations import leadership, work
from affidavit.settings import Settings
from affidavit.store import leases, open_store

PATIENCE = 400.0
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


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "database", ["home", pytest.param("postgres_home", marks=pytest.mark.postgres)]
)
def test_what_a_killed_server_left_is_done_once_by_another(
    database: str, estate: demo.Simulated, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """After kill -9 in the midst of a collection the other server leads, and commits one run."""
    home = request.getfixturevalue(database)
    account = estate.accounts[0]
    tenant = f"{account}/{estate.regions[0]}"
    ambient = {
        "AWS_ACCESS_KEY_ID": estate.access_key,
        "AWS_SECRET_ACCESS_KEY": estate.secret_key,
    }
    home.call("tenant", "bind", tenant, "--ambient", "--report-bucket", "northwind-r")
    settings = Settings(
        home=tmp_path / "home", keys=tmp_path / "keys", database_url=home.database_url
    )
    with in_front_of(estate.endpoint_url) as proxy, open_store(settings) as store:
        options = ("--aws-endpoint-url", proxy.url)
        started = dict(home.start(*options, **ambient) for _ in range(2))

        def holder(kind: str, whose: str) -> int:
            for one in store.documents.every(whose, kind):
                if found := leases.parse(one.body["holder"]):
                    return found.pid
            return 0

        with proxy.slow("GET", "POST", after=20):
            identifier = _created(estate, home, next(iter(started.values())))
            taken = _until("taking", lambda: holder(work.KIND, tenant))
            assert proxy.arrived.wait(PATIENCE)
            os.kill(taken, signal.SIGKILL)
            (killed,) = (one for one in started if one.pid == taken)
            killed.wait(timeout=60)
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
        assert left.wait(timeout=PATIENCE) in (0, -signal.SIGTERM)
        assert holder("lease", leadership.TENANT) == 0


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(1500)
def test_servers_on_one_postgresql_answer_for_each_other(
    postgres_home: Any, estate: demo.Simulated, tmp_path: Path
) -> None:
    """What one server gave out is good on the other, which has a home of its own, at once.

    An assessment, a page token, a URL to upload to and the file sent to it, and that a key is
    disabled: nothing that a server keeps in memory is older than the database.
    """
    account, region = estate.accounts[0], estate.regions[0]
    home = postgres_home
    home.call(
        "tenant", "bind", f"{account}/{region}", "--ambient", "--report-bucket", "northwind-r"
    )
    shared = {
        "AFFIDAVIT_OBJECTS": str(tmp_path / "objects"),
        "AWS_ACCESS_KEY_ID": estate.access_key,
        "AWS_SECRET_ACCESS_KEY": estate.secret_key,
    }
    options = ("--aws-endpoint-url", estate.endpoint_url)
    _, first = home.start(*options, **shared)
    _, second = home.start(*options, **shared, AFFIDAVIT_HOME=str(tmp_path / "another"))
    identifier = _created(estate, home, first)
    key = home.key("owner", account)
    here, there = (_client(estate, port, key) for port in (first, second))
    framework = there.get_assessment(assessmentId=identifier)["assessment"]["framework"]
    one_set = framework["controlSets"][0]
    page = here.list_controls(controlType="Standard", maxResults=5)
    after = there.list_controls(controlType="Standard", maxResults=5, nextToken=page["nextToken"])
    ids = [one["id"] for one in (*page["controlMetadataList"], *after["controlMetadataList"])]
    assert len(set(ids)) == 10
    url = here.get_evidence_file_upload_url(fileName="minutes.txt")["uploadUrl"]
    elsewhere = url.replace(f":{first}/", f":{second}/")
    sent = urllib3.request("PUT", elsewhere, body=b"minutes", retries=False)
    assert sent.status == 200
    assert urllib3.request("PUT", url, body=b"other", retries=False).status == 409
    refused = here.batch_import_evidence_to_assessment_control(
        assessmentId=identifier,
        controlSetId=one_set["id"],
        controlId=one_set["controls"][0]["id"],
        manualEvidence=[{"evidenceFileName": "minutes.txt"}],
    )["errors"]
    assert refused == []
    for client in (here, there):
        assert client.get_account_status()["status"] == "ACTIVE"
    home.call("key", "disable", key["accessKeyId"])
    for client in (here, there):
        with pytest.raises(ClientError, match="UnrecognizedClient"):
            client.get_account_status()
        client.close()
