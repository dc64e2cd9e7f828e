"""The whole demo with its objects on a real S3 server, and its segments sealed."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_the_demo_runs_and_verifies(tmp_path: Path, seaweedfs: Any) -> None:
    """`run --demo`, `ledger verify` and `verify --rejudge` hold; only the database is here."""
    bucket = f"demo-{os.urandom(6).hex()}"
    with closing(seaweedfs.client()) as s3:
        s3.create_bucket(Bucket=bucket)
    environment = {
        **os.environ,
        **seaweedfs.environment,
        "AFFIDAVIT_HOME": str(tmp_path / "home"),
        "AFFIDAVIT_KEYS": str(tmp_path / "keys"),
        "AFFIDAVIT_OBJECTS": f"s3://{bucket}/evidence",
        "AFFIDAVIT_OBJECTS_ENDPOINT": seaweedfs.url,
        "AFFIDAVIT_SEAL_SEGMENTS": "yes",
    }

    def affidavit(*command: str) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("affidavit")), *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    affidavit("run", "--demo")
    assert "all as logged" in affidavit("ledger", "verify")
    (report,) = tmp_path.rglob("*.zip")
    (key,) = (tmp_path / "keys").glob("*.pub.pem")
    assert "VERIFIED" in affidavit("verify", str(report), "--key", str(key), "--rejudge")
    with closing(seaweedfs.client()) as s3:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [one["Key"] for page in pages for one in page["Contents"]]
    assert {key.split("/")[3] for key in keys if key.count("/") > 2} >= {"segments", "blobs", "log"}
    assert not list((tmp_path / "home").rglob("*.parquet"))
    assert not (tmp_path / "home" / "objects").exists()
