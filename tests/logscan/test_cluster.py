"""The engine on a cluster: real servers, the same answers as here."""

import gzip
import importlib.util
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import scan_servers
from bench.scan_data import Records, trails
from tests.free_ports import free_port
from tests.logscan.test_cloudtrail import UPDATE

from affidavit import spark_servers
from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.logscan import cluster, engine
from affidavit.logscan.findings import Scanned
from affidavit.operations import scans

LOOK = scans.invocation_settings()


def test_results_survive_their_way_back(tmp_path: Path) -> None:
    """What a worker packs is what arrives."""
    path = tmp_path / "cut.json.gz"
    path.write_bytes(gzip.compress(b"".join(Records().lines(60)))[:-9])
    job = engine.Job(settings=LOOK, spool=tmp_path)
    result = engine.result_of(job, job.scanner(), 0, str(path))
    assert result.scanned.gaps
    assert cluster.unpacked(cluster.packed(result.scanned)) == result.scanned
    digest = Scanned(object_uri="x", totals=result.scanned.totals, digest=b"\x00\xff")
    assert cluster.unpacked(cluster.packed(digest)) == digest


@pytest.mark.parametrize(
    "url",
    ["spark://host:7077", "sc://", "sc://example.org:15002", "sc://example.org/;token=x", "x"],
)
def test_engines_that_are_none_or_would_tell_the_key(url: str) -> None:
    """A wrong URL, or one that would send the key in clear text, is refused."""
    with pytest.raises(UsageError):
        cluster.check_url(url)
    cluster.check_url("sc://example.org:443/;token=x;use_ssl=true")
    cluster.check_url("sc://localhost:15002")


def test_a_missing_client_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the call says what to install, whatever else goes wrong."""
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    job = engine.Job(settings=LOOK, spool=tmp_path)
    with pytest.raises(UsageError, match="not installed"):
        next(cluster.results("sc://localhost:1", job, [], None))


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"NOT RUN: {package} is not installed (make test-slow installs it)")


@pytest.fixture(scope="module", params=["sail", "local-cluster[2,1,1024]"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of Sail, and of Apache Spark with two worker processes."""
    if request.param == "sail":
        _need("pysail")
        with scan_servers.sail() as url:
            yield url
        return
    _need("pyspark")
    if scan_servers.java() is None:
        pytest.skip("NOT RUN: Apache Spark needs Java 17")
    with scan_servers.spark(request.param, tmp_path_factory.mktemp("spark")) as url:
        yield url


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of trails and one of invocation logs, some of which are damaged."""
    folder = tmp_path_factory.mktemp("logs")
    for name in ("trails", "invocations"):
        (folder / name).mkdir()
    trails(folder / "trails", 1500, 30)
    drawn = Records()
    for number in range(12):
        data = gzip.compress(b"".join(drawn.lines(40)))
        cut = data[:-40] if number == 5 else data
        (folder / "invocations" / f"{number}.json.gz").write_bytes(cut)
    return folder


def _scan(where: Path, url: str) -> tuple[list[str], scans.Outcome]:
    lines: list[str] = []
    settings = LOOK if where.name == "invocations" else scans.trail_settings(events=[UPDATE])
    request = scans.ScanRequest(
        where=scans.Where(uris=(str(where),)), look=settings, engine=url, processes=None
    )
    return lines, scans.scan(request, show=lines.append)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_cluster_says_what_is_said_here(url: str, logs: Path) -> None:
    """Findings in their order, totals and gaps are those of the local engine."""
    for kind in ("trails", "invocations"):
        here, there = _scan(logs / kind, scans.LOCAL), _scan(logs / kind, url)
        assert there == here
        assert here[0]
        assert bool(here[1].gaps) == (kind == "invocations")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_what_the_workers_cannot_read_is_a_gap(url: str, tmp_path: Path) -> None:
    """An object that is not there, or that nobody answers for, is named; the rest is read."""
    fine = tmp_path / "fine.json"
    fine.write_bytes(b"".join(Records().lines(3)))
    aws = AwsSettings(endpoint_url="http://127.0.0.1:9", region="us-east-1", max_attempts=1)
    job = engine.Job(settings=LOOK, spool=tmp_path, read=scans.ObjectReader(aws))
    objects = [
        engine.Listed(uri=str(tmp_path / "gone"), size=1),
        engine.Listed(uri=str(fine), size=1),
        engine.Listed(uri="s3://no-bucket/x", size=1),
    ]
    results = list(cluster.results(url, job, objects, None))
    assert [bool(one.scanned.gaps) for one in results] == [True, False, True]
    assert results[1].scanned.totals.records == 3


@pytest.mark.slow
def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    """Where nobody listens every object is a gap with its name."""
    _need("pyspark")
    job = engine.Job(settings=LOOK, spool=tmp_path)
    nobody = f"sc://127.0.0.1:{free_port()}"
    (one,) = cluster.results(nobody, job, [engine.Listed(uri="a", size=1)], None)
    assert one.scanned.gaps[0].object_uri == "a"
    assert "the cluster failed" in one.scanned.gaps[0].why


@pytest.mark.slow
def test_a_cluster_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the connection and never answers is not waited for: each object is a gap."""
    _need("pyspark")
    monkeypatch.setattr(spark_servers, "PATIENCE", 1.0)
    job = engine.Job(settings=LOOK, spool=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"sc://127.0.0.1:{silent.getsockname()[1]}"
        (one,) = cluster.results(url, job, [engine.Listed(uri="a", size=1)], None)
    assert "did not speak Spark Connect" in one.scanned.gaps[0].why


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_findings_come_in_pieces(url: str, tmp_path: Path) -> None:
    """An object with more findings than one row holds gives them all, once."""
    record = json.loads(next(Records().lines(1)))
    text = " ".join(f"415-555-{n % 10_000:04}" for n in range(25_000))
    record["input"]["inputBodyJson"] = {"prompt": text}
    path = tmp_path / "many.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    listed = [engine.Listed(uri=str(path), size=1)]
    job = engine.Job(settings=LOOK, spool=tmp_path)
    (there,) = cluster.results(url, job, listed, None)
    (here,) = engine.results(job, listed, 1)
    assert list(there.lines()) == list(here.lines())
    assert here.scanned == there.scanned
