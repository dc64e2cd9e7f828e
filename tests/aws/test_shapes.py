"""Bodies to JSON and back, on recorded answers of AWS where they are at hand."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from affidavit.aws.shapes import REDACTED, ShapeError, plain, typed

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded-aws"


def _restore(value: dict[str, Any]) -> Any:
    """Return the datetime that Cloud Custodian's recorder wrote as a marked object."""
    if value.get("__class__") != "datetime":
        return value
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    year, month, day, hour, minute, second, microsecond = (value[name] for name in names)
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)


def test_typed_undoes_plain_for_recorded_answers() -> None:
    """Every answer recorded from the real AWS comes back equal after plain and typed."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded answers are not in the repository")
    seen = 0
    for path in sorted(RECORDED.glob("*.json")):
        service, operation, _, _ = path.name.split(".")
        recorded = json.loads(path.read_text(encoding="utf-8"), object_hook=_restore)
        if recorded.get("status_code", 200) >= 300:
            continue
        data = {k: v for k, v in recorded["data"].items() if k != "ResponseMetadata"}
        body = json.loads(json.dumps(plain(recorded["data"])))
        assert typed(service, operation, body) == data, path.name
        seen += 1
    assert seen >= 130


def test_plain_writes_times_in_utc_and_blobs_as_base64() -> None:
    """Times of any zone become UTC with Z, naive ones are UTC, and bytes become base64 text."""
    east = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    naive = east.replace(tzinfo=None)
    answer = {"a": east, "b": naive, "c": b"\xff\x00", "ResponseMetadata": {"RequestId": "x"}}
    assert plain(answer) == {"a": "2026-01-02T01:00:00Z", "b": "2026-01-02T03:00:00Z", "c": "/wA="}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_plain_refuses_what_json_cannot_hold(value: object) -> None:
    """NaN, infinity and streams are refused with their place."""
    with pytest.raises(ShapeError, match=r"a\.b\[0\]"):
        plain({"a": {"b": [value]}})


def test_typed_gives_numbers_the_type_of_their_shape() -> None:
    """A double stored as 3 is a float again, an integer stored as 3.0 an int."""
    body = {"MetricAlarms": [{"Threshold": 3, "Period": 60.0}]}
    alarm = typed("cloudwatch", "DescribeAlarms", body)["MetricAlarms"][0]
    assert isinstance(alarm["Threshold"], float)
    assert isinstance(alarm["Period"], int)


def test_typed_always_has_the_result_lists_of_a_paged_operation() -> None:
    """An empty answer of a paged operation has its lists, another list stays absent."""
    assert typed("cloudtrail", "LookupEvents", {}) == {"Events": []}
    assert typed("iam", "ListServiceSpecificCredentials", {}) == {"ServiceSpecificCredentials": []}
    assert typed("s3", "GetBucketTagging", {}) == {}
    assert typed("cloudfront", "ListDistributions", {}) == {"DistributionList": {"Items": []}}


def test_typed_keeps_unknown_members_and_drops_nulls() -> None:
    """What a later model may know stays as it is; a null member is an absent one."""
    body = {"KeyId": None, "KeyRotationEnabled": True, "New": {"x": 1}}
    assert typed("kms", "GetKeyRotationStatus", body) == {
        "KeyRotationEnabled": True,
        "New": {"x": 1},
    }


def test_typed_refuses_a_null_among_the_elements_of_a_list() -> None:
    """No API of AWS promises one: what lists it is no answer, and no alarm has a null action."""
    for body in ({"MetricAlarms": [None]}, {"MetricAlarms": [{"AlarmActions": [None]}]}):
        with pytest.raises(ShapeError, match="NoneType found"):
            typed("cloudwatch", "DescribeAlarms", body)


def test_typed_lets_redacted_values_through() -> None:
    """A redacted value stays the mark, whatever its shape."""
    assert typed("kms", "DescribeKey", {"KeyMetadata": {"CreationDate": REDACTED}}) == {
        "KeyMetadata": {"CreationDate": REDACTED}
    }


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"KeyMetadata": []}, r"\$\.KeyMetadata: structure"),
        ({"KeyMetadata": {"Enabled": "yes"}}, r"\$\.KeyMetadata\.Enabled: boolean"),
        ({"KeyMetadata": {"CreationDate": "soon"}}, "is not a time"),
        ({"KeyMetadata": {"CreationDate": 7}}, "timestamp expected, int found"),
        ({"KeyMetadata": {"PendingDeletionWindowInDays": True}}, "integer expected, bool"),
        ({"KeyMetadata": {"EncryptionAlgorithms": "RSA"}}, "list expected, str"),
        ({"KeyMetadata": {"KeyId": 5}}, "string expected, int"),
    ],
)
def test_typed_names_the_place_of_what_is_of_the_wrong_shape(
    body: dict[str, Any], place: str
) -> None:
    """An answer that is not of the shape is refused, never guessed at."""
    with pytest.raises(ShapeError, match=place):
        typed("kms", "DescribeKey", body)


def test_typed_refuses_wrong_maps_and_numbers() -> None:
    """Maps and doubles are checked like the rest."""
    with pytest.raises(ShapeError, match="map expected"):
        typed("iam", "GetAccountSummary", {"SummaryMap": []})
    with pytest.raises(ShapeError, match="double expected"):
        typed("cloudwatch", "DescribeAlarms", {"MetricAlarms": [{"Threshold": "3"}]})
