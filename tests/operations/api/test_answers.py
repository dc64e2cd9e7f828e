"""Bodies as answers, and the change log."""

from datetime import UTC, datetime
from typing import Any

from affidavit.operations.answers import answer
from affidavit.operations.changes import Change, act


def test_our_own_members_stay_with_us() -> None:
    """Members with an underscore and members without a value are not answered, at any depth."""
    body = {"id": "x", "_secret": 1, "none": None, "sets": [{"_a": 1, "b": None, "c": [1]}]}
    assert answer(body) == {"id": "x", "sets": [{"c": [1]}]}


def test_times_are_times() -> None:
    """What is a time in the API is an aware time in the answer, and nothing else is touched."""
    text = "2026-03-01T12:00:00Z"
    found = answer({"createdAt": text, "name": text, "tags": {"createdAt": text, "_k": "v"}})
    assert found["createdAt"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found["name"] == text
    assert found["tags"] == {"createdAt": text, "_k": "v"}


def test_an_act_is_a_document_and_a_leaf(owner: Any) -> None:
    """Both tell the same act, under the same id."""
    change = Change(
        action="REVIEWED",
        object_type="CONTROL",
        object_id="c",
        object_name="Nämë",
        assessment_id="a",
        details={"ratio": 0.5},
    )
    act(owner.context, owner.caller, change)
    (document,) = owner.context.store.documents.every(owner.caller.tenant, "change_log", parent="a")
    leaf = owner.leaves()[-1]
    assert leaf["id"] == document.id
    assert leaf["details"] == '{"ratio":0.5}'
    assert answer(document.body) == {
        "objectType": "CONTROL",
        "objectName": "Nämë",
        "action": "REVIEWED",
        "createdAt": owner.clock(),
        "createdBy": owner.caller.principal_arn,
    }
