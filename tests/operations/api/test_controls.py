"""Standard, core and custom controls."""

import re
from typing import Any

import pytest

from affidavit.operations import standard
from affidavit.operations.controls import MAX_CONTROLS
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault
from affidavit.operations.mapping_sources import LIMITS

UNKNOWN = "00000000-0000-4000-8000-000000000000"
UUID = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")


def _source(kind: str, keyword: str, **members: Any) -> dict[str, Any]:
    return {
        "sourceName": f"{kind} {keyword}",
        "sourceType": kind,
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        **members,
    }


EVERY_TYPE = [
    _source("AWS_API_Call", "iam_ListUsers"),
    _source("AWS_Config", "IAM_POLICY_IN_USE"),
    _source("AWS_Config", "Custom_own-rule"),
    _source("AWS_Security_Hub", "EC2.1"),
    _source("AWS_Cloudtrail", "cloudtrail_StopLogging"),
    _source("Core_Control", standard.core_id("bucket-tls")),
    _source("Common_Control", "arn:aws:controlcatalog:::common-control/somebodyelses"),
    {"sourceName": "Paper", "sourceType": "MANUAL"},
]


def test_a_control_comes_back_as_it_was_made(owner: Any) -> None:
    """Texts, tags and sources of every type are kept; ids, times and what follows are added."""
    texts = {
        "name": "Keys are ours",
        "description": "d",
        "testingInformation": "t",
        "actionPlanTitle": "a",
        "actionPlanInstructions": "i",
        "tags": {"Team": "audit"},
    }
    made = owner("CreateControl", **texts, controlMappingSources=EVERY_TYPE)["control"]
    assert texts.items() <= made.items()
    assert made["type"] == "Custom"
    assert made["state"] == "ACTIVE"
    assert made["arn"] == f"arn:aws:auditmanager:us-east-1:111122223333:control/{made['id']}"
    assert made["createdAt"] == made["lastUpdatedAt"] == owner.clock()
    assert made["createdBy"] == owner.caller.principal_arn
    sources = made["controlMappingSources"]
    for source, given in zip(sources, EVERY_TYPE, strict=True):
        assert given.items() <= source.items()
    assert len({source["sourceId"] for source in sources}) == len(sources)
    assert {s["sourceSetUpOption"] for s in sources[:-1]} == {"System_Controls_Mapping"}
    assert sources[-1]["sourceSetUpOption"] == "Procedural_Controls_Mapping"
    assert sources[-1]["sourceKeyword"] == {"keywordInputType": "UPLOAD_FILE"}
    assert sources[0]["sourceFrequency"] == "DAILY"
    assert owner("GetControl", controlId=made["id"])["control"] == made


def test_the_text_of_sources_fits_the_model(owner: Any) -> None:
    """A control with sources of every type has a `controlSources` that the model allows."""
    made = owner("CreateControl", name="All", controlMappingSources=EVERY_TYPE)["control"]
    assert re.fullmatch(r"[a-zA-Z_0-9\-\s.,]{1,100}", made["controlSources"])


def test_every_change_is_a_leaf(owner: Any, a_control: Any) -> None:
    """Creation, change and deletion stand in the ledger with the whole control."""
    made = a_control()
    sources = made["controlMappingSources"]
    owner("UpdateControl", controlId=made["id"], name="New", controlMappingSources=sources)
    owner("DeleteControl", controlId=made["id"])
    told = [leaf for leaf in owner.leaves() if leaf["object_type"] == "CONTROL"]
    assert [leaf["action"] for leaf in told] == ["CREATE", "UPDATE_METADATA", "DELETE"]
    assert {leaf["object_id"] for leaf in told} == {made["id"]}
    assert all('"sourceName":"Paper"' in leaf["details"] for leaf in told)
    assert {leaf["by"] for leaf in told} == {owner.caller.principal_arn}


