"""Assessments are kept as they are, and every change of them is a leaf."""

import json
from dataclasses import replace
from typing import Any

import pytest

from affidavit.errors import StoreConflictError, StoreError, UsageError
from affidavit.model.run import Estate
from affidavit.store import Store
from affidavit.store.documents import Document, Writes


def test_round_trip(store: Store, sample: Any) -> None:
    """An assessment comes back equal, by id, by name and in the list."""
    made = sample.assessment()
    store.create_assessment(made, "auditor")
    assert store.assessment(made.id) == made
    assert store.find_assessment(made.tenant, made.name) == made
    assert store.find_assessment(made.tenant, "other") is None
    assert list(store.assessments(made.tenant)) == list(store.assessments()) == [made]
    assert list(store.assessments("999/us-east-1")) == []


def test_creation_is_logged(store: Store, sample: Any) -> None:
    """The first leaf of a tenant's log says who made which assessment, and with what."""
    made = sample.assessment()
    store.create_assessment(made, "auditor")
    ((leaf, record),) = store.records_between(made.tenant, 0, 10)
    assert (leaf, record["kind"], record["action"], record["by"]) == (
        0,
        "change",
        "CREATE",
        "auditor",
    )
    assert json.loads(record["details"])["parameters"] == {"GENAI-X": {"days": 30, "ratio": 0.5}}


def test_a_name_is_taken_once(store: Store, sample: Any) -> None:
    """A second assessment of the same name and tenant is refused, and not logged."""
    store.create_assessment(sample.assessment(), "auditor")
    with pytest.raises(UsageError, match="already"):
        store.create_assessment(sample.assessment(), "auditor")
    assert store.log(sample.tenant).size == 1
    store.create_assessment(sample.assessment(tenant="444455556666/us-east-1"), "auditor")


def test_what_goes_along_is_kept_with_it_or_neither(store: Store, sample: Any) -> None:
    """An assessment and its documents are one transaction: a conflict leaves neither."""
    made = sample.assessment()
    document = Document(kind="assessment", id=made.id, body={"x": 1})
    stale = replace(document, version=7)
    with pytest.raises(StoreConflictError):
        store.create_assessment(made, "auditor", Writes(puts=[stale]))
    assert list(store.assessments()) == []
    assert made.tenant not in store.tenants()
    store.create_assessment(made, "auditor", Writes(puts=[document]))
    kept = store.documents.get(made.tenant, "assessment", made.id)
    assert kept is not None
    assert kept.body == {"x": 1}
    with pytest.raises(StoreConflictError):
        store.delete_assessment(made, "auditor", Writes(deletes=[document]))
    assert store.assessment(made.id) == made
    store.delete_assessment(made, "auditor", Writes(deletes=[kept]))
    assert store.documents.every(made.tenant, "assessment") == []


def test_update(store: Store, sample: Any) -> None:
    """A new estate is kept and logged; an unknown assessment is refused."""
    made = sample.assessment()
    store.create_assessment(made, "auditor")
    changed = replace(made, estate=Estate(accounts=("1",), regions=("eu-west-1",)))
    store.update_assessment(changed, "auditor")
    assert store.assessment(made.id) == changed
    assert [r["action"] for _, r in store.records_between(made.tenant, 0, 9)][1] == (
        "UPDATE_METADATA"
    )
    with pytest.raises(StoreError):
        store.update_assessment(replace(made, name="another"), "auditor")
    with pytest.raises(StoreError):
        store.assessment("nothing")


def test_a_parameter_is_logged(store: Store, sample: Any) -> None:
    """A user's parameter stands in the log with its default, who set it and why."""
    made = sample.assessment()
    leaf = store.append_parameter(
        made, check_id="GENAI-X", name="ratio", value=0.5, default=0.9, by="me", why="small team"
    )
    ((found, record),) = store.records_between(made.tenant, leaf, leaf)
    assert found == leaf
    assert (record["kind"], record["value"], record["default"]) == ("parameter", "0.5", "0.9")
    assert (record["assessment_id"], record["by"], record["why"]) == (made.id, "me", "small team")


@pytest.mark.parametrize("tenant", ["", "a", "../x", "a/b/c", "a/..", "a b/c", "/etc"])
def test_odd_tenants_are_refused(store: Store, tenant: str) -> None:
    """A tenant that could leave its folder or break a key's name is refused."""
    with pytest.raises(StoreError, match="tenant"):
        store.append_record(tenant, {"kind": "change"})


@pytest.mark.parametrize("kind", ["evidence", "run", "other", None])
def test_other_kinds_are_refused(store: Store, kind: str | None) -> None:
    """Evidence and runs enter the log by a commit only."""
    with pytest.raises(StoreError, match="kind"):
        store.append_record("111122223333/us-east-1", {"kind": kind})
