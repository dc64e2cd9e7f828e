"""Scans of folders and of S3: every object is listed once, read, or named."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from affidavit.aws.settings import AwsSettings
from affidavit.logscan import engine
from affidavit.operations import scans

LINE = json.dumps(
    {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-11-23T10:00:00Z",
        "modelId": "m",
        "input": {"inputBodyJson": {"prompt": "please call me at 415-555-0132"}},
        "output": {"outputBodyJson": {"completion": "ok"}},
    }
).encode()


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Yield the URL of an emulated S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def test_a_prefix_in_s3(endpoint: str) -> None:
    """All objects below the prefix are scanned; a bucket that is not there is a gap."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="s",
    )
    client.create_bucket(Bucket="logs-bucket")
    for number in range(3):
        client.put_object(Bucket="logs-bucket", Key=f"a/{number}.gz", Body=gzip.compress(LINE))
    client.put_object(Bucket="logs-bucket", Key="b/0.gz", Body=gzip.compress(LINE))
    client.close()
    aws = AwsSettings(
        endpoint_url=endpoint,
        region="us-east-1",
        max_attempts=1,
        access_key="AKIDEXAMPLE",
        secret_key="s",
    )
    where = scans.Where(uris=("s3://logs-bucket/a/", "s3://not-there/x"), aws=aws)
    lines: list[str] = []
    request = scans.ScanRequest(where=where, look=scans.invocation_settings(kinds=["pii"]))
    outcome = scans.scan(request, show=lines.append)
    assert [json.loads(line)["objectUri"] for line in lines] == [
        f"s3://logs-bucket/a/{number}.gz" for number in range(3)
    ]
    assert [gap.object_uri for gap in outcome.gaps] == ["s3://not-there/x"]


def test_processes_give_what_one_gives(tmp_path: Path) -> None:
    """Two processes scan the same objects to the same findings, in the same order."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.json").write_bytes(b"\n".join([LINE] * 200) + b" " * 2_200_000)
    results = []
    for processes in (1, 2):
        spool = tmp_path / str(processes)
        spool.mkdir()
        job = engine.Job(settings=scans.invocation_settings(kinds=["pii"]), spool=spool)
        objects = [
            engine.Listed(uri=str(path), size=path.stat().st_size)
            for path in sorted(folder.iterdir())
        ]
        ran = list(engine.run(job, objects, processes))
        results.append([(n, one.totals.records, dict(one.totals.findings)) for n, one in ran])
    assert results[0] == results[1]
    assert [row[1] for row in results[0]] == [200] * 4


def test_a_scan_of_other_files_is_no_clean_one(tmp_path: Path) -> None:
    """Trail files scanned as invocation logs, or an empty folder, are a gap, not "no findings"."""
    look = scans.invocation_settings()
    where = scans.Where(uris=(str(tmp_path),))
    request = scans.ScanRequest(where=where, look=look, processes=1)
    assert [gap.why for gap in scans.scan(request).gaps] == ["there is nothing in it"]
    other = tmp_path / "trail.json"
    other.write_text(json.dumps({"Records": [{"eventName": "GetObject"}]}))
    assert [gap.why for gap in scans.scan(request).gaps] == [
        "it holds no invocation record, but other values: 1"
    ]
    (tmp_path / "calls.json").write_bytes(LINE)
    assert scans.scan(request).gaps == []
