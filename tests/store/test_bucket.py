"""Objects on S3: everything that is a file on a disk is an object there, and trouble is named.

The same tests run on moto's server and, in the slow tier, on SeaweedFS.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session
from moto.server import ThreadedMotoServer

from affidavit.errors import SettingsError, StoreDamagedError, StoreError
from affidavit.finder.bound import AllOf
from affidavit.finder.engine import Finder
from affidavit.finder.query import Question, Scope
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.schema import segment

PREFIX = "audit/evidence"


class Place:
    """A bucket on a server, and what lies in it."""

    def __init__(self, url: str, name: str, *, lock: bool = False) -> None:
        self.url, self.name = url, name
        with closing(self.client()) as s3:
            s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)

    def client(self) -> Any:
        """Return a client."""
        config = Config(s3={"addressing_style": "path"})
        return Session().create_client(
            "s3", region_name="us-east-1", endpoint_url=self.url, config=config
        )

    def keys(self, kind: str) -> list[str]:
        """Return the keys that hold a word."""
        with closing(self.client()) as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            found = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return [key for key in found if kind in key]

    def delete(self, key: str) -> None:
        """Lose an object."""
        with closing(self.client()) as s3:
            s3.delete_object(Bucket=self.name, Key=key)

    def write(self, key: str, data: bytes) -> None:
        """Put other bytes in an object's place."""
        with closing(self.client()) as s3:
            s3.put_object(Bucket=self.name, Key=key, Body=data)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with closing(self.client()) as s3:
            return bytes(s3.get_object(Bucket=self.name, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def moto_s3() -> Iterator[str]:
    """Yield the URL of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["moto", pytest.param("seaweedfs", marks=pytest.mark.slow)])
def s3_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the URL of an S3 server, with credentials for it in the environment."""
    if request.param == "moto":
        url = str(request.getfixturevalue("moto_s3"))
        given = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    else:
        server = request.getfixturevalue("seaweedfs")
        url, given = str(server.url), server.environment
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return url


@pytest.fixture
def place(s3_url: str) -> Place:
    """Give a new bucket."""
    return Place(s3_url, f"bucket-{os.urandom(6).hex()}")


@pytest.fixture
def on_s3(place: Place, tmp_path: Path) -> Settings:
    """Give the settings of a home whose objects lie in the bucket."""
    return Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        objects=f"s3://{place.name}/{PREFIX}",
        objects_endpoint=place.url,
    )


def collect(store: Store, sample: Any, name: str = "Northwind", count: int = 10) -> Assessment:
    """Commit a run of a new assessment, with answers."""
    assessment: Assessment = sample.assessment(name)
    store.create_assessment(assessment, "auditor")
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    store.put_results(run.run_id, [sample.observation(number) for number in range(3)])
    sample.finish(store, assessment, run, count)
    return assessment


def test_everything_lies_in_the_bucket(on_s3: Settings, place: Place, sample: Any) -> None:
    """Segments, bodies, files, reports and the published log are objects, and read from there.

    Another machine with the same database and keys, and nothing in its cache, reads and verifies.
    """
    with open_store(on_s3) as store:
        assessment = collect(store, sample)
        with store.attachments.new(assessment.tenant) as new:
            new.write(b"minutes" * 1000)
            digest = new.close()
        report = on_s3.home / "r.zip"
        report.write_bytes(b"PK" * 3_000_000)
        store.attachments.keep_report(assessment.tenant, "r1", report)
    assert not list(on_s3.home.rglob("blobs/**"))
    kinds = {key.removeprefix(f"{PREFIX}/").split("/")[2] for key in place.keys("/")}
    assert kinds == {"segments", "blobs", "attachments", "reports", "log"}
    shutil.rmtree(on_s3.cache_folder)
    with open_store(on_s3) as store:
        assert len(list(store.evidence(assessment.id, sample.day, sample.day))) == 10
        assert [log.evidence for log in store.verify()] == [10]
        (content,) = store.verify_content()
        assert (content.blobs, content.damages) == (3, ())
        assert b"".join(store.attachments.parts(assessment.tenant, digest)) == b"minutes" * 1000
        parts = store.attachments.report(assessment.tenant, "r1")
        assert parts is not None
        assert b"".join(parts) == b"PK" * 3_000_000
    assert b"minutes" not in b"".join(place.read(key) for key in place.keys("attachments"))


def test_compaction_sweeping_and_deletion(on_s3: Settings, place: Place, sample: Any) -> None:
    """A day's segments become one object, old ones and orphans are swept, deleted ones go."""
    later = sample.now + timedelta(days=2)
    with open_store(on_s3, clock=lambda: later) as store:
        assessment = collect(store, sample)
        sample.commit(store, assessment, 5)
        assert len(place.keys("segments")) == 2
        assert store.compact(assessment.tenant).files_after == 1
        assert len(place.keys("segments")) == 3
        orphan = f"{PREFIX}/{assessment.tenant}/blobs/00/{'0' * 64}"
        place.write(orphan, b"x")
    # Objects in S3 carry its own time: whoever sweeps in two hours finds them old.
    soon = datetime.now(UTC) + timedelta(hours=2)
    with open_store(on_s3, clock=lambda: soon) as store:
        swept = store.sweep(daily=True)
        assert f"s3://{place.name}/{orphan}" in swept
        assert store.sweep(daily=True) == []
        assert len(place.keys("segments")) == 1
        assert len(place.keys("blobs")) == 3
        assert store.verify()[0].evidence == 15
        assert store.delete_evidence(assessment.tenant, assessment.id, by="a", why="w") == 1
        assert place.keys("segments") == []
        assert store.verify()[0].deleted == 15


def test_a_lost_segment_is_named_and_the_rest_is_served(
    on_s3: Settings, place: Place, sample: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The finder names what is gone or altered, the log its URL; the others are answered from."""
    with open_store(on_s3) as store:
        one = collect(store, sample, "one")
        collect(store, sample, "two", 7)
        collect(store, sample, "three", 5)
        first, second, _ = (
            next(key for key in place.keys("segments") if digest in key)
            for digest in _digests(store)
        )
        place.delete(first)
        place.write(second, b"PAR1" + os.urandom(100) + b"PAR1")
    shutil.rmtree(on_s3.cache_folder)
    caplog.set_level("INFO", "affidavit.finder")
    with open_store(on_s3) as store, Finder(store) as finder:
        ids = tuple(one.id for one in store.assessments())
        scope = Scope(tenant=one.tenant, assessments=ids)
        count, unreadable = finder.count(Question(scope=scope, where=AllOf(())))
        whys = " ".join(found.why for found in unreadable)
        assert count == 22 - sum(found.rows for found in unreadable)
        assert len(unreadable) == 2
        assert f"{first.partition(one.tenant)[2][1:]} is gone" in whys
        assert f"{second.partition(one.tenant)[2][1:]} is damaged" in whys
        assert "s3://" not in whys
        assert all(f"s3://{place.name}/{key}" in caplog.text for key in (first, second))
        with pytest.raises(StoreDamagedError, match=first):
            store.verify()


def _digests(store: Store) -> list[str]:
    with store._database.read() as connection:
        return [row.file for row in connection.execute(segment.select().order_by("first_leaf"))]


def test_a_lost_body_is_named(on_s3: Settings, place: Place, sample: Any) -> None:
    """A body that is gone is an error with its URL; every other answer is read."""
    with open_store(on_s3) as store:
        collect(store, sample)
        gone = place.keys("blobs")[0]
        place.delete(gone)
        (content,) = store.verify_content()
        assert [damage.why.split(" ")[0] for damage in content.damages] == [
            f"s3://{place.name}/{gone}"
        ]


def test_equal_bodies_are_stored_once_and_not_written_over(
    on_s3: Settings, place: Place, sample: Any
) -> None:
    """The same answer of another run is the same object, and stays as it was written."""
    with open_store(on_s3) as store:
        collect(store, sample, "one")
        before = {key: place.read(key) for key in place.keys("blobs")}
        collect(store, sample, "two")
        assert {key: place.read(key) for key in place.keys("blobs")} == before


class _Trouble(BaseHTTPRequestHandler):
    """Answers nothing but trouble."""

    status = 503
    wait = threading.Event()

    def _answer(self) -> None:
        if not self.status:
            self.wait.wait(30)
            return
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.send_header("connection", "close")
        self.end_headers()

    do_GET = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def trouble(status: int) -> Iterator[str]:
    """Serve an S3 that answers every request with a status, or never (0)."""
    waiting = threading.Event()
    handler = type("Handler", (_Trouble,), {"status": status, "wait": waiting})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        waiting.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [503, 403, 0])
def test_a_server_in_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: Any, status: int
) -> None:
    """An S3 that says 503 or no, or never answers, is an error with the object's URL.

    Nothing is registered, and the same act goes through when the server is well again.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    settings = Settings(
        home=tmp_path / "home", keys=tmp_path / "keys", objects="s3://bucket", call_timeout=1
    )
    with trouble(status) as url:
        troubled = replace(settings, objects_endpoint=url)
        with open_store(troubled) as store:
            assessment = sample.assessment()
            store.create_assessment(assessment, "auditor")
            run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
            item = sample.observation(1)
            with pytest.raises(StoreError, match="s3://bucket/111122223333/us-east-1/blobs"):
                store.put_results(run.run_id, [item])
            assert store.result(run.run_id, item.unit.id) is None
            with pytest.raises(StoreError, match="s3://bucket/111122223333/us-east-1/segments"):
                sample.finish(store, assessment, run, 5)
            assert store.run_records(assessment.tenant, sample.day, sample.day) == []
    well = replace(settings, objects=str(tmp_path / "well"))
    with open_store(well) as store:
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        store.put_results(run.run_id, [item])
        sample.finish(store, assessment, run, 5)
        assert store.verify()[0].evidence == 5


@pytest.fixture
def locked(s3_url: str, on_s3: Settings) -> tuple[Place, Settings]:
    """Give a bucket with Object Lock, and settings that use it."""
    made = Place(s3_url, f"locked-{os.urandom(6).hex()}", lock=True)
    return made, replace(on_s3, objects=f"s3://{made.name}", objects_lock_days=30)


def test_object_lock(locked: tuple[Place, Settings], sample: Any) -> None:
    """Bodies and checkpoints are retained for the days of the setting."""
    place, settings = locked
    with open_store(settings) as store:
        collect(store, sample)
        assert store.verify()
    kept = [*place.keys("blobs"), *place.keys("log/checkpoints/")]
    assert len(kept) == 4
    with closing(place.client()) as s3:
        for key in kept:
            found = s3.head_object(Bucket=place.name, Key=key)
            assert found["ObjectLockMode"] == "GOVERNANCE"
            assert found["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=29)


def test_no_object_lock(on_s3: Settings, sample: Any) -> None:
    """Days of Object Lock for a bucket that has none are refused, before anything is written."""
    settings = replace(on_s3, objects_lock_days=30)
    with open_store(settings) as store, pytest.raises(SettingsError, match="no Object Lock"):
        collect(store, sample)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objects": "s3://No_Bucket/x"}, "not the name of a bucket"),
        ({"objects": "gs://bucket/x"}, "a folder, or s3://"),
        ({"objects_endpoint": "ftp://x"}, "https://"),
        ({"objects_encryption": "rot13"}, "AES256, aws:kms"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """Settings that name no bucket, no URL or no encryption are refused with what is expected."""
    settings = Settings(home=tmp_path, keys=tmp_path / "keys", objects="s3://bucket/x")
    with pytest.raises(SettingsError, match=words) as caught:
        open_store(replace(settings, **change))
    assert caught.traceback  # its frames hold the store, so nothing was closed by chance
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


def test_encryption_is_asked_of_the_server(on_s3: Settings, place: Place, sample: Any) -> None:
    """With AFFIDAVIT_OBJECTS_ENCRYPTION the server is told to encrypt every object."""
    with open_store(replace(on_s3, objects_encryption="AES256")) as store:
        collect(store, sample)
    with closing(place.client()) as s3:
        heads = [s3.head_object(Bucket=place.name, Key=key) for key in place.keys("/")]
    assert {head.get("ServerSideEncryption") for head in heads} == {"AES256"}
