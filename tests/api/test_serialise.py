"""Answers: what JSON they become, and what the model says against them."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
import pytest

from affidavit.api import serialise
from affidavit.operations.answers import Fixed

UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.mark.parametrize(
    ("time", "number"),
    [
        (datetime(2026, 11, 23, 8, 46, 0, 123456, tzinfo=UTC), 1795423560.123),
        (datetime(2026, 11, 23, 10, 46, tzinfo=timezone(timedelta(hours=2))), 1795423560.0),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1.0),
    ],
)
def test_times_are_epoch_seconds(time: datetime, number: float) -> None:
    """A time in any zone is a number of seconds with milliseconds."""
    assert json.loads(serialise.body({"t": time})) == {"t": number}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"a": None, "b": {"c": None, "d": [{"e": None}, 1]}}, {"b": {"d": [{}, 1]}}),
        ({"a": "null", "b": ("x", {"c": None})}, {"a": "null", "b": ["x", {}]}),
        ({"a": "not null at all \u2028 🙂"}, {"a": "not null at all \u2028 🙂"}),
    ],
)
def test_nulls_are_left_out_at_every_depth(answer: Any, expected: Any) -> None:
    """Members that are None are not sent; the word null in a text is."""
    assert json.loads(serialise.body(answer)) == expected


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"t": datetime(2026, 11, 23)}, TypeError),  # noqa: DTZ001 - a time without a zone
        ({"x": object()}, TypeError),
        ({"x": float("nan")}, ValueError),
        ({"x": [None]}, ValueError),
    ],
)
def test_what_cannot_be_sent_is_an_error(answer: Any, error: type[Exception]) -> None:
    """A mistake of an operation is an error of ours, not a guess for the client."""
    with pytest.raises(error):
        serialise.body(answer)


MODEL = botocore.session.get_session().get_service_model("auditmanager")


@pytest.mark.parametrize(
    "item",
    [
        {"time": datetime(2026, 11, 23, 8, 46, 0, 123456, tzinfo=UTC), "id": UUID},
        {"time": None, "attributes": {"a": "null", "b": "\u2028 🙂"}},
        {"attributes": {"lone": "\ud800"}},
        {"id": "NaN", "resourcesIncluded": ({"value": "x"},)},
        {},
        Fixed({"time": datetime(2026, 11, 23, 8, 46, 0, 123456, tzinfo=UTC), "id": UUID}),
        Fixed({"time": None, "attributes": {"a": "null"}}),
        Fixed({"attributes": {"lone": "\ud800"}}),
    ],
)
def test_the_quick_way_writes_what_the_walk_does(item: Any) -> None:
    """Whatever the answer holds, both ways give the same values."""
    write = serialise.writer(MODEL.operation_model("GetEvidenceByEvidenceFolder").output_shape)
    answer = {"evidence": [item, {"time": datetime(2026, 1, 1, tzinfo=UTC)}]}
    before = copy.deepcopy(answer)
    for _ in ("first", "as kept"):
        assert json.loads(write(answer)) == json.loads(serialise.body(answer))
    assert answer == before


def test_the_quick_way_refuses_what_cannot_be_sent() -> None:
    """A time without a zone, a number that is none, and a null in a list are errors there too."""
    write = serialise.writer(MODEL.operation_model("GetEvidenceByEvidenceFolder").output_shape)
    for item in ({"time": datetime(2026, 1, 1)}, {"id": float("nan")}, {"id": object()}, None):  # noqa: DTZ001 - a time without a zone
        with pytest.raises((TypeError, ValueError)):
            write({"evidence": [item]})


@pytest.mark.parametrize(
    ("operation", "answer", "path"),
    [
        ("GetAccountStatus", {"status": "ASLEEP"}, "status"),
        ("GetAccountStatus", {"state": "ACTIVE"}, "state"),
        ("GetAccountStatus", {"status": 1}, "status"),
        ("GetAccountStatus", [], ""),
        ("GetControl", {"control": {"createdAt": 1.5}}, "control.createdAt"),
        (
            "GetControl",
            {"control": {"createdAt": datetime(2026, 11, 23)}},  # noqa: DTZ001 - without a zone
            "control.createdAt",
        ),
        ("GetControl", {"control": {"tags": {"k": 1}}}, "control.tags.k"),
        ("GetControl", {"control": {"tags": {1: "v"}}}, "control.tags (key)"),
        (
            "GetControl",
            {"control": {"controlMappingSources": [{}, {"sourceType": "WISHES"}]}},
            "control.controlMappingSources[1].sourceType",
        ),
        ("GetEvidenceFolder", {"evidenceFolder": {"totalEvidence": True}}, "evidenceFolder.total"),
        ("BatchImportEvidenceToAssessmentControl", {"errors": None}, None),
        ("BatchCreateDelegationByAssessment", {"errors": [{"errorCode": "404"}]}, None),
    ],
)
def test_answers_are_judged_by_the_model(
    operation: str, answer: Any, path: str | None, protocol: Any
) -> None:
    """Each member that the model does not allow is named; None stands for a member left out."""
    found = [name for name, _ in serialise.problems(protocol.operations[operation].output, answer)]
    assert len(found) == (0 if path is None else 1)
    assert path is None or found[0].startswith(path)


def test_required_members_of_answers(protocol: Any) -> None:
    """A required member that is missing or None is named."""
    shape = protocol.model.shape_for("ResourceNotFoundException")
    found = serialise.problems(shape, {"message": "m", "resourceId": None})
    assert [name for name, _ in found] == ["resourceId", "resourceType"]
    assert serialise.problems(None, {}) == []
    assert serialise.problems(None, {"x": 1}) == [("", "There must be no members")]
