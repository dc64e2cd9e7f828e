"""Shares of frameworks between accounts and Regions, through all their states."""

from typing import Any

import pytest

from affidavit.operations import framework_shares
from affidavit.operations.faults import NotFoundFault, QuotaFault, ValidationFault
from affidavit.operations.framework_shares import MAX_RECIPIENTS

SENT, RECEIVED = "SENT", "RECEIVED"
TO = {"destinationAccount": "444455556666", "destinationRegion": "us-east-1"}


@pytest.fixture
def share(owner: Any, stranger: Any, a_framework: Any) -> dict[str, Any]:
    """Give a request that the owner sent to the stranger."""
    del stranger
    made = a_framework(description="d", complianceType="AI", tags={"a": "b"})
    answer = owner("StartAssessmentFrameworkShare", frameworkId=made["id"], comment="c", **TO)
    request: dict[str, Any] = answer["assessmentFrameworkShareRequest"]
    return request


def _listed(side: Any, kind: str) -> list[dict[str, Any]]:
    answer = side("ListAssessmentFrameworkShareRequests", requestType=kind)
    found: list[dict[str, Any]] = answer["assessmentFrameworkShareRequests"]
    return found


def _act(side: Any, share: dict[str, Any], kind: str, action: str) -> dict[str, Any]:
    answer = side(
        "UpdateAssessmentFrameworkShare", requestId=share["id"], requestType=kind, action=action
    )
    request: dict[str, Any] = answer["assessmentFrameworkShareRequest"]
    return request


def _frameworks(side: Any) -> list[dict[str, Any]]:
    listed = side("ListAssessmentFrameworks", frameworkType="Custom")["frameworkMetadataList"]
    return [side("GetAssessmentFramework", frameworkId=item["id"])["framework"] for item in listed]


def test_both_sides_see_the_same_request(owner: Any, stranger: Any, share: dict[str, Any]) -> None:
    """A new request is ACTIVE for 120 days, sent for the one and received for the other."""
    assert share["status"] == "ACTIVE"
    assert (share["expirationTime"] - share["creationTime"]).days == 120
    assert (share["standardControlsCount"], share["customControlsCount"]) == (1, 1)
    assert share["sourceAccount"] == "111122223333"
    assert (share["comment"], share["complianceType"]) == ("c", "AI")
    assert _listed(owner, SENT) == [share] == _listed(stranger, RECEIVED)
    assert _listed(owner, RECEIVED) == [] == _listed(stranger, SENT)


def test_the_recipient_gets_a_copy_as_it_is_at_acceptance(
    owner: Any, stranger: Any, share: dict[str, Any]
) -> None:
    """Later changes of the sender do not reach it; own controls are copied, tags are not."""
    (original,) = _frameworks(owner)
    own, standard = original["controlSets"][0]["controls"]
    owner(
        "UpdateControl",
        controlId=own["id"],
        name="At acceptance",
        controlMappingSources=own["controlMappingSources"],
    )
    assert _act(stranger, share, RECEIVED, "ACCEPT")["status"] == "SHARED"
    owner("DeleteControl", controlId=own["id"])
    owner("DeleteAssessmentFramework", frameworkId=original["id"])
    (copy,) = _frameworks(stranger)
    copied, kept = copy["controlSets"][0]["controls"]
    assert copy["id"] != original["id"]
    assert ":444455556666:" in copy["arn"]
    assert (copy["name"], copy["description"], copy["tags"]) == ("Own framework", "d", {})
    assert (copied["name"], copied["id"] != own["id"]) == ("At acceptance", True)
    assert kept["id"] == standard["id"]
    assert _listed(owner, SENT)[0]["status"] == "SHARED"
    assert _listed(stranger, RECEIVED)[0]["status"] == "SHARED"


