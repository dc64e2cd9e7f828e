"""Publishing to catalogs of others: AWS Glue (moto's), and SeaweedFS's REST catalog."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer
from tests.finder.conftest import FIRST, commit, make_assessment
from tests.samples import TENANT
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, WAREHOUSE
from tests.spark_engines import SAIL, running

from affidavit.errors import SettingsError, StoreError
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.lake import table_name

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
READERS = Path(__file__).parents[2] / ".venv-readers"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""SeaweedFS's; moto takes any."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where segments and table lie, and how pyiceberg is told of the catalog."""

    s3: str
    catalog: dict[str, str]


@pytest.fixture(autouse=True)
def _pyiceberg() -> None:
    if importlib.util.find_spec("pyiceberg") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("NOT RUN: pyiceberg is not installed (make test-slow installs it)")
        pytest.skip("NOT RUN: pyiceberg is not installed (make test-slow installs it)")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the URL of moto's server: S3 and Glue."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def glue(moto: str) -> Place:
    """Return Glue's catalog."""
    endpoint = {"GLUE__ENDPOINT": moto, "GLUE__REGION": "us-east-1"}
    return Place(moto, {"TYPE": "glue", "WAREHOUSE": "s3://evidence/lake", **endpoint})


@pytest.fixture
def rest(seaweedfs: Any) -> Place:
    """Return SeaweedFS's REST catalog."""
    catalog = {
        "TYPE": "rest",
        "URI": seaweedfs.catalog,
        "WAREHOUSE": f"s3://{WAREHOUSE}",
        "CREDENTIAL": f"{ACCESS_KEY}:{SECRET_KEY}",
    }
    return Place(seaweedfs.url, catalog)


