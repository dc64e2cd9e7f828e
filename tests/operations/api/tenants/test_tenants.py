"""Bindings: what an administrator may bind, what it means for requests, and the log of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.errors import EstateError, ObjectError, UsageError
from affidavit.operations import tenants
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.tenant_bindings import TENANT, aws_of, binding_of, objects_of
from affidavit.store.tenant_keys import TenantKeyring

OWN = "111122223333"
MEMBER = "222233334444"
OTHER = "444455556666"
"""Account of another tenant."""
ROLE = f"arn:aws:iam::{OWN}:role/AffidavitCollector"
UNKNOWN = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


def test_an_external_id_is_made_once_for_each_tenant(owner: Any, stranger: Any) -> None:
    """Made by us, kept when more is bound, another one for every tenant, in no ledger."""
    made = owner.bind(roles=[ROLE]).external_id
    assert len(made) == 32
    assert owner.bind(evidence_buckets={"bucket-1": OWN}).external_id == made
    assert stranger.bind(roles=[f"arn:aws:iam::{OTHER}:role/R"]).external_id != made
    store = owner.context.store
    leaves = [leaf for _, leaf in store.records_between(TENANT, 0, store.log(TENANT).size)]
    assert [leaf["action"] for leaf in leaves] == ["CREATE", "UPDATE_METADATA", "CREATE"]
    assert "bucket-1" in leaves[1]["details"]
    assert all(made not in leaf["details"] for leaf in leaves)
    assert made not in repr(binding_of(store, owner.caller.tenant))
    with pytest.raises(UsageError, match="bound to another account"):
        stranger.bind(external_id=made)


def test_a_region_has_its_own_binding_or_its_accounts(owner: Any) -> None:
    """A binding of account/Region counts for it alone; one of the account for other Regions."""
    context, store = owner.context, owner.context.store
    wide = tenants.Grant(roles=[ROLE])
    tenants.bind(context.settings, store, OWN, wide, by="test")
    elsewhere = owner.as_(region="eu-central-1")
    elsewhere.bind(ambient=True)
    assert _entered(context, f"{OWN}/us-east-1") == {OWN: ROLE}
    assert _entered(context, f"{OWN}/eu-central-1") == {OWN: ""}
    assert _entered(context, f"{OTHER}/us-east-1") == {}
    assert {one.name for one in tenants.every(store)} == {OWN, f"{OWN}/eu-central-1"}


def _entered(context: Any, tenant: str) -> dict[str, str]:
    """Return account -> role by which AWS is reached for a tenant."""
    bound = aws_of(context, tenant).bound
    assert bound is not None
    return {account: role.arn for account, role in bound.roles.items()}


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ({"roles": ["arn:aws:iam::111122223333:user/U"]}, "does not name a role"),
        ({"roles": ["role/R"]}, "does not name a role"),
        ({"roles": [ROLE, f"{ROLE}2"]}, "Two roles"),
        ({"roles": [ROLE], "ambient": True}, "--ambient"),
        ({"ambient": True, "evidence_buckets": {"b/c": OWN}}, "cannot be bound"),
        ({"ambient": True, "evidence_buckets": {"own-ab12-s3alias": OWN}}, "cannot be bound"),
        ({"ambient": True, "report_buckets": {"affidavit-backup": OWN}}, "cannot be bound"),
        ({"ambient": True, "report_buckets": {"affidavit-evidence": OWN}}, "cannot be bound"),
        ({"ambient": True, "report_buckets": {"bucket": "1"}}, "cannot be bound"),
        ({"ambient": True, "report_buckets": {"bucket": OTHER}}, f"account {OTHER}"),
        ({"ambient": True, "topics": [f"arn:aws:sns:us-east-1:{OTHER}:t"]}, f"account {OTHER}"),
        ({"ambient": True, "event_bus": "default"}, "EventBridge bus"),
        ({"event_source": "aws.auditmanager"}, "source of events"),
        ({"keys": [f"arn:aws:sns:us-east-1:{OWN}:t"]}, "KMS key"),
        ({"external_id": "a b"}, "external id"),
        ({"organization_id": "northwind"}, "organization"),
    ],
)
def test_what_cannot_be_bound(owner: Any, grant: Mapping[str, Any], says: str) -> None:
    """What is malformed, the installation's own, or of an account that no role enters."""
    own: dict[str, Any] = {"objects": "s3://affidavit-evidence/x"}
    own["reserved_buckets"] = ("affidavit-backup",)
    settings = replace(owner.context.settings, **own)
    store = owner.context.store
    with pytest.raises(UsageError) as caught:
        tenants.bind(settings, store, OWN, tenants.Grant(**grant), by="test")
    assert says in caught.value.diagnostics()
    assert tenants.every(store) == []


