"""Standard and custom frameworks."""

from typing import Any

import pytest

from affidavit.operations.assessment_frameworks import MAX_FRAMEWORKS
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def _refs(framework: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": one["name"], "controls": [{"id": c["id"]} for c in one["controls"]]}
        for one in framework["controlSets"]
    ]


def test_the_standard_framework_is_there(owner: Any, shipped: Any) -> None:
    """It is listed with its counts and read with its 8 sets and 52 whole controls."""
    (listed,) = owner("ListAssessmentFrameworks", frameworkType="Standard")["frameworkMetadataList"]
    assert (listed["controlSetsCount"], listed["controlsCount"]) == (8, 52)
    found = owner("GetAssessmentFramework", frameworkId=listed["id"])["framework"]
    assert found["name"] == listed["name"] == shipped.framework.name
    assert found["type"] == "Standard"
    (first, *_), *_ = (one["controls"] for one in found["controlSets"])
    assert owner("GetControl", controlId=first["id"])["control"] == first


def test_a_copy_of_the_standard_framework_is_custom(owner: Any, shipped: Any) -> None:
    """A client copies by making a framework of the same sets and controls."""
    standard = owner("GetAssessmentFramework", frameworkId=shipped.framework.uuid)["framework"]
    copy = owner(
        "CreateAssessmentFramework",
        name="Ours",
        complianceType="AI",
        controlSets=_refs(standard),
        tags={"a": "b"},
    )["framework"]
    assert (copy["type"], copy["complianceType"], copy["tags"]) == ("Custom", "AI", {"a": "b"})
    assert _refs(copy) == _refs(standard)
    assert copy["controlSources"] == standard["controlSources"]
    assert copy["id"] != standard["id"]
    assert {one["id"] for one in copy["controlSets"]}.isdisjoint(
        one["id"] for one in standard["controlSets"]
    )
    assert owner("GetAssessmentFramework", frameworkId=copy["id"])["framework"] == copy


def test_a_control_set_may_still_be_empty(owner: Any) -> None:
    """The model asks for a set's name only."""
    made = owner("CreateAssessmentFramework", name="x", controlSets=[{"name": "later"}])
    assert made["framework"]["controlSets"][0]["controls"] == []
    assert made["framework"]["controlSources"] == "Manual"


def test_an_update_is_the_whole_framework(owner: Any, a_framework: Any) -> None:
    """A set with its id keeps it, others are new, and what is not given is gone."""
    made = a_framework(description="gone", tags={"kept": "yes"})
    (kept,) = made["controlSets"]
    refs = [{"id": control["id"]} for control in kept["controls"]]
    owner.clock.forward(hours=1)
    updated = owner(
        "UpdateAssessmentFramework",
        frameworkId=made["id"],
        name="New",
        controlSets=[
            {"id": kept["id"], "name": "Renamed", "controls": refs[:1]},
            {"name": "Set", "controls": refs[1:]},
        ],
    )["framework"]
    first, second = updated["controlSets"]
    assert (first["id"], first["name"]) == (kept["id"], "Renamed")
    assert second["id"] not in {kept["id"], ""}
    assert "description" not in updated
    assert updated["tags"] == {"kept": "yes"}
    assert updated["createdAt"] == made["createdAt"] < updated["lastUpdatedAt"]
    assert owner("GetAssessmentFramework", frameworkId=made["id"])["framework"] == updated


def test_what_is_unknown_or_twice_is_refused(owner: Any, a_framework: Any) -> None:
    """Unknown controls are not found; unknown set ids, and names and controls twice, are wrong."""
    made = a_framework()
    ref = {"id": made["controlSets"][0]["controls"][0]["id"]}
    with pytest.raises(NotFoundFault) as caught:
        owner(
            "CreateAssessmentFramework",
            name="x",
            controlSets=[{"name": "s", "controls": [{"id": UNKNOWN}]}],
        )
    assert caught.value.resource_id == UNKNOWN
    wrong = [
        ([{"id": "nobody", "name": "s", "controls": [ref]}], "controlSets[0].id"),
        ([{"name": "s", "controls": [ref]}, {"name": "s", "controls": [ref]}], "controlSets"),
        ([{"name": "s", "controls": [ref, ref]}], "controlSets[0].controls"),
    ]
    for sets, member in wrong:
        with pytest.raises(ValidationFault) as refused:
            owner("UpdateAssessmentFramework", frameworkId=made["id"], name="x", controlSets=sets)
        assert refused.value.fields[0][0] == member
    assert owner("GetAssessmentFramework", frameworkId=made["id"])["framework"] == made