def test_an_update_is_the_whole_control(owner: Any, a_control: Any) -> None:
    """Sources with their id keep it, others are new, and what is not given is gone."""
    made = a_control(description="gone", tags={"kept": "yes"})
    (kept,) = made["controlMappingSources"]
    owner.clock.forward(hours=1)
    given = [{**kept, "sourceName": "Renamed"}, _source("AWS_Config", "IAM_POLICY_IN_USE")]
    new = owner("UpdateControl", controlId=made["id"], name="B", controlMappingSources=given)
    control = new["control"]
    first, second = control["controlMappingSources"]
    assert (first["sourceId"], first["sourceName"]) == (kept["sourceId"], "Renamed")
    assert UUID.fullmatch(second["sourceId"])
    assert "description" not in control
    assert control["tags"] == {"kept": "yes"}
    assert control["controlSources"] == "AWS Config, Manual"
    assert control["createdAt"] == made["createdAt"] < control["lastUpdatedAt"]


def test_a_source_id_of_elsewhere_is_refused(owner: Any, a_control: Any) -> None:
    """An update cannot take another control's source id, nor one twice."""
    other, made = a_control("other"), a_control()
    foreign = other["controlMappingSources"]
    twice = made["controlMappingSources"] * 2
    for sources in (foreign, twice):
        with pytest.raises(ValidationFault, match="sourceId"):
            owner("UpdateControl", controlId=made["id"], name="x", controlMappingSources=sources)


@pytest.mark.parametrize(
    ("source", "member"),
    [
        ({"sourceName": "x"}, "sourceType"),
        ({"sourceType": "AWS_Config"}, "sourceKeyword.keywordValue"),
        (_source("AWS_Config", "iam_policy_in_use"), "sourceKeyword.keywordValue"),
        (_source("AWS_API_Call", "iam_InventUsers"), "sourceKeyword.keywordValue"),
        (
            {
                "sourceType": "AWS_Config",
                "sourceKeyword": {"keywordInputType": "UPLOAD_FILE", "keywordValue": "A"},
            },
            "sourceKeyword.keywordInputType",
        ),
        (
            {"sourceType": "MANUAL", "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST"}},
            "sourceKeyword.keywordInputType",
        ),
        (
            {"sourceType": "MANUAL", "sourceSetUpOption": "System_Controls_Mapping"},
            "sourceSetUpOption",
        ),
    ],
)
def test_a_source_that_cannot_bring_evidence_is_refused(
    owner: Any, source: dict[str, Any], member: str
) -> None:
    """The fault names the member, and nothing is made."""
    good = {"sourceType": "MANUAL"}
    with pytest.raises(ValidationFault) as caught:
        owner("CreateControl", name="x", controlMappingSources=[good, source])
    assert caught.value.fields[0][0] == f"controlMappingSources[1].{member}"
    assert owner("ListControls", controlType="Custom")["controlMetadataList"] == []


def test_set_up_option_and_type_are_inferred(owner: Any) -> None:
    """Procedural without a type is manual, and a free text may be the answer."""
    source = {
        "sourceSetUpOption": "Procedural_Controls_Mapping",
        "sourceKeyword": {"keywordInputType": "INPUT_TEXT"},
    }
    made = owner("CreateControl", name="x", controlMappingSources=[source])["control"]
    (found,) = made["controlMappingSources"]
    assert found["sourceType"] == "MANUAL"
    assert found["sourceKeyword"] == {"keywordInputType": "INPUT_TEXT"}
    assert found["sourceName"] == "Manual evidence"


@pytest.mark.parametrize("kind", LIMITS)
def test_a_control_has_so_many_sources(owner: Any, kind: str) -> None:
    """The documented limits of sources by type hold, to the one."""
    source = _source(kind, "x") if kind else {"sourceName": "Paper", "sourceType": "MANUAL"}
    limit = LIMITS[kind]
    owner("CreateControl", name="x", controlMappingSources=[source] * limit)
    with pytest.raises(ValidationFault, match=f"at most {limit}"):
        owner("CreateControl", name="x", controlMappingSources=[source] * (limit + 1))


def test_a_standard_control_can_be_copied(owner: Any, shipped: Any) -> None:
    """Every standard control's sources are accepted as a custom control's."""
    for control in shipped.framework.controls():
        found = owner("GetControl", controlId=control.uuid)["control"]
        sources = [
            {k: v for k, v in source.items() if k != "sourceId"}
            for source in found["controlMappingSources"]
        ]
        copy = owner("CreateControl", name=found["name"], controlMappingSources=sources)
        assert copy["control"]["controlSources"] == found["controlSources"]


