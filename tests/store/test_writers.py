"""Several processes write to one store at once: every record is there, and the ledger verifies."""

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from affidavit.settings import Settings
from affidavit.store import open_store

ROOT = Path(__file__).parent.parent.parent
RUNS, EVIDENCE = 6, 40
TENANT = "111122223333/us-east-1"
ALWAYS = (date(2000, 1, 1), date(2100, 1, 1))

pytestmark = pytest.mark.slow


def write_at_once(home: Path, names: list[str]) -> None:
    """Let one process for each name commit its runs, and compact everybody's closed days."""
    work = [sys.executable, "-m", "bench.crash", "--work", str(home), "--runs", str(RUNS), "--name"]
    children = [
        subprocess.Popen([*work, name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        for name in names
    ]
    for child in children:
        _, said = child.communicate(timeout=300)
        assert child.returncode == 0, said.decode()


def check(settings: Settings, names: list[str]) -> None:
    """Assert that each record of each process is there once, and that all leaves hold."""
    with open_store(settings) as store:
        for name in names:
            assessment = store.find_assessment(TENANT, name)
            assert assessment is not None
            held = [evidence.id for _, evidence in store.evidence(assessment.id, *ALWAYS)]
            assert len(set(held)) == len(held) == RUNS * EVIDENCE
        (log,) = store.verify()
        assert log.evidence == len(names) * RUNS * EVIDENCE
        assert log.runs == len(names) * RUNS
        # An assessment's creation is a leaf; a run has its evidence, its record and one change.
        assert log.leaves == len(names) * (1 + RUNS * (EVIDENCE + 2))
        (content,) = store.verify_content()
        assert content.damages == ()


def test_processes_on_one_sqlite_home(tmp_path: Path) -> None:
    """Three processes take turns on SQLite and a folder."""
    names = ["one", "two", "three"]
    write_at_once(tmp_path, names)
    check(Settings(home=tmp_path / "home", keys=tmp_path / "keys"), names)


def test_machines_on_postgresql_and_s3(
    tmp_path: Path, postgres_database: str, seaweedfs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers on PostgreSQL and a bucket; a third machine with the keys reads all."""
    for name, value in seaweedfs.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"writers-{os.urandom(6).hex()}"
    with closing(seaweedfs.client()) as s3:
        s3.create_bucket(Bucket=bucket)
    more = {
        "database_url": postgres_database,
        "objects": f"s3://{bucket}/p",
        "objects_endpoint": seaweedfs.url,
        "seal_segments": True,
    }
    (tmp_path / "settings.json").write_text(json.dumps(more))
    names = ["one", "two"]
    write_at_once(tmp_path, names)
    elsewhere = Settings(
        home=tmp_path / "elsewhere",
        keys=tmp_path / "keys",
        database_url=postgres_database,
        objects=f"s3://{bucket}/p",
        objects_endpoint=seaweedfs.url,
    )
    check(elsewhere, names)