def test_an_edited_control_is_seen_and_a_deleted_one_is_gone(owner: Any, a_framework: Any) -> None:
    """A framework shows its controls as they are; a deleted control leaves every framework."""
    made = a_framework()
    own, standard = made["controlSets"][0]["controls"]
    owner(
        "UpdateControl",
        controlId=own["id"],
        name="Edited",
        controlMappingSources=own["controlMappingSources"],
    )
    found = owner("GetAssessmentFramework", frameworkId=made["id"])["framework"]
    assert found["controlSets"][0]["controls"][0]["name"] == "Edited"
    owner("DeleteControl", controlId=own["id"])
    found = owner("GetAssessmentFramework", frameworkId=made["id"])["framework"]
    assert [c["id"] for c in found["controlSets"][0]["controls"]] == [standard["id"]]
    (listed,) = owner("ListAssessmentFrameworks", frameworkType="Custom")["frameworkMetadataList"]
    assert listed["controlsCount"] == 1


def test_a_standard_framework_is_read_only(owner: Any, shipped: Any) -> None:
    """It can neither be changed nor deleted."""
    standard = shipped.framework.uuid
    with pytest.raises(ValidationFault, match="custom copy"):
        owner("DeleteAssessmentFramework", frameworkId=standard)
    with pytest.raises(ValidationFault, match="custom copy"):
        owner(
            "UpdateAssessmentFramework",
            frameworkId=standard,
            name="x",
            controlSets=[{"name": "s", "controls": []}],
        )


def test_a_deleted_framework_is_gone_and_its_controls_stay(owner: Any, a_framework: Any) -> None:
    """Deletion is of the framework only, and stands in the ledger."""
    made = a_framework()
    assert owner("DeleteAssessmentFramework", frameworkId=made["id"]) == {}
    with pytest.raises(NotFoundFault):
        owner("GetAssessmentFramework", frameworkId=made["id"])
    assert owner("ListControls", controlType="Custom")["controlMetadataList"]
    told = [leaf["action"] for leaf in owner.leaves() if leaf["object_type"] == "FRAMEWORK"]
    assert told == ["CREATE", "DELETE"]


def test_lists_are_paged(owner: Any) -> None:
    """Small pages together are the whole list in order of names."""
    for name in ("c", "A", "b"):
        owner("CreateAssessmentFramework", name=name, controlSets=[{"name": "s"}])
    got: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = owner("ListAssessmentFrameworks", frameworkType="Custom", maxResults=1, **token)
        got += [item["name"] for item in answer["frameworkMetadataList"]]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert got == ["A", "b", "c"]


def test_there_is_room_for_100_frameworks(owner: Any) -> None:
    """The 101st custom framework exceeds the quota."""
    for number in range(MAX_FRAMEWORKS):
        owner("CreateAssessmentFramework", name=f"f{number}", controlSets=[{"name": "s"}])
    with pytest.raises(QuotaFault, match="100"):
        owner("CreateAssessmentFramework", name="one more", controlSets=[{"name": "s"}])


def test_another_tenant_has_other_frameworks(owner: Any, stranger: Any, a_framework: Any) -> None:
    """Another account's framework and its controls are unknown, and cannot be built upon."""
    made = a_framework()
    with pytest.raises(NotFoundFault):
        stranger("GetAssessmentFramework", frameworkId=made["id"])
    with pytest.raises(NotFoundFault):
        stranger("DeleteAssessmentFramework", frameworkId=made["id"])
    with pytest.raises(NotFoundFault):
        stranger("CreateAssessmentFramework", name="x", controlSets=_refs(made))
    listed = stranger("ListAssessmentFrameworks", frameworkType="Custom")
    assert listed["frameworkMetadataList"] == []
    assert owner("GetAssessmentFramework", frameworkId=made["id"])["framework"] == made