@pytest.mark.parametrize("name", ["", "1", "11112222333", f"{OWN}/", f"{OWN}/mars", f"{OWN}/*"])
def test_a_tenant_is_an_account_and_perhaps_a_region(owner: Any, name: str) -> None:
    """Nothing else can be bound, shown or unbound."""
    with pytest.raises(UsageError, match="is not a tenant"):
        tenants.bind(owner.context.settings, owner.context.store, name, tenants.Grant(), by="t")
    with pytest.raises(UsageError, match="is not a tenant"):
        tenants.show(owner.context.store, name)


def test_unbinding_takes_away_what_hangs_on_it(owner: Any) -> None:
    """An account goes with its buckets and topics; all goes where nothing is named."""
    name, store = owner.caller.tenant, owner.context.store
    topic = f"arn:aws:sns:us-east-1:{MEMBER}:t"
    member = f"arn:aws:iam::{MEMBER}:role/R"
    buckets = {"bucket-1": OWN, "bucket-2": MEMBER}
    owner.bind(roles=[ROLE, member], report_buckets=buckets, topics=[topic])
    with pytest.raises(UsageError, match="is not bound"):
        tenants.unbind(store, name, tenants.Revocation(buckets=["bucket-3"]), by="test")
    left = tenants.unbind(store, name, tenants.Revocation(accounts=[MEMBER]), by="test")
    assert left is not None
    assert (set(left.accounts), set(left.buckets), left.topics) == ({OWN}, {"bucket-1"}, ())
    assert tenants.unbind(store, name, tenants.Revocation(), by="test") is None
    assert binding_of(store, name) is None
    with pytest.raises(UsageError, match="is not bound"):
        tenants.unbind(store, name, tenants.Revocation(), by="test")


def test_without_a_binding_no_account_is_entered(owner: Any) -> None:
    """Nothing is sent, and the reason says which command binds the account."""
    settings = aws_of(owner.context, owner.caller.tenant)
    with Door(settings) as door, pytest.raises(EstateError) as caught:
        door.enter(OWN)
    assert f"No role is bound for account {OWN}" in caught.value.what
    assert f"affidavit tenant bind {owner.caller.tenant} --role" in caught.value.what


# What a request may name, member by member: accounts, roles, buckets, topics, keys.

_SCOPE = "scope.awsAccounts[0].id"
_DESTINATION = "assessmentReportsDestination.destination"
_PLACES = (
    f"s3://arn:aws:s3:us-east-1:{OWN}:accesspoint/ap/x",
    "s3://own-ab12-s3alias/x",
    "s3://bound.s3.amazonaws.com/x",
    "s3://other-bucket/x",
    "s3://affidavit-backup/x",
    "s3://reports-bucket@other-bucket/x",
    "s3://reports-bucket:443/x",
    "s3://reports-bucket/../other-bucket/x",
    "s3://reports-bucket/./x",
    "s3:///x",
    "s3://127.0.0.1/x",
    "s3://Reports-Bucket/x",
)
"""Where no request may lead: other names, hosts, ports, users, access points, paths, ours."""


@pytest.fixture
def bound(owner: Any) -> Any:
    """Give an owner whose tenant is bound to two accounts and a bucket for each use."""
    topic, key = f"arn:aws:sns:eu-west-1:{MEMBER}:t", f"arn:aws:kms:eu-west-1:{MEMBER}:key/1"
    owner.bind(
        roles=[ROLE, f"arn:aws:iam::{MEMBER}:role/R"],
        evidence_buckets={"evidence-bucket": OWN},
        report_buckets={"reports-bucket": OWN},
        topics=[topic],
        keys=[key],
    )
    settings = replace(owner.context.settings, reserved_buckets=("affidavit-backup",))
    context = replace(owner.context, settings=settings)
    dispatcher = type(owner.dispatcher)(context)
    return replace(owner, context=context, dispatcher=dispatcher)


def _refused(call: Any, operation: str, member: str, **request: Any) -> None:
    with pytest.raises(ValidationFault) as caught:
        call(operation, **request)
    assert caught.value.reason == "fieldValidationFailed"
    assert member in [name for name, _ in caught.value.fields]
    assert OTHER not in caught.value.what