@pytest.fixture(params=["glue", "rest"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Yield settings that publish to a catalog, with segments in a bucket of their own."""
    place: Place = request.getfixturevalue(request.param)
    configure(monkeypatch, place.catalog | {"S3__ENDPOINT": place.s3, "S3__REGION": "us-east-1"})
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    client: Any = Session().create_client("s3", endpoint_url=place.s3)
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="evidence")
    yield Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        objects=f"s3://evidence/{tmp_path.name}",
        objects_endpoint=place.s3,
        objects_region="us-east-1",
        lake="prod",
    )
    stranger().drop_table(table_name(TENANT))


def configure(monkeypatch: pytest.MonkeyPatch, properties: dict[str, str]) -> None:
    """Tell pyiceberg of a catalog `prod`, as its documentation says."""
    for name, value in properties.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__PROD__{name}", value)


def stranger() -> Any:
    """Return the configured catalog as others load it."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.utils.config import Config

    return load_catalog("stranger", **(Config().get_catalog_config("prod") or {}))


def entries() -> list[str]:
    """Return the ledger entries of all rows, read as a stranger would: from the catalog."""
    table = stranger().load_table(table_name(TENANT))
    assert len(table.snapshots()) == 1
    return sorted(row["entry"].hex() for row in table.scan().to_arrow().to_pylist())


def committed(store: Store, *assessments: str) -> list[str]:
    """Return what the database says is there."""
    return sorted(
        record.entry
        for one in assessments
        for _, record in store.evidence(one, FIRST, FIRST + timedelta(days=30))
    )


def test_the_table_follows(settings: Settings) -> None:
    """Commits, compaction and deletion show in the table of either catalog."""
    mine, second = make_assessment("Production"), make_assessment("Second")
    with open_store(settings) as store:
        for one in (mine, second):
            store.create_assessment(one, "test")
        for day in range(3):
            for one in (mine, mine, second):
                commit(store, one, FIRST + timedelta(days=day))
            assert store.publish(TENANT) == ()
        both = committed(store, mine.id, second.id)
        assert len(both) == 270
        assert entries() == both
        assert store.compact(TENANT).files_after == 3
        assert store.publish(TENANT) == ()
        assert entries() == both
        done = store.lake.publish(TENANT)
        assert (done.added, done.removed, done.files) == (0, 0, 6)
        assert done.metadata.startswith("s3://")
        store.delete_evidence(TENANT, mine.id, by="test", why="all of it")
        assert entries() == committed(store, second.id)


@pytest.mark.parametrize("settings", ["rest"], indirect=True)
def test_two_installations_do_not_share_a_table(settings: Settings, tmp_path: Path) -> None:
    """The second one of a tenant is refused: it would name the first one's evidence no more."""
    mine = make_assessment("Production")
    second = replace(settings, home=tmp_path / "2", objects="s3://evidence/elsewhere")
    with open_store(settings) as store, open_store(second) as other:
        for one in (store, other):
            one.create_assessment(mine, "test")
            commit(one, mine, FIRST)
        assert store.publish(TENANT) == ()
        with pytest.raises(StoreError, match="is of another installation") as raised:
            other.lake.publish(TENANT)
        assert "below s3://evidence/elsewhere" in raised.value.why
        assert entries() == committed(store, mine.id)
        store.delete_evidence(TENANT, mine.id, by="test", why="all of it")
        assert entries() == []
        assert other.publish(TENANT) == ()
        assert entries() == committed(other, mine.id)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("settings", ["glue"], indirect=True)
def test_an_engine_finds_the_table_by_its_name(
    settings: Settings, moto: str, tmp_path: Path
) -> None:
    """Sail asks Glue where the table is, and S3 for metadata and segments: SQL over evidence."""
    mine = make_assessment("Production")
    with open_store(settings) as store:
        store.create_assessment(mine, "test")
        for day in range(2):
            commit(store, mine, FIRST + timedelta(days=day))
        assert store.publish(TENANT) == ()
        expected = committed(store, mine.id)
    catalog = f'[{{type="glue", name="prod", region="us-east-1", endpoint_url="{moto}"}}]'
    environment = {
        **CREDENTIALS,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": moto,
        "AWS_ALLOW_HTTP": "true",
        "SAIL_CATALOG__LIST": catalog,
        "SAIL_CATALOG__DEFAULT_CATALOG": '"prod"',
    }
    with running(SAIL, tmp_path, environment) as address:
        from pyspark.sql import SparkSession

        session = SparkSession.builder.remote(address).create()
        query = f"SELECT entry FROM {table_name(TENANT)} WHERE verdict = 'COMPLIANT'"  # noqa: S608
        some = session.sql(query).toArrow().column("entry").to_pylist()
        found = session.sql(query.partition(" WHERE")[0]).toArrow().column("entry").to_pylist()
        session.stop()
    assert sorted(entry.hex() for entry in found) == expected
    assert 0 < len(some) < len(found)


def by_duckdb(*statements: str) -> Any:
    """Return the rows that DuckDB's own Iceberg extension gives for the last statement."""
    if not READERS.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("NOT RUN: no DuckDB with its extensions (make test-slow installs it)")
        pytest.skip("NOT RUN: no DuckDB with its extensions (make test-slow installs it)")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("duckdb_reader.py")), *statements],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(READERS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_duckdb_reads_the_table_without_a_catalog(tmp_path: Path) -> None:
    """The place of the metadata that `lake publish` prints is all it needs."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys", lake="sql")
    mine = make_assessment("Production")
    with open_store(settings) as store:
        store.create_assessment(mine, "test")
        for day in range(2):
            commit(store, mine, FIRST + timedelta(days=day))
        place = store.lake.publish(TENANT).metadata.removeprefix("file://")
        expected = committed(store, mine.id)
    found = by_duckdb(f"SELECT lower(hex(entry)) FROM iceberg_scan('{place}') ORDER BY 1")  # noqa: S608
    assert [entry for (entry,) in found] == expected


@pytest.mark.parametrize("settings", ["rest"], indirect=True)
def test_duckdb_reads_the_table_through_the_catalog(settings: Settings, seaweedfs: Any) -> None:
    """It signs in to the REST catalog, which says where the table is, and reads from S3."""
    mine = make_assessment("Production")
    with open_store(settings) as store:
        store.create_assessment(mine, "test")
        commit(store, mine, FIRST)
        assert store.publish(TENANT) == ()
        expected = committed(store, mine.id)
    key, secret, region = CREDENTIALS.values()
    found = by_duckdb(
        f"CREATE SECRET c (TYPE iceberg, CLIENT_ID '{key}', CLIENT_SECRET '{secret}', "
        f"OAUTH2_SERVER_URI '{seaweedfs.catalog}/v1/oauth/tokens')",
        f"CREATE SECRET s (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION '{region}', "
        f"ENDPOINT '{seaweedfs.url.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)",
        f"ATTACH 's3://{WAREHOUSE}' AS prod (TYPE iceberg, ENDPOINT '{seaweedfs.catalog}', "
        "SECRET c, ACCESS_DELEGATION_MODE 'none')",
        f"SELECT lower(hex(entry)) FROM prod.{table_name(TENANT)} ORDER BY 1",  # noqa: S608
    )
    assert [entry for (entry,) in found] == expected


@pytest.mark.parametrize(
    ("catalog", "why"),
    [
        ({"TYPE": "rest", "URI": "http://127.0.0.1:9"}, "Connection refused"),
        ({"URI": "http://127.0.0.1:9"}, "Connection refused"),
        (
            {"TYPE": "glue", "GLUE__ENDPOINT": "http://127.0.0.1:9", "GLUE__MAX_RETRIES": "1"},
            "Could not connect",
        ),
    ],
)
def test_a_catalog_that_is_away_ends_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: dict[str, str], why: str
) -> None:
    """It is a warning; evidence is committed and deleted all the same, and publishing is left."""
    configure(monkeypatch, catalog)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    mine = make_assessment("Production")
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys", lake="prod")
    with open_store(settings) as store:
        store.create_assessment(mine, "test")
        commit(store, mine, FIRST)
        (warning,) = store.publish(TENANT)
        assert "not published as Iceberg" in warning
        assert why in warning
        store.delete_evidence(TENANT, mine.id, by="test", why="all of it")
        (left,) = store.waiting(TENANT)
        assert left.kind == "publish"
        with pytest.raises(StoreError, match="could not be published"):
            store.lake.publish(TENANT)


def test_a_catalog_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection and says nothing: a commit goes on after the time of a call."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        configure(monkeypatch, {"TYPE": "rest", "URI": f"http://127.0.0.1:{port}"})
        settings = Settings(
            home=tmp_path / "home", keys=tmp_path / "keys", lake="prod", call_timeout=1
        )
        mine = make_assessment("Production")
        with open_store(settings) as store:
            store.create_assessment(mine, "test")
            commit(store, mine, FIRST)
            (warning,) = store.publish(TENANT)
    assert "timed out" in warning


@pytest.mark.parametrize(
    "catalog",
    [
        {"TYPE": "rest"},
        {"TYPE": "nosuch"},
        {"URI": "ftp://x"},
        {"TYPE": "hive"},
        {"TYPE": "glue", "GLUE__MAX_RETRIES": "many"},
    ],
)
def test_wrong_properties_are_settings_that_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: dict[str, str]
) -> None:
    """What is missing or unknown is said, and nothing is asked."""
    configure(monkeypatch, catalog)
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        store.create_assessment(make_assessment("Production"), "test")
    wrong = pytest.raises(SettingsError, match="no Iceberg catalog 'prod'")
    with open_store(replace(settings, lake="prod")) as store, wrong as raised:
        store.lake.publish(TENANT)
    assert raised.value.why
