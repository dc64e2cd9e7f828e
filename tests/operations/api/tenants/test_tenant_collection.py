"""Collecting on a tenant's behalf: by its bound roles, or not at all, and then saying so."""

from collections.abc import Callable
from typing import Any

from affidavit.operations import tasks, work

OWN = "111122223333"
SERVER = "123456789012"
"""The account of the server's own credentials."""


def _collected(tenant: Any, an_assessment: Any, **members: Any) -> tuple[str, list[Any]]:
    """Collect a control of one API call; return the assessment's id and its evidence."""
    keyword = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "iam_GetAccountSummary"}
    source = {"sourceName": "u", "sourceType": "AWS_API_Call", "sourceKeyword": keyword}
    made = tenant("CreateControl", name="Users", controlMappingSources=[source])["control"]
    sets = [{"name": "Set", "controls": [{"id": made["id"]}]}]
    framework = tenant("CreateAssessmentFramework", name="F", controlSets=sets)["framework"]
    identifier = an_assessment(frameworkId=framework["id"], **members)["metadata"]["id"]
    assert tasks.run_one(tenant.context)
    day = tenant.context.now().date()
    evidence = tenant.context.store.evidence(identifier, day, day)
    return identifier, [one for _, one in evidence]


def test_a_collection_goes_by_the_bound_role(tenant: Any, aws: Any, an_assessment: Any) -> None:
    """Also in an account like any other; our own credentials ask STS and nothing else."""
    tenant.bind(report_buckets={"northwind-reports": OWN})
    _, evidence = _collected(tenant, an_assessment)
    assert {one.account_id for one in evidence} == {OWN}
    assert not [one for one in evidence if one.gap]
    assert aws.server_key not in {key for key, _ in aws.of("iam")}
    assert {name for name, key, _ in aws.asked if key == aws.server_key} == {"sts"}


def test_the_servers_own_account_needs_a_binding_too(owner: Any, reaching: Any, aws: Any) -> None:
    """Unbound, nothing is asked and every control stays open with the command that binds it."""
    arn = f"arn:aws:iam::{SERVER}:role/AuditOwner"
    own = reaching(owner).as_(account_id=SERVER, principal_arn=arn)
    own.as_(role="admin")("RegisterAccount")
    make = _maker(own)
    identifier, evidence = _collected(own, make)
    assert aws.asked == []
    (one,) = evidence
    assert (one.account_id, one.gap) == (SERVER, "denied")
    assert f"No role is bound for account {SERVER}" in one.reason
    assert f"affidavit tenant bind {SERVER}/us-east-1" in one.reason
    day = own.context.now().date()
    ((_, run),) = own.context.store.run_records(own.caller.tenant, day, day)
    assert (run["assessment_id"], run["accounts"]) == (identifier, [])
    assert [left[0] for left in run["left_out"]] == [SERVER]
    own.bind(ambient=True, report_buckets={"northwind-reports": SERVER})
    _, evidence = _collected(own, make)
    assert not [one for one in evidence if one.gap]
    assert aws.server_key in {key for key, _ in aws.of("iam")}


def test_a_role_of_the_servers_own_account_is_assumed(owner: Any, reaching: Any, aws: Any) -> None:
    """Bound to a role of the account that we are, we enter it by that role, not as ourselves."""
    arn = f"arn:aws:iam::{SERVER}:role/AuditOwner"
    own = reaching(owner).as_(account_id=SERVER, principal_arn=arn)
    own.as_(role="admin")("RegisterAccount")
    role = f"arn:aws:iam::{SERVER}:role/AffidavitCollector"
    bound = own.bind(roles=[role], report_buckets={"northwind-reports": SERVER})
    aws.external_ids[role] = bound.external_id
    _, evidence = _collected(own, _maker(own))
    assert not [one for one in evidence if one.gap]
    assert aws.of("iam")
    assert aws.server_key not in {key for key, _ in aws.of("iam")}


def _maker(installation: Any) -> Callable[..., dict[str, Any]]:
    """Return the maker of assessments for another caller."""

    def make(**members: Any) -> dict[str, Any]:
        request = {
            "name": "Own account",
            "assessmentReportsDestination": {
                "destinationType": "S3",
                "destination": "s3://northwind-reports",
            },
            "scope": {},
            "roles": [],
            **members,
        }
        made: dict[str, Any] = installation("CreateAssessment", **request)["assessment"]
        return made

    return make


def test_ambient_is_of_the_one_account_that_we_are(
    owner: Any, reaching: Any, aws: Any, an_assessment: Any
) -> None:
    """A tenant bound to credentials of another account than its own is not collected as that."""
    other = reaching(owner)
    other.bind(ambient=True, report_buckets={"northwind-reports": OWN})
    _, evidence = _collected(other, an_assessment)
    (one,) = evidence
    assert f"which are of account {SERVER}" in one.reason
    assert aws.of("iam") == set()


def test_a_failing_sts_is_asked_again_before_an_account_is_left_out(
    tenant: Any, aws: Any, an_assessment: Any
) -> None:
    """Four times the task waits; the fifth time the day is committed, with the account left out."""
    tenant.bind(report_buckets={"northwind-reports": OWN})
    aws.down = True
    _, evidence = _collected(tenant, an_assessment)
    assert evidence == []
    for minutes in (2, 4, 6, 8):
        tenant.clock.forward(minutes=minutes)
        assert tasks.run_one(tenant.context)
    assert tenant.context.store.documents.every(tenant.caller.tenant, work.KIND) == []
    day = tenant.context.now().date()
    ((_, run),) = tenant.context.store.run_records(tenant.caller.tenant, day, day)
    assert run["accounts"] == []
    assert "503" in run["left_out"][0][2] or "ServiceUnavailable" in run["left_out"][0][2]