def _destination(url: str) -> dict[str, Any]:
    return {"destinationType": "S3", "destination": url}


def _new(shipped: Any, **members: Any) -> dict[str, Any]:
    return {
        "name": "n",
        "assessmentReportsDestination": _destination("s3://reports-bucket/audit"),
        "scope": {"awsAccounts": [{"id": OWN}]},
        "roles": [],
        "frameworkId": shipped.framework.uuid,
        **members,
    }


def test_accounts_in_scope_are_bound_ones(bound: Any, shipped: Any) -> None:
    """CreateAssessment and UpdateAssessment take bound accounts, and name any other one."""
    other = {"awsAccounts": [{"id": OTHER}]}
    _refused(bound, "CreateAssessment", _SCOPE, **_new(shipped, scope=other))
    both = {"awsAccounts": [{"id": OWN}, {"id": MEMBER}]}
    made = bound("CreateAssessment", **_new(shipped, scope=both))["assessment"]
    ask = {"assessmentId": made["metadata"]["id"]}
    _refused(bound, "UpdateAssessment", _SCOPE, **ask, scope=other)
    bound("UpdateAssessment", **ask, scope={"awsAccounts": [{"id": MEMBER}]})
    tenants.unbind(
        bound.context.store,
        bound.caller.tenant,
        tenants.Revocation(accounts=[OWN]),
        by="test",
    )
    _refused(bound, "UpdateAssessment", "scope.awsAccounts", **ask, scope={})


@pytest.mark.parametrize("url", _PLACES)
def test_s3_urls_lead_to_bound_buckets_only(
    bound: Any, shipped: Any, collected: Any, url: str
) -> None:
    """All six members with an S3 URL refuse every other place, by their own name."""
    made = bound("CreateAssessment", **_new(shipped))["assessment"]
    ask = {"assessmentId": made["metadata"]["id"], "scope": {}}
    there = _destination(url)
    new = _new(shipped, assessmentReportsDestination=there)
    _refused(bound, "CreateAssessment", _DESTINATION, **new)
    _refused(bound, "UpdateAssessment", _DESTINATION, **ask, assessmentReportsDestination=there)
    admin = bound.as_(role="admin")
    for member in ("defaultAssessmentReportsDestination", "defaultExportDestination"):
        _refused(admin, "UpdateSettings", f"{member}.destination", **{member: there})
    _refused(bound, "ValidateAssessmentReportIntegrity", "s3RelativePath", s3RelativePath=url)
    control = next(
        {"assessmentId": collected.assessment.id, "controlSetId": s.name, "controlId": c.uuid}
        for s in shipped.framework.control_sets
        for c in s.controls
    )
    item = {"s3ResourcePath": f"{url}.csv"}
    imported = bound("BatchImportEvidenceToAssessmentControl", **control, manualEvidence=[item])
    (error,) = imported["errors"]
    assert error["errorCode"] == "400"
    assert error["errorMessage"].startswith("Member must")
    tenant = bound.caller.tenant
    with objects_of(bound.context, tenant, "reports") as objects, pytest.raises(ObjectError):
        objects.fetch(url, bytes, 1)


def test_a_bucket_serves_what_it_is_bound_for(bound: Any, shipped: Any) -> None:
    """An evidence bucket takes no reports; a report bucket gives no evidence."""
    there = _destination("s3://evidence-bucket/audit")
    _refused(
        bound,
        "CreateAssessment",
        _DESTINATION,
        **_new(shipped, assessmentReportsDestination=there),
    )
    bound.as_(role="admin")(
        "UpdateSettings",
        defaultExportDestination=_destination("s3://reports-bucket"),
    )


