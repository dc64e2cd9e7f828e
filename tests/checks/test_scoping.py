"""Names of buckets and places of values are read as AWS writes them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.checks.listed import items, nameless, walk
from affidavit.checks.scoping import bucket_name
from affidavit.model.observation import Observation, Proof, Unit

NOW = datetime(2026, 3, 15, tzinfo=UTC)


def observation(key: str, body: dict[str, Any]) -> Observation:
    """Return an observation with this body."""
    return Observation(
        unit=Unit(key=key, account_id="111122223333", region="us-east-1", parameters={}),
        service="bedrock",
        operation=key,
        absent="",
        body=body,
        proof=Proof(
            endpoint="https://example.com",
            synthetic=True,
            caller_arn="",
            request_ids=(),
            pages=1,
            attempts=1,
            started_at=NOW,
            finished_at=NOW,
            tool="test",
        ),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("s3://bucket/key/a.jsonl", "bucket"),
        ("s3://bucket", "bucket"),
        ("arn:aws:s3:::bucket", "bucket"),
        ("arn:aws-cn:s3:::bucket/prefix", "bucket"),
        ("bucket.with.dots", "bucket.with.dots"),
        ("arn:aws:s3express:us-east-1:1:bucket/x--use1-az4--x-s3", ""),
        ("https://bucket.s3.amazonaws.com", ""),
        ("", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_bucket_names(text: object, name: str) -> None:
    """URIs, ARNs and plain names name a bucket; anything else names none."""
    assert bucket_name(text) == name


def test_pointers_lead_back_to_the_value() -> None:
    """Every value found carries the JSON pointer at which it stands, escapes included."""
    body = {"a/b": [{"x~y": 1}, {"other": 2}, {"x~y": 3}]}
    found = list(walk(observation("ListAgents", body), "a/b[].x~y"))
    assert [(one.pointer, one.value) for one in found] == [("/a~1b/0/x~0y", 1), ("/a~1b/2/x~0y", 3)]


def test_items_without_identifier_are_counted() -> None:
    """What cannot be told apart is left out of the items, and counted."""
    listed = observation("ListAgents", {"agentSummaries": [{"agentId": "A"}, {"agentName": "b"}]})
    assert [found.pointer for found in items(listed)] == ["/agentSummaries/0"]
    assert nameless(listed) == 1
    assert nameless(observation("GetGuardrail", {})) == 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_walking_any_body_never_fails(body: Any) -> None:
    """Whatever a body holds, looking for a path finds values or nothing."""
    for path in ("a", "a[].b", "a.b[].c", "b[]"):
        for found in walk(observation("X", {"a": body, "b": body}), path):
            assert found.value is not None
