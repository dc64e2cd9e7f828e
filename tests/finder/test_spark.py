"""The finder on Spark Connect gives the answers of the embedded engine, on Sail and on Spark."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.finder.conftest import FEW, Estates, filled
from tests.finder.test_engine import CASES
from tests.spark_engines import SAIL, SPARK, missing, running

from affidavit import spark_servers
from affidavit.errors import SettingsError, StoreDamagedError, StoreError
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.places import Places
from affidavit.finder.query import Order
from affidavit.store import Chosen

GROUPS = [("control", "compliance"), ("day",), ("service", "event.name"), ("synthetic", "gap")]
ORDERS = ["-time", "time", "resource.arn", "-synthetic"]


@pytest.fixture(scope="module", params=[SAIL, SPARK])
def remote(
    request: pytest.FixtureRequest, estates: Estates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finder]:
    """Give a finder that asks an engine."""
    with (
        running(request.param, tmp_path_factory.mktemp(request.param)) as address,
        Finder(estates.store, address) as opened,
    ):
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_engines_give_the_same_answers(
    remote: Finder, finder: Finder, estates: Estates
) -> None:
    """Forty queries and more find the same records, leaves and counts, in the same order."""
    for text, _ in CASES:
        question = estates.question(text)
        assert remote.page(question, limit=10_000) == finder.page(question, limit=10_000), text
    both = estates.question("", estates.mine, estates.second)
    for names in GROUPS:
        fields = [FIELDS[name] for name in names]
        assert remote.groups(both, fields) == finder.groups(both, fields), names
    for sort in ORDERS:
        order = Order.of(FIELDS[sort.removeprefix("-")], descending=sort.startswith("-"))
        first = finder.page(both, order=order, limit=40)
        assert remote.page(both, order=order, limit=40) == first
        following = finder.page(both, order=order, limit=40, cursor=first.cursor)
        assert remote.page(both, order=order, limit=40, cursor=first.cursor) == following
    assert remote.sample(both, 25, "seed") == finder.sample(both, 25, "seed")
    assert remote.count(both) == finder.count(both)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_engine_that_cannot_read_the_files_says_so(
    estates: Estates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the engine does not find are an error that names it, never an empty answer.

    Also those that it found before.
    """
    from affidavit.finder import spark

    monkeypatch.setattr(spark, "TRUSTED", 0.0)
    mine = estates.mine
    files = estates.store.segment_files(Chosen(tenant=mine.tenant, assessments=(mine.id,)))
    gone = replace(files[0], path=tmp_path / "gone.parquet")
    with running(SAIL, tmp_path) as address:
        engine = spark.Spark(address)
        assert engine.rows("SELECT id FROM evidence", files).num_rows == sum(x.rows for x in files)
        lost = replace(files[0], path=tmp_path / "lost.parquet")
        shutil.copy(files[0].path, lost.path)
        assert engine.rows("SELECT id FROM evidence", [lost]).num_rows == lost.rows
        lost.path.unlink()
        for asked in ([gone], [*files[1:], gone], [lost]):
            with pytest.raises(StoreError, match="could not search") as raised:
                engine.rows("SELECT id FROM evidence", asked)
            assert "AFFIDAVIT_ENGINE" in raised.value.todo
        engine.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_sail_reads_the_bucket_itself(
    seaweedfs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On S3 the engine reads the objects, not copies here; one that may not says so."""
    for name, value in seaweedfs.environment.items():
        monkeypatch.setenv(name, value)
    seaweedfs.client().create_bucket(Bucket="finder")
    on_s3 = {"objects": "s3://finder/evidence", "objects_endpoint": seaweedfs.url}
    reading = {"AWS_ENDPOINT": seaweedfs.url, "AWS_ALLOW_HTTP": "true"}
    with filled(tmp_path, FEW, **on_s3) as estates, Finder(estates.store) as finder:
        both = estates.question("", estates.mine, estates.second)
        few = estates.question("compliance = NON_COMPLIANT and time >= 2026-10-02")
        fields = [FIELDS["control"], FIELDS["compliance"]]

        def answers(asked: Finder) -> tuple[object, ...]:
            pages = asked.page(few), asked.page(both), asked.groups(both, fields)
            return *pages, asked.count(both), asked.sample(both, 25, "s")

        here = answers(finder)
        copies = tmp_path / "home" / "cache" / "segments"
        assert list(copies.iterdir())
        shutil.rmtree(copies)
        with running(SAIL, tmp_path, reading) as address, Finder(estates.store, address) as remote:
            assert answers(remote) == here
        with running(SAIL, tmp_path, {**reading, "AWS_SECRET_ACCESS_KEY": "x"}) as address:
            stranger = Finder(estates.store, address)
            with stranger, pytest.raises(StoreError, match="could not search") as raised:
                stranger.page(few)
            assert "s3a://finder/evidence/" in raised.value.todo
        assert not copies.exists()


@pytest.mark.parametrize("url", ["http://x", "sc://", "sc://host:port", "nonsense"])
def test_an_address_that_is_none_is_refused(estates: Estates, url: str) -> None:
    """What is no Spark Connect address is refused before anything is asked."""
    with pytest.raises(SettingsError, match="AFFIDAVIT_ENGINE"):
        Finder(estates.store, url)


@pytest.mark.slow
def test_an_engine_that_says_nothing_is_not_waited_for(
    estates: Estates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes the connection and never answers is told, as what does not listen is."""
    if lacks := missing(SAIL):
        pytest.skip(f"NOT RUN: {lacks}")
    monkeypatch.setattr(spark_servers, "PATIENCE", 1.0)
    few = estates.question("control = C01")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        asked = Finder(estates.store, f"sc://127.0.0.1:{port}")
        with asked, pytest.raises(StoreError, match=f"127.0.0.1:{port} does not answer") as raised:
            asked.page(few)
    assert "did not speak Spark Connect" in raised.value.why


def test_a_record_that_was_not_logged_is_refused(estates: Estates) -> None:
    """A record that an engine gives is found in the ledger by its hash, or it is no answer."""
    store, mine = estates.store, estates.mine
    files = store.segment_files(Chosen(tenant=mine.tenant, assessments=(mine.id,)))
    places = Places(store.log(mine.tenant), files)
    for leaf, record in store.evidence(
        mine.id, files[-1].min_time.date(), files[0].max_time.date()
    ):
        assert places.leaf(record) == leaf
        with pytest.raises(StoreDamagedError, match="not in the ledger"):
            places.leaf(replace(record, reason="changed"))