def test_topics_and_keys_are_the_tenants_or_bound(
    bound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SnsTopic and kmsKey: of this account and Region, or bound; nothing of others'."""
    # What KMS answers is tested in test_data_keys.py; here nobody is asked.
    monkeypatch.setattr(TenantKeyring, "rewrap", lambda *_: None)
    admin = bound.as_(role="admin")
    for account, region in ((OTHER, "us-east-1"), (OWN, "eu-central-1"), (MEMBER, "us-east-1")):
        topic, key = f"arn:aws:sns:{region}:{account}:t", f"arn:aws:kms:{region}:{account}:key/1"
        _refused(admin, "UpdateSettings", "snsTopic", snsTopic=topic)
        _refused(admin, "UpdateSettings", "kmsKey", kmsKey=key)
        _refused(admin, "RegisterAccount", "kmsKey", kmsKey=key)
    for account, region in ((OWN, "us-east-1"), (MEMBER, "eu-west-1")):
        topic, key = f"arn:aws:sns:{region}:{account}:t", f"arn:aws:kms:{region}:{account}:key/1"
        admin("UpdateSettings", snsTopic=topic, kmsKey=key)
    swapped = f"arn:aws:kms:us-east-1:{OWN}:key/1"
    _refused(admin, "UpdateSettings", "snsTopic", snsTopic=swapped)


def test_identities_are_of_the_tenants_account(bound: Any, shipped: Any) -> None:
    """RoleArn of owners, default owners and delegations: an identity of another account is none."""
    stranger = f"arn:aws:iam::{OTHER}:role/AuditOwner"
    role = {"roleType": "PROCESS_OWNER", "roleArn": stranger}
    _refused(bound, "CreateAssessment", "roles[0].roleArn", **_new(shipped, roles=[role]))
    made = bound("CreateAssessment", **_new(shipped))["assessment"]
    ask = {"assessmentId": made["metadata"]["id"]}
    _refused(bound, "UpdateAssessment", "roles[0].roleArn", **ask, scope={}, roles=[role])
    admin = bound.as_(role="admin")
    _refused(
        admin, "UpdateSettings", "defaultProcessOwners[0].roleArn", defaultProcessOwners=[role]
    )
    request = {
        "controlSetId": shipped.framework.control_sets[0].name,
        "roleArn": stranger,
        "roleType": "RESOURCE_OWNER",
    }
    told = bound("BatchCreateDelegationByAssessment", **ask, createDelegationRequests=[request])
    assert len(told["errors"]) == 1
    assert bound("GetDelegations")["delegations"] == []


def test_resource_arns_are_the_tenants_own(stranger: Any, owner: Any, a_control: Any) -> None:
    """resourceArn: another's is as unknown as none, also with the caller's account in it."""
    theirs = a_control()["arn"]
    ours = theirs.replace(OWN, OTHER)
    nothing = f"{theirs.rpartition('/')[0]}/{UNKNOWN}"
    requests: list[tuple[str, dict[str, Any]]] = [
        ("ListTagsForResource", {}),
        ("TagResource", {"tags": {"a": "b"}}),
        ("UntagResource", {"tagKeys": ["a"]}),
    ]
    for operation, members in requests:
        for arn in (theirs, ours, nothing):
            with pytest.raises(NotFoundFault):
                stranger(operation, resourceArn=arn, **members)
    assert owner("ListTagsForResource", resourceArn=theirs)["tags"] == {}


def test_whether_an_account_is_a_tenant_is_not_told(
    bound: Any, stranger: Any, a_framework: Any
) -> None:
    """destinationAccount, adminAccountId, delegatedAdminAccount: the same answer for anybody."""
    framework = a_framework()["id"]
    answers = []
    for account in (OTHER, "999988887777"):
        share = bound(
            "StartAssessmentFrameworkShare",
            frameworkId=framework,
            destinationAccount=account,
            destinationRegion="us-east-1",
        )["assessmentFrameworkShareRequest"]
        answers.append({k: v for k, v in share.items() if k not in ("id", "destinationAccount")})
        region = "eu-west-1" if account == OTHER else "eu-west-2"
        elsewhere = bound.as_(role="admin", region=region)
        assert elsewhere("RegisterAccount", delegatedAdminAccount=account)["status"] == "ACTIVE"
        named = elsewhere("RegisterOrganizationAdminAccount", adminAccountId=account)
        assert named == {"adminAccountId": account}
    assert answers[0] == answers[1]
    for account in (OTHER, "999988887777"):
        with pytest.raises(NotFoundFault):
            bound.as_(role="admin")("DeregisterOrganizationAdminAccount", adminAccountId=account)
    assert stranger.as_(role="admin")("GetOrganizationAdminAccount") == {}


def test_the_organization_is_told_where_it_is_bound(owner: Any) -> None:
    """OrganizationId is answered beside the delegated administrator, never alone."""
    admin = owner.as_(role="admin")
    owner.bind(organization_id="o-a1b2c3d4e5")
    assert admin("GetOrganizationAdminAccount") == {}
    both = {"adminAccountId": MEMBER, "organizationId": "o-a1b2c3d4e5"}
    assert admin("RegisterOrganizationAdminAccount", adminAccountId=MEMBER) == both
    assert admin("GetOrganizationAdminAccount") == both
