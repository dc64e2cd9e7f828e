"""The life of an assessment, through boto3 only, on the served API and the simulated estate."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.free_ports import free_port

from affidavit import demo

AFFIDAVIT = Path(sys.executable).parent / "affidavit"
BUCKET = "northwind-audit-reports"
PATIENCE = 300.0
"""Seconds for the server to start, to collect, or to build a report."""


@dataclass(frozen=True)
class Installation:
    """A served installation whose AWS is the simulated estate."""

    url: str
    account: str
    region: str
    estate: demo.Simulated
    environment: dict[str, str]

    def affidavit(self, *arguments: str) -> str:
        """Return what a command of ours prints."""
        command = [str(AFFIDAVIT), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, role: str) -> Any:
        """Return boto3's client of Audit Manager for an identity with a new access key."""
        principal = f"arn:aws:iam::{self.account}:role/{role}"
        made = self.affidavit(
            *("key", "add", "--account", self.account, "--role", role, "--json"),
            *("--principal", principal),
        )
        key = json.loads(made)
        return boto3.client(
            "auditmanager",
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=key["accessKeyId"],
            aws_secret_access_key=key["secretAccessKey"],
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Serve an empty home in a process of its own; AWS is the simulated estate."""
    folder = tmp_path_factory.mktemp("life")
    with demo.start() as estate:
        _s3(estate).create_bucket(Bucket=BUCKET)
        environment = {
            **{k: v for k, v in os.environ.items() if k.startswith(("COVERAGE_", "PYTHONPATH"))},
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AFFIDAVIT_HOME": str(folder / "home"),
            "AFFIDAVIT_KEYS": str(folder / "keys"),
            "AWS_ACCESS_KEY_ID": estate.access_key,
            "AWS_SECRET_ACCESS_KEY": estate.secret_key,
        }
        port = free_port()
        served = Installation(
            url=f"http://127.0.0.1:{port}",
            account=estate.accounts[0],
            region=estate.regions[0],
            estate=estate,
            environment=environment,
        )
        served.affidavit(
            *("tenant", "bind", served.account, "--ambient"),
            *("--evidence-bucket", BUCKET, "--report-bucket", BUCKET),
        )
        command = [str(AFFIDAVIT), "serve", "--port", str(port)]
        command += ["--aws-endpoint-url", estate.endpoint_url]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
            _wait_for("the server", lambda: _answers(port))
            yield served
            server.send_signal(signal.SIGTERM)


def _s3(estate: demo.Simulated) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=estate.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=estate.access_key,
        aws_secret_access_key=estate.secret_key,
    )


def put_object(estate: demo.Simulated, key: str, body: bytes) -> None:
    """Put a file into the bucket."""
    _s3(estate).put_object(Bucket=BUCKET, Key=key, Body=body)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_for(what: str, found: Callable[[], Any]) -> Any:
    """Return what is found, as soon as it is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.3)
    return pytest.fail(f"{what} took more than {PATIENCE:g} s")


def test_the_life_of_an_assessment(installation: Installation, tmp_path: Path) -> None:
    """From registration to a report that verifies, by the operations of Audit Manager alone."""
    account = installation.account
    admin, owner = installation.client("admin"), installation.client("owner")
    delegate = installation.client("delegate")

    # The installation's administrator says what it may do in the account.
    installation.affidavit("tenant", "bind", account, "--ambient")
    buckets = ("--report-bucket", BUCKET, "--evidence-bucket", BUCKET)
    installation.affidavit("tenant", "bind", account, *buckets)

    # Register; copy the standard framework with a control of our own.
    assert admin.register_account()["status"] == "ACTIVE"
    framework_id, control_id = _framework_with_own_control(owner)

    # Create the assessment. It collects at once.
    assessment = _create(owner, account, framework_id)
    folders = _wait_for("the first collection", lambda: _folders(owner, assessment))
    own_folder = next(one for one in folders if one["controlId"] == control_id)
    evidence = owner.get_evidence_by_evidence_folder(
        **assessment, controlSetId=own_folder["controlSetId"], evidenceFolderId=own_folder["id"]
    )["evidence"]
    assert {one["dataSource"] for one in evidence} == {"AWS API calls"}

    # Delegate a control set; the delegate comments, adds manual evidence and submits it.
    control_set = own_folder["controlSetId"]
    given = owner.batch_create_delegation_by_assessment(
        **assessment,
        createDelegationRequests=[
            {
                "comment": "Please look",
                "controlSetId": control_set,
                "roleArn": f"arn:aws:iam::{account}:role/delegate",
                "roleType": "RESOURCE_OWNER",
            }
        ],
    )
    assert given["errors"] == []
    assert delegate.list_notifications()["notifications"]
    place = {**assessment, "controlSetId": control_set, "controlId": control_id}
    delegate.update_assessment_control(
        **place, controlStatus="UNDER_REVIEW", commentBody="Users are right"
    )
    _upload(delegate, place)
    _from_bucket(delegate, place, installation.estate)
    delegate.update_assessment_control_set_status(
        **assessment, controlSetId=control_set, status="UNDER_REVIEW", comment="Done"
    )

    # The owner reviews, selects the evidence and asks for the report.
    owner.update_assessment_control(**place, controlStatus="REVIEWED", commentBody="Agreed")
    owner.update_assessment_control_set_status(
        **assessment, controlSetId=control_set, status="REVIEWED", comment="Agreed"
    )
    owner.associate_assessment_report_evidence_folder(
        **assessment, evidenceFolderId=own_folder["id"]
    )
    report = _report(owner, assessment)

    # Download it from the presigned URL, and from the bucket; verify it as an auditor does.
    data = _downloaded(owner, assessment, report)
    copy = _only_object(installation.estate)
    assert hashlib.sha256(copy.body).digest() == hashlib.sha256(data).digest()
    assert "VERIFIED" in verified(installation, data, tmp_path)
    valid = owner.validate_assessment_report_integrity(s3RelativePath=copy.url)
    assert valid["signatureValid"], valid

    # Every act stands in the change log; the end of the assessment is final.
    acts = {one["action"] for one in owner.get_change_logs(**assessment)["changeLogs"]}
    assert acts >= {"CREATE", "IMPORT_EVIDENCE", "UNDER_REVIEW", "REVIEWED", "UPDATE_METADATA"}
    done = owner.update_assessment_status(**assessment, status="INACTIVE")["assessment"]
    assert done["metadata"]["status"] == "INACTIVE"
    for client in (admin, owner, delegate):
        client.close()