@pytest.mark.parametrize(
    ("kind", "action", "status"), [(RECEIVED, "DECLINE", "DECLINED"), (SENT, "REVOKE", "REVOKED")]
)
def test_a_request_ends_otherwise(
    owner: Any, stranger: Any, share: dict[str, Any], kind: str, action: str, status: str
) -> None:
    """Declined or revoked it is over for both sides: nothing more can be done but delete it."""
    side = owner if kind == SENT else stranger
    assert _act(side, share, kind, action)["status"] == status
    for other_side, other_kind, other in (
        (stranger, RECEIVED, "ACCEPT"),
        (stranger, RECEIVED, "DECLINE"),
        (owner, SENT, "REVOKE"),
    ):
        with pytest.raises(ValidationFault, match=status):
            _act(other_side, share, other_kind, other)
    assert _frameworks(stranger) == []
    for each, each_kind in ((owner, SENT), (stranger, RECEIVED)):
        each("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=each_kind)
        assert _listed(each, each_kind) == []
    assert owner.context.store.documents.find("framework_share", share["id"]) == []


def test_time_ends_a_request(owner: Any, stranger: Any, share: dict[str, Any]) -> None:
    """In its last 30 days it is EXPIRING and still open; after 120 days EXPIRED and over."""
    owner.clock.forward(days=90, seconds=-1)
    assert _listed(owner, SENT)[0]["status"] == "ACTIVE"
    owner.clock.forward(seconds=1)
    assert _listed(stranger, RECEIVED)[0]["status"] == "EXPIRING"
    owner.clock.forward(days=30)
    assert _listed(owner, SENT)[0]["status"] == "EXPIRED"
    with pytest.raises(ValidationFault, match="EXPIRED"):
        _act(stranger, share, RECEIVED, "ACCEPT")


def test_an_expiring_request_can_be_accepted(
    owner: Any, stranger: Any, share: dict[str, Any]
) -> None:
    """EXPIRING is a warning, not an end."""
    owner.clock.forward(days=119)
    assert _act(stranger, share, RECEIVED, "ACCEPT")["status"] == "SHARED"
    assert len(_frameworks(stranger)) == 1


def test_sharing_again_updates_the_same_request(
    owner: Any, stranger: Any, share: dict[str, Any]
) -> None:
    """The request keeps its id, is open again, and its acceptance gives the newest version."""
    _act(stranger, share, RECEIVED, "ACCEPT")
    owner.clock.forward(days=60)
    again = owner(
        "StartAssessmentFrameworkShare", frameworkId=share["frameworkId"], comment="v2", **TO
    )["assessmentFrameworkShareRequest"]
    assert (again["id"], again["status"], again["comment"]) == (share["id"], "ACTIVE", "v2")
    assert (again["expirationTime"] - owner.clock()).days == 120
    assert len(_listed(stranger, RECEIVED)) == 1
    _act(stranger, share, RECEIVED, "ACCEPT")
    assert len(_frameworks(stranger)) == 2


def test_an_interrupted_acceptance_is_finished(
    owner: Any, stranger: Any, share: dict[str, Any]
) -> None:
    """Accepting while REPLICATING makes the copy, or finds the one that was made already."""
    documents = owner.context.store.documents
    for copies in (1, 1):
        found = documents.get(owner.caller.tenant, "framework_share", share["id"])
        body = found.body | {"status": "REPLICATING"}
        documents.act(
            owner.caller.tenant,
            now=owner.clock(),
            puts=[type(found)(**{**_members(found), "body": body})],
        )
        with pytest.raises(ValidationFault, match="REPLICATING"):
            owner("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=SENT)
        assert _act(stranger, share, RECEIVED, "ACCEPT")["status"] == "SHARED"
        assert len(_frameworks(stranger)) == copies


def _members(document: Any) -> dict[str, Any]:
    return {name: getattr(document, name) for name in document.__slots__}


def test_a_framework_that_is_gone_fails_the_request(
    owner: Any, stranger: Any, share: dict[str, Any]
) -> None:
    """There is nothing left to copy: FAILED, for both sides."""
    owner("DeleteAssessmentFramework", frameworkId=share["frameworkId"])
    assert _act(stranger, share, RECEIVED, "ACCEPT")["status"] == "FAILED"
    assert _listed(owner, SENT)[0]["status"] == "FAILED"


def test_a_management_account_takes_no_shares(owner: Any, stranger: Any, a_framework: Any) -> None:
    """A request to an organization's management account becomes FAILED at once."""
    admin = stranger.as_(role="admin")
    admin("RegisterOrganizationAdminAccount", adminAccountId="999900001111")
    made = a_framework()
    answer = owner("StartAssessmentFrameworkShare", frameworkId=made["id"], **TO)
    assert answer["assessmentFrameworkShareRequest"]["status"] == "FAILED"
    assert _listed(stranger, RECEIVED) == []


def test_a_framework_goes_to_another_region_of_the_same_account(
    owner: Any, a_framework: Any
) -> None:
    """Sharing also replicates within an account; with itself it is refused."""
    made = a_framework()
    here = {"destinationAccount": "111122223333", "destinationRegion": "us-east-1"}
    with pytest.raises(ValidationFault, match="it is in"):
        owner("StartAssessmentFrameworkShare", frameworkId=made["id"], **here)
    there = {**here, "destinationRegion": "eu-west-1"}
    share = owner("StartAssessmentFrameworkShare", frameworkId=made["id"], **there)
    elsewhere = owner.as_(region="eu-west-1")
    elsewhere.as_(role="admin")("RegisterAccount")
    _act(elsewhere, share["assessmentFrameworkShareRequest"], RECEIVED, "ACCEPT")
    assert len(_frameworks(elsewhere)) == 1


def test_only_custom_frameworks_are_shared(owner: Any, shipped: Any) -> None:
    """Everybody has the standard one."""
    with pytest.raises(ValidationFault):
        owner("StartAssessmentFrameworkShare", frameworkId=shipped.framework.uuid, **TO)


def test_each_side_acts_as_it_may(owner: Any, stranger: Any, share: dict[str, Any]) -> None:
    """The recipient cannot revoke, the sender cannot accept, and nobody takes the other's side."""
    for side, kind, action in (
        (owner, SENT, "ACCEPT"),
        (owner, SENT, "DECLINE"),
        (stranger, RECEIVED, "REVOKE"),
    ):
        with pytest.raises(ValidationFault, match="not an action"):
            _act(side, share, kind, action)
    for side, kind, action in (
        (owner, RECEIVED, "ACCEPT"),
        (stranger, SENT, "REVOKE"),
        (owner.as_(account_id="777788889999"), RECEIVED, "DECLINE"),
    ):
        side.as_(role="admin")("RegisterAccount")
        with pytest.raises(NotFoundFault):
            _act(side, share, kind, action)
    assert _listed(owner, SENT) == [share]


def test_an_open_request_cannot_be_deleted(owner: Any, stranger: Any, share: Any) -> None:
    """It must be ended first, by either side."""
    for side, kind in ((owner, SENT), (stranger, RECEIVED)):
        with pytest.raises(ValidationFault, match="ACTIVE"):
            side("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=kind)


@pytest.mark.parametrize("first", [SENT, RECEIVED])
def test_deleting_hides_it_from_one_side_only(
    owner: Any, stranger: Any, share: dict[str, Any], first: str
) -> None:
    """Whoever deletes first, the other side still sees the request until it deletes it too."""
    _act(stranger, share, RECEIVED, "DECLINE")
    sides = {SENT: owner, RECEIVED: stranger}
    other = RECEIVED if first == SENT else SENT
    sides[first]("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=first)
    assert _listed(sides[first], first) == []
    assert len(_listed(sides[other], other)) == 1
    with pytest.raises(NotFoundFault):
        sides[first]("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=first)
    sides[other]("DeleteAssessmentFrameworkShare", requestId=share["id"], requestType=other)
    assert owner.context.store.documents.find("framework_share", share["id"]) == []


def test_there_is_room_for_100_recipients(owner: Any, a_framework: Any) -> None:
    """The 101st open recipient exceeds the quota; an old one is no new recipient."""
    framework = a_framework()["id"]
    others = [
        {"destinationAccount": f"{number:012}", "destinationRegion": "us-east-1"}
        for number in range(MAX_RECIPIENTS)
    ]
    for to in (*others, others[0]):
        owner("StartAssessmentFrameworkShare", frameworkId=framework, **to)
    with pytest.raises(QuotaFault, match="100"):
        owner("StartAssessmentFrameworkShare", frameworkId=framework, **TO)


def test_a_sender_does_not_fill_a_list(
    owner: Any, stranger: Any, a_framework: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest ended request makes room for a new one; too many open ones are refused."""
    monkeypatch.setattr(framework_shares, "MAX_RECEIVED", 2)
    framework = a_framework()["id"]
    ask = "StartAssessmentFrameworkShare"
    made = []
    for _ in range(4):
        answer = owner(ask, frameworkId=framework, **TO)["assessmentFrameworkShareRequest"]
        made.append(answer["id"])
        owner.clock.forward(seconds=1)
        _act(owner, answer, SENT, "REVOKE")
        if len(made) == 1:
            owner("DeleteAssessmentFrameworkShare", requestId=made[0], requestType=SENT)
    assert {one["id"] for one in _listed(stranger, RECEIVED)} == set(made[2:])
    assert {one["id"] for one in _listed(owner, SENT)} == set(made[1:])
    assert owner.context.store.documents.find("framework_share", made[0]) == []
    owner(ask, frameworkId=framework, **TO)
    owner(ask, frameworkId=a_framework(name="Second")["id"], **TO)
    with pytest.raises(QuotaFault, match="2 open share requests of yours"):
        owner(ask, frameworkId=a_framework(name="Third")["id"], **TO)
    assert len(_listed(stranger, RECEIVED)) == 2
    assert len([one for one in _listed(owner, SENT) if one["status"] == "ACTIVE"]) == 2


def test_logs_tell_each_side_its_own(owner: Any, stranger: Any, share: dict[str, Any]) -> None:
    """The sender's ledger learns the recipient's account only, the recipient's nothing before."""
    before = stranger.leaves()
    assert [leaf["object_type"] for leaf in before] == ["ACCOUNT"]
    _act(stranger, share, RECEIVED, "ACCEPT")
    sent = [leaf for leaf in owner.leaves() if leaf["object_type"] == "FRAMEWORK_SHARE"]
    assert {leaf["by"] for leaf in sent[1:]} == {"arn:aws:iam::444455556666:root"}
    received = stranger.leaves()[len(before) :]
    assert [leaf["object_type"] for leaf in received] == ["FRAMEWORK"]
