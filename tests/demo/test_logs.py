"""The estate's invocation logs and trail files, read over HTTP as a collection reads them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from affidavit import catalogue as catalogues
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.checks.invocation_logs import scanned_day
from affidavit.demo import Simulated
from affidavit.logscan.invocations import ScanSettings
from affidavit.model.observation import Gap, GapReason, Observation, Unit
from affidavit.sources.invocation_log import InvocationLogSource
from affidavit.sources.source import Scope
from affidavit.sources.trail_files import TrailReadings

OPERATION = catalogues.load().operations["FilterLogEvents"]
LAB = "444455556666"


@pytest.fixture(scope="module")
def door(simulated: Simulated) -> Iterator[Door]:
    """Return a door to the estate, by the collector's role in other accounts."""
    settings = AwsSettings(
        access_key=simulated.access_key,
        secret_key=simulated.secret_key,
        endpoint_url=simulated.endpoint_url,
        region="us-east-1",
        role_name=simulated.role_name,
        external_id=simulated.external_id,
        requests_per_second=1000,
    )
    with Door(settings) as opened:
        yield opened


def asked(simulated: Simulated, **more: Any) -> Unit:
    """Return the question for the laboratory's log of yesterday."""
    parameters = {
        "invocationLog": "s3",
        "bucket": "northwind-lab-invocation-logs",
        "prefix": "invocations",
        "day": scanned_day(simulated.now),
        "trails": [{"bucket": "northwind-lab-trail", "prefix": ""}],
        **more,
    }
    return Unit(key="FilterLogEvents", account_id=LAB, region="us-east-1", parameters=parameters)


def observe(door: Door, unit: Unit, key: bytes = b"k" * 32) -> Any:
    """Return what the source makes of one question."""
    source = InvocationLogSource(door, ScanSettings(key=key), TrailReadings())
    (result,) = source.observe(Scope(operation=OPERATION, units=(unit,)))
    return result


def test_the_laboratorys_log_is_counted_and_compared(simulated: Simulated, door: Door) -> None:
    """Population, disclosures, profanity, unguarded and unlogged calls are those of the estate."""
    result = observe(door, asked(simulated))
    assert isinstance(result, Observation)
    body = result.body
    models = {one["modelId"]: one for one in body["models"]}
    assert sum(one["records"] for one in models.values()) == body["population"]["records"] > 200
    assert body["unreadInAll"] == 0
    disclosed = sorted(f["entityType"] for f in body["findings"])
    assert disclosed == ["CREDIT_DEBIT_CARD_NUMBER", "EMAIL", "PHONE", "PROFANITY"]
    assert sum(sum(p["records"] for p in one["personal"]) for one in models.values()) == 3
    assert sum(one["profane"] for one in models.values()) == 1
    assert 60 < sum(one["unguarded"] for one in models.values()) < 80
    assert body["calls"]["unlogged"] == 5
    assert body["calls"]["calls"] == body["population"]["records"] + 5
    assert result.proof.synthetic
    assert f":{LAB}:" in result.proof.caller_arn


def test_no_text_is_kept_and_hashes_need_the_key(simulated: Simulated, door: Door) -> None:
    """What was disclosed stands nowhere; the same value has another hash under another key."""
    one, other = (observe(door, asked(simulated), key) for key in (b"k" * 32, b"o" * 32))
    for text in (b"maria.sample", b"901820", b"4111", b"bullshit"):
        assert text not in one.body_bytes()
    hashes = [{f["hash"] for f in made.body["findings"]} for made in (one, other)]
    assert len(hashes[0]) == 4
    assert not hashes[0] & hashes[1]


def test_a_day_without_objects_is_no_population(simulated: Simulated, door: Door) -> None:
    """An empty prefix is observed as nothing, over nothing."""
    past = (simulated.now - timedelta(days=9)).date().isoformat()
    result = observe(door, asked(simulated, day=past))
    assert result.body["population"]["records"] == 0
    assert result.body["population"]["hoursWithout"] == list(range(24))


@pytest.mark.parametrize("bucket", ["northwind-invocation-logs", "no-such-bucket-here"])
def test_a_bucket_that_may_not_be_read_is_a_gap(
    simulated: Simulated, door: Door, bucket: str
) -> None:
    """Another account's bucket, or none at all, is a gap that names the place."""
    result = observe(door, asked(simulated, bucket=bucket))
    assert isinstance(result, Gap)
    assert result.reason in {GapReason.DENIED, GapReason.FAILED}
    assert bucket in result.message


def test_an_unreadable_trail_does_not_hide_the_log(simulated: Simulated, door: Door) -> None:
    """The log is counted; that calls could not be compared says why."""
    trails = [{"bucket": "northwind-trail-logs", "prefix": ""}]
    result = observe(door, asked(simulated, trails=trails))
    assert result.body["population"]["records"] > 200
    assert not result.body["calls"]["trail"]
    assert "northwind-trail-logs" in result.body["calls"]["why"]