def _framework_with_own_control(owner: Any) -> tuple[str, str]:
    """Return the ids of a copy of the standard framework and of the control added to it."""
    standard = owner.list_assessment_frameworks(frameworkType="Standard")["frameworkMetadataList"]
    framework = owner.get_assessment_framework(frameworkId=standard[0]["id"])["framework"]
    source = {"sourceName": "users", "sourceType": "AWS_API_Call", "sourceFrequency": "DAILY"}
    source["sourceSetUpOption"] = "System_Controls_Mapping"
    keyword = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "iam_ListUsers"}
    control = owner.create_control(
        name="Users are known", controlMappingSources=[{**source, "sourceKeyword": keyword}]
    )["control"]
    sets = [
        {"name": one["name"], "controls": [{"id": c["id"]} for c in one["controls"]]}
        for one in framework["controlSets"]
    ]
    sets[0]["controls"].append({"id": control["id"]})
    copy = owner.create_assessment_framework(name="Ours", controlSets=sets)["framework"]
    return copy["id"], control["id"]


def _create(owner: Any, account: str, framework_id: str) -> dict[str, str]:
    """Return the id of a new assessment, as requests name it."""
    created = owner.create_assessment(
        name="Northwind 2026",
        assessmentReportsDestination={
            "destinationType": "S3",
            "destination": f"s3://{BUCKET}/reports",
        },
        scope={"awsAccounts": [{"id": account}]},
        roles=[{"roleType": "PROCESS_OWNER", "roleArn": f"arn:aws:iam::{account}:role/owner"}],
        frameworkId=framework_id,
    )["assessment"]
    assert created["metadata"]["status"] == "ACTIVE"
    return {"assessmentId": created["metadata"]["id"]}


def _folders(owner: Any, assessment: dict[str, str]) -> list[dict[str, Any]]:
    pages = []
    token: dict[str, str] = {}
    while True:
        page = owner.get_evidence_folders_by_assessment(**assessment, maxResults=50, **token)
        pages += page["evidenceFolders"]
        if "nextToken" not in page:
            return pages
        token = {"nextToken": page["nextToken"]}


def _upload(delegate: Any, place: dict[str, str]) -> None:
    """Add a file through the presigned URL."""
    asked = delegate.get_evidence_file_upload_url(fileName="minutes.txt")
    put = urllib.request.Request(  # noqa: S310 - our own server on loopback
        asked["uploadUrl"], data=b"The board looked at the users.\n", method="PUT"
    )
    with urllib.request.urlopen(put) as answer:  # noqa: S310
        assert answer.status == 200
    done = delegate.batch_import_evidence_to_assessment_control(
        **place, manualEvidence=[{"evidenceFileName": "minutes.txt"}]
    )
    assert done["errors"] == []


def _from_bucket(delegate: Any, place: dict[str, str], estate: demo.Simulated) -> None:
    """Add a file that lies in S3, and a text."""
    put_object(estate, "evidence/users.csv", b"alice\nbob\n")
    done = delegate.batch_import_evidence_to_assessment_control(
        **place,
        manualEvidence=[
            {"s3ResourcePath": f"s3://{BUCKET}/evidence/users.csv"},
            {"textResponse": "Users are looked at in each quarter."},
        ],
    )
    assert done["errors"] == []


def _report(owner: Any, assessment: dict[str, str]) -> dict[str, Any]:
    """Return the report when it is complete."""
    asked = owner.create_assessment_report(**assessment, name="Q4")["assessmentReport"]

    def complete() -> Any:
        found = owner.list_assessment_reports()["assessmentReports"]
        assert found[0]["status"] != "FAILED", found
        return found[0] if found[0]["status"] == "COMPLETE" else None

    report = _wait_for("the report", complete)
    assert report["id"] == asked["id"]
    return dict(report)


def _downloaded(owner: Any, assessment: dict[str, str], report: dict[str, Any]) -> bytes:
    """Return the report from its presigned URL."""
    asked = owner.get_assessment_report_url(**assessment, assessmentReportId=report["id"])
    with urllib.request.urlopen(asked["preSignedUrl"]["link"]) as answer:  # noqa: S310
        return bytes(answer.read())


@dataclass(frozen=True)
class _Kept:
    url: str
    body: bytes


def _only_object(estate: demo.Simulated) -> _Kept:
    """Return the only report in the bucket."""
    s3 = _s3(estate)
    (kept,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="reports/")["Contents"]
    body = s3.get_object(Bucket=BUCKET, Key=kept["Key"])["Body"].read()
    return _Kept(f"s3://{BUCKET}/{kept['Key']}", body)


def verified(installation: Installation, data: bytes, folder: Path) -> str:
    """Return what `affidavit verify` says of a report."""
    path, key = folder / "report.zip", folder / "key.pem"
    path.write_bytes(data)
    key.write_text(installation.affidavit("key", "show"))
    return installation.affidavit("verify", str(path), "--key", str(key))
