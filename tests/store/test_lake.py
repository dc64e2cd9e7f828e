"""Publishing as Iceberg: the table is the committed evidence, whatever happened in between."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner
from tests.finder.conftest import FIRST, Estates, commit, filled, make_assessment
from tests.samples import TENANT
from tests.spark_engines import SAIL, running

from affidavit.cli.lake import command
from affidavit.errors import SettingsError, StoreError
from affidavit.operations import lake, ledger
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.lake import table_name

quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
KILLS = 8


@pytest.fixture
def some(tmp_path: Path) -> Iterator[Estates]:
    """Give a store of three days, two of them with a second run."""
    if importlib.util.find_spec("pyiceberg") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("NOT RUN: pyiceberg is not installed (make test-slow installs it)")
        pytest.skip("NOT RUN: pyiceberg is not installed (make test-slow installs it)")
    with filled(tmp_path, 3) as made:
        for day in range(2):
            commit(made.store, made.mine, FIRST + timedelta(days=day))
        yield made


def _on(settings: Settings) -> Settings:
    return replace(settings, lake="sql")


def _table(settings: Settings) -> Any:
    """Load our table as a stranger would: from the catalog file."""
    from pyiceberg.catalog import load_catalog

    folder = (settings.home / "lake").absolute()
    catalog = load_catalog("sql", type="sql", uri=f"sqlite:///{folder / 'catalog.db'}")
    return catalog.load_table(table_name(TENANT))


def _committed(store: Store, made: Estates) -> list[dict[str, Any]]:
    """Return what the database says is there, as rows of the table, by id."""
    found = []
    for one in (made.mine, made.second):
        for _, record in store.evidence(one.id, FIRST, FIRST + timedelta(days=30)):
            row = record.to_json() | {"entry": bytes.fromhex(record.entry), "time": record.time}
            row["inputs"] = [{"digest": d, "pointer": p} for d, p in row["inputs"]]
            row["attributes"] = sorted(row["attributes"].items())
            del row["kind"]
            found.append(row)
    return sorted(found, key=lambda row: str(row["id"]))


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    found = table.to_pylist()
    for row in found:
        row["attributes"] = sorted(dict(row["attributes"]).items())
    return sorted(found, key=lambda row: str(row["id"]))


@pytest.mark.slow
@pytest.mark.timeout(600)
@quiet
def test_other_engines_read_what_was_committed(some: Estates, tmp_path: Path) -> None:
    """pyiceberg, DuckDB and Sail read from the table exactly the committed records."""
    (done,) = lake.publish(_on(some.settings), TENANT)
    assert (done.added, done.removed, done.files) == (8, 0, 8)
    expected = _committed(some.store, some)
    table = _table(some.settings)
    assert _rows(table.scan().to_arrow()) == expected
    files = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
    answer = duckdb.sql("SELECT * FROM read_parquet(?)", params=[files]).to_arrow_table()
    assert {row["id"]: row["entry"] for row in answer.to_pylist()} == {
        row["id"]: row["entry"] for row in expected
    }
    some_rows = table.scan(row_filter="control_id == 'C01' and verdict == 'COMPLIANT'").to_arrow()
    assert some_rows.num_rows == len(
        [r for r in expected if (r["control_id"], r["verdict"]) == ("C01", "COMPLIANT")]
    )
    with running(SAIL, tmp_path) as address:
        from pyspark.sql import SparkSession

        session = SparkSession.builder.remote(address).create()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        place = table.location()
        assert _rows(session.read.format("iceberg").load(place).toArrow()) == expected
        session.stop()


@pytest.mark.slow
@quiet
def test_the_table_follows(some: Estates) -> None:
    """Commits, compaction and deletion show in the table; publishing again changes nothing."""
    settings = _on(some.settings)
    with open_store(settings) as store:
        commit(store, some.second, FIRST + timedelta(days=5))
        assert _rows(_table(settings).scan().to_arrow()) == _committed(store, some)
        before = store.lake.publish(TENANT)
        assert (before.added, before.removed) == (0, 0)
        assert store.lake.publish(TENANT) == before
        compacted = store.compact(TENANT)
        assert compacted.files_after == 2
        table = _table(settings)
        assert _rows(table.scan().to_arrow()) == _committed(store, some)
        assert len(list(table.scan().plan_files())) == before.files - 2
        store.delete_evidence(
            TENANT, some.mine.id, by="test", why="old", before=FIRST + timedelta(days=1)
        )
        left = _committed(store, some)
        table = _table(settings)
        assert len(left) == 210
        assert _rows(table.scan().to_arrow()) == left
        assert len(table.snapshots()) == 1
        store.delete_evidence(TENANT, some.mine.id, by="test", why="all of it")
        store.delete_evidence(TENANT, some.second.id, by="test", why="all of it")
        assert _table(settings).scan().to_arrow().num_rows == 0


@pytest.mark.slow
@quiet
def test_the_command_tells_what_was_done(some: Estates) -> None:
    """The command prints each table, its files and where its metadata lies."""
    shown = CliRunner().invoke(command, ["publish"], obj=_on(some.settings))
    assert f"{table_name(TENANT)}: 8 files (8 added, 0 removed)\n  file://" in shown.output
    shown = CliRunner().invoke(command, ["publish", "--json"], obj=_on(some.settings))
    assert {one["table"]: one["added"] for one in json.loads(shown.output)}[table_name(TENANT)] == 0


@pytest.mark.slow
@quiet
def test_only_plain_segments_are_published(tmp_path: Path) -> None:
    """Sealed segments are refused in words, and a commit then says so as a warning."""
    settings = Settings(
        home=tmp_path / "home", keys=tmp_path / "keys", lake="sql", seal_segments=True
    )
    mine = make_assessment("Production")
    with open_store(settings) as store:
        store.create_assessment(mine, "test")
        commit(store, mine, FIRST)
        (warning,) = store.publish(TENANT)
        assert "not published as Iceberg" in warning
        with pytest.raises(StoreError, match="cannot be published") as raised:
            store.lake.publish(TENANT)
    assert "sealed by the store" in raised.value.why


@pytest.mark.slow
@quiet
def test_a_catalog_that_is_not_configured_is_named(some: Estates) -> None:
    """The name of a catalog that pyiceberg does not know is a setting that is wrong."""
    with pytest.raises(SettingsError, match="no Iceberg catalog 'nowhere'"):
        lake.publish(replace(some.settings, lake="nowhere"), TENANT)


@pytest.mark.slow
@pytest.mark.timeout(600)
@quiet
def test_a_kill_leaves_the_old_table_or_the_new(some: Estates) -> None:
    """Killed anywhere, the table is readable, and publishing again makes it right."""
    settings = _on(some.settings)
    dice = random.Random(7)  # noqa: S311 - moments to kill at
    lake.publish(settings, TENANT)
    count = _table(settings).scan().to_arrow().num_rows
    for number in range(KILLS):
        commit(some.store, some.second, FIRST + timedelta(days=6 + number))
        killed = subprocess.Popen(
            [sys.executable, "-m", "affidavit", "--home", str(settings.home), "lake", "publish"],
            env={**os.environ, "AFFIDAVIT_LAKE": "sql", "AFFIDAVIT_KEYS": str(settings.keys)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(dice.uniform(0.5, 6))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        expected = _committed(some.store, some)
        assert count <= _table(settings).scan().to_arrow().num_rows <= len(expected)
        lake.publish(settings, TENANT)
        found = _rows(_table(settings).scan().to_arrow())
        assert found == expected
        count = len(found)


def test_a_lake_that_cannot_follow_is_left_to_be_done(tmp_path: Path) -> None:
    """Deletion and compaction end well, and what the lake lacks is kept to be done, with why.

    No catalog of this name is configured (or pyiceberg is not installed): it cannot follow.
    """
    with filled(tmp_path, 2) as made:
        settings = replace(made.settings, lake="nowhere")
        for day in range(2):
            commit(made.store, made.mine, FIRST + timedelta(days=day))
        with open_store(settings) as store:
            assert store.compact(TENANT).files_after == 2
            assert store.delete_evidence(TENANT, made.mine.id, by="test", why="all of it") == 2
            (left,) = store.waiting(TENANT)
            assert (left.kind, left.name, left.attempts) == ("publish", TENANT, 1)
            assert "Iceberg" in left.why
            assert store.resume() == []  # it failed a moment ago
            assert "Iceberg" in store.lake.follow(TENANT)
            assert store.waiting()[0].attempts == 2
            commit(store, made.second, FIRST + timedelta(days=3))
            (warning,) = store.publish(TENANT)
            assert "not published as Iceberg" in warning
        (told,) = ledger.undone(settings, TENANT)
        assert told.startswith(f"Still to publish: {TENANT}. ")


@pytest.mark.slow
@quiet
def test_what_the_lake_lacked_is_done_later(some: Estates) -> None:
    """Once the catalog can be had, the table is made right and nothing is left to be done."""
    with open_store(replace(some.settings, lake="nowhere")) as store:
        store.delete_evidence(TENANT, some.mine.id, by="test", why="all of it")
        assert store.waiting()
    with open_store(_on(some.settings)) as store:
        assert store.lake.follow(TENANT) == ""
        assert store.waiting() == []
        assert _rows(_table(_on(some.settings)).scan().to_arrow()) == _committed(store, some)


def test_it_is_off_by_default(tmp_path: Path) -> None:
    """Without the setting nothing is published, and asking for it says what to set."""
    with filled(tmp_path, 1) as made:
        assert made.store.publish(TENANT) == ()
        assert not (made.settings.home / "lake").exists()
        with pytest.raises(SettingsError, match="switched off") as raised:
            lake.publish(made.settings, TENANT)
    assert "AFFIDAVIT_LAKE" in raised.value.why


def test_one_table_a_tenant() -> None:
    """Tables are named after their tenants."""
    assert table_name("111122223333/us-east-1") == "affidavit.evidence_111122223333_us_east_1"
