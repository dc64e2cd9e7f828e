"""Publishing to catalogs of others: AWS Glue (moto's), and SeaweedFS's REST catalog."""

import importlib.util
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer
from tests.finder.conftest import FIRST, commit, make_assessment
from tests.samples import TENANT
from tests.spark_engines import SAIL, running

from affidavit.errors import SettingsError, StoreError
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.lake import table_name

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "seaweedkey",
    "AWS_SECRET_ACCESS_KEY": "seaweedsecret",
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
        "WAREHOUSE": "s3://warehouse",
        "CREDENTIAL": ":".join(list(CREDENTIALS.values())[:2]),
    }
    return Place(seaweedfs.url, catalog)


@pytest.fixture(params=["glue", "rest"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Return settings that publish to a catalog, with segments in a bucket of their own."""
    place: Place = request.getfixturevalue(request.param)
    configure(monkeypatch, place.catalog | {"S3__ENDPOINT": place.s3, "S3__REGION": "us-east-1"})
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    client: Any = Session().create_client("s3", endpoint_url=place.s3)
    client.create_bucket(Bucket="evidence")
    return Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        objects=f"s3://evidence/{tmp_path.name}",
        objects_endpoint=place.s3,
        objects_region="us-east-1",
        lake="prod",
    )


def configure(monkeypatch: pytest.MonkeyPatch, properties: dict[str, str]) -> None:
    """Tell pyiceberg of a catalog `prod`, as its documentation says."""
    for name, value in properties.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__PROD__{name}", value)


def entries_of(settings: Settings) -> list[str]:
    """Return the ledger entries of all rows, read as a stranger would: from the catalog."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.utils.config import Config

    found = Config().get_catalog_config(settings.lake)
    table = load_catalog("stranger", **found).load_table(table_name(TENANT))
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
        assert entries_of(settings) == both
        assert store.compact(TENANT).files_after == 3
        assert store.publish(TENANT) == ()
        assert entries_of(settings) == both
        done = store.lake.publish(TENANT)
        assert (done.added, done.removed, done.files) == (0, 0, 6)
        assert done.metadata.startswith("s3://")
        store.delete_evidence(TENANT, mine.id, by="test", why="all of it")
        assert entries_of(settings) == committed(store, second.id)


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
