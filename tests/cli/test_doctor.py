"""`affidavit doctor`: each thing that can be wrong is named, and the rest is looked at."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests import samples

from affidavit.cli import main
from affidavit.model.identifiers import new_id
from affidavit.model.times import utc_now
from affidavit.operations import tenants
from affidavit.operations.tenants import Grant
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.documents import Document

NOWHERE = "http://127.0.0.1:9"
Looked = dict[str, list[dict[str, Any]]]
Doctor = Callable[..., tuple[int, Looked]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings of a new folder."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


@pytest.fixture
def doctor(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    """Give a function that runs the command; it returns the exit code and what was seen."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AFFIDAVIT_KEYS", str(settings.keys))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*given: str) -> tuple[int, Looked]:
        done = CliRunner().invoke(main, ["--home", str(settings.home), "doctor", "--json", *given])
        looked: Looked = {}
        for one in json.loads(done.output):
            looked.setdefault(one["what"], []).append(one)
        return done.exit_code, looked

    return run


def _collected(store: Store, *, days_ago: int) -> None:
    assessment = replace(samples.ASSESSMENT, id=new_id(utc_now()))
    store.create_assessment(assessment, "test")
    day = utc_now().date() - timedelta(days=days_ago)
    run = store.begin_run(assessment, day, "c" * 64, utc_now())
    store.commit_run(samples.run_record(run.run_id, assessment, day, {}), [])


def test_a_new_installation_is_not_ill(doctor: Doctor) -> None:
    """Nothing is there yet: notes that say what will make it, nothing bad."""
    code, looked = doctor()
    assert code == 0
    assert {name: one[0]["state"] for name, one in looked.items()} == {
        "Keys": "note",
        "Disk": "good",
        "Database": "note",
        "AWS": "note",
    }


def test_a_daily_run_is_good(doctor: Doctor, settings: Settings) -> None:
    """What was collected today is good, and so is all around it."""
    with open_store(settings) as store:
        _collected(store, days_ago=0)
    code, looked = doctor()
    assert code == 0
    assert {looked[name][0]["state"] for name in ("Keys", "Database", "Objects", "Runs")} == {
        "good"
    }


def test_an_old_run_an_open_folder_and_a_lost_role_are_bad(
    doctor: Doctor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is named with what to do, and none hides another."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with open_store(settings) as store:
        _collected(store, days_ago=5)
        grant = Grant(roles=(f"arn:aws:iam::{samples.ACCOUNT}:role/Audit",))
        tenants.bind(settings, store, samples.TENANT, grant, by="test")
    settings.keys.chmod(0o755)
    code, looked = doctor("--endpoint-url", NOWHERE)
    assert code == 1
    assert looked["Keys"][-1]["todo"] == f"chmod 700 {settings.keys}"
    assert "5 days ago" in looked["Runs"][0]["words"]
    assert looked["Roles"][0]["state"] == looked["AWS"][0]["state"] == "bad"
    assert looked["Objects"][0]["state"] == "good"


def test_a_silent_object_store_is_bad(
    doctor: Doctor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket does not answer: said, and the database is looked at all the same."""
    with open_store(settings) as store:
        _collected(store, days_ago=0)
    monkeypatch.setenv("AFFIDAVIT_OBJECTS", "s3://evidence/a")
    monkeypatch.setenv("AFFIDAVIT_OBJECTS_ENDPOINT", NOWHERE)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    code, looked = doctor("--endpoint-url", NOWHERE)
    assert code == 1
    assert looked["Objects"][0]["state"] == "bad"
    assert looked["Runs"][0]["state"] == "good"


def test_an_activity_task_that_failed_is_bad_and_a_gap_is_noted(
    doctor: Doctor, settings: Settings
) -> None:
    """How far CloudTrail was asked between the runs is told, and why not further."""
    with open_store(settings) as store:
        _collected(store, days_ago=0)
        (one,) = store.assessments()
        far = "2026-11-30T18:15:00Z"
        body: dict[str, Any] = {
            "ended": "2026-11-30T18:30:00Z",
            "cursors": {samples.ACCOUNT: far},
        }
        document = Document(kind="activity", id=one.id, parent=one.id, body=body)
        cases: tuple[tuple[dict[str, Any], str, str], ...] = (
            ({}, "good", "up to 2026-11-30 18:15 UTC"),
            ({"missed": [samples.ACCOUNT]}, "note", f"a gap in {samples.ACCOUNT}"),
            ({"failed": "The store was full"}, "bad", "18:30 UTC it failed: The store was full"),
        )
        for number, (members, state, words) in enumerate(cases):
            put = replace(document, body=body | members, version=number)
            store.documents.act(one.tenant, now=utc_now(), puts=[put])
            code, looked = doctor()
            assert (looked["Activity"][0]["state"], code) == (state, state == "bad")
            assert words in looked["Activity"][0]["words"]