def test_standard_and_core_controls_are_listed_and_read(owner: Any) -> None:
    """The catalogue's 52 controls and 83 checks are there, each by its id."""
    for kind, count in (("Standard", 52), ("Core", 83)):
        found = owner("ListControls", controlType=kind)["controlMetadataList"]
        assert len({item["id"] for item in found}) == count
        assert [i["name"].casefold() for i in found] == sorted(i["name"].casefold() for i in found)
        for item in found:
            control = owner("GetControl", controlId=item["id"])["control"]
            assert control["type"] == kind
            assert item.items() <= control.items()


def test_standard_and_core_controls_are_read_only(owner: Any, shipped: Any) -> None:
    """They can neither be changed nor deleted."""
    ids = [next(shipped.framework.controls()).uuid, standard.core_id("bucket-tls")]
    for control_id in ids:
        with pytest.raises(ValidationFault, match="cannot be changed"):
            owner("DeleteControl", controlId=control_id)
        with pytest.raises(ValidationFault, match="cannot be changed"):
            owner(
                "UpdateControl",
                controlId=control_id,
                name="x",
                controlMappingSources=[{"sourceType": "MANUAL"}],
            )


def test_lists_are_paged(owner: Any, a_control: Any) -> None:
    """Small pages together are the whole list in order of names."""
    names = ["b", "A", "c", "b", "D"]
    for name in names:
        a_control(name)
    got: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = owner("ListControls", controlType="Custom", maxResults=2, **token)
        got += [item["name"] for item in answer["controlMetadataList"]]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert got == ["A", "b", "b", "c", "D"]


def test_controls_are_found_by_the_control_catalog(
    owner: Any, shipped: Any, a_control: Any
) -> None:
    """Domains are control sets, common controls the crosswalk's groupings."""
    control_set = shipped.framework.control_sets[-1]
    domain = standard.domain_arn(control_set.uuid)
    common = next(
        arn
        for arn, controls in standard.common_controls(shipped).items()
        if control_set.controls[0] in controls
    )
    core = standard.core_id(control_set.controls[0].sources[0].check)
    sources = [_source("Core_Control", core), _source("Common_Control", common)]
    own = owner("CreateControl", name="Own", controlMappingSources=sources)["control"]
    free = a_control("Free")

    def listed(kind: str, catalog_id: str) -> set[str]:
        answer = owner("ListControls", controlType=kind, controlCatalogId=catalog_id)
        return {item["id"] for item in answer["controlMetadataList"]}

    assert listed("Standard", domain) == {control.uuid for control in control_set.controls}
    assert core in listed("Core", domain)
    assert listed("Custom", domain) == {own["id"]}
    assert listed("Custom", common) == {own["id"]}
    assert listed("Custom", "UNCATEGORIZED") == {free["id"]}
    nowhere = "arn:aws:controlcatalog:::common-control/nobodys"
    assert [listed(kind, nowhere) for kind in ("Standard", "Core", "Custom")] == [set()] * 3


def test_there_is_room_for_500_controls(owner: Any, a_control: Any) -> None:
    """The 501st custom control exceeds the quota."""
    documents = owner.context.store.documents
    (first,) = [documents.get(owner.caller.tenant, "control", a_control()["id"])]
    copies = [
        type(first)(kind="control", id=f"copy {n}", body=first.body, sort="x")
        for n in range(MAX_CONTROLS - 1)
    ]
    documents.act(owner.caller.tenant, now=owner.clock(), puts=copies)
    with pytest.raises(QuotaFault, match="500"):
        a_control()


def test_another_tenant_has_other_controls(owner: Any, stranger: Any, a_control: Any) -> None:
    """A control of another account or Region is as unknown as one that never was."""
    made = a_control()
    elsewhere = owner.as_(region="eu-west-1")
    elsewhere.as_(role="admin")("RegisterAccount")
    for other in (stranger, elsewhere):
        assert other("ListControls", controlType="Custom")["controlMetadataList"] == []
        refusals = []
        for control_id in (made["id"], UNKNOWN):
            with pytest.raises(NotFoundFault) as caught:
                other("DeleteControl", controlId=control_id)
            refusals.append((caught.value.what, caught.value.resource_type))
        assert refusals[0] == refusals[1]
    assert owner("GetControl", controlId=made["id"])["control"] == made
