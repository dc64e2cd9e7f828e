"""Settings and services in scope."""

from typing import Any

import pytest

from affidavit.operations.faults import AccessDeniedFault, ValidationFault

TOPIC = "arn:aws:sns:us-east-1:111122223333:audit"


def test_a_new_account_has_defaults(admin: Any) -> None:
    """Nothing is sent, shared or deleted unless somebody says so."""
    assert admin("GetSettings", attribute="ALL")["settings"] == {
        "isAwsOrgEnabled": False,
        "snsTopic": "NONE",
        "kmsKey": "DEFAULT",
        "defaultProcessOwners": [],
        "evidenceFinderEnablement": {
            "enablementStatus": "DISABLED",
            "backfillStatus": "NOT_STARTED",
        },
        "deregistrationPolicy": {"deleteResources": "DEFAULT"},
    }


def test_settings_are_kept_and_chosen_by_attribute(admin: Any) -> None:
    """What is set is answered, alone or with all; what is not given stays."""
    s3 = {"destinationType": "S3", "destination": "s3://reports-of-ours"}
    owners = [{"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::111122223333:role/AuditOwner"}]
    given = {
        "snsTopic": TOPIC,
        "defaultProcessOwners": owners,
        "defaultAssessmentReportsDestination": s3,
        "defaultExportDestination": s3,
        "deregistrationPolicy": {"deleteResources": "ALL"},
    }
    answered = admin("UpdateSettings", **given)["settings"]
    assert given.items() <= answered.items()
    admin("UpdateSettings", kmsKey="DEFAULT")
    chosen = {
        "SNS_TOPIC": "snsTopic",
        "DEFAULT_PROCESS_OWNERS": "defaultProcessOwners",
        "DEFAULT_EXPORT_DESTINATION": "defaultExportDestination",
        "DEFAULT_ASSESSMENT_REPORTS_DESTINATION": "defaultAssessmentReportsDestination",
        "DEREGISTRATION_POLICY": "deregistrationPolicy",
    }
    for attribute, member in chosen.items():
        answer = admin("GetSettings", attribute=attribute)
        assert answer == {"settings": {member: given[member]}}
    assert admin("GetSettings", attribute="ALL")["settings"]["kmsKey"] == "DEFAULT"


def test_a_change_is_a_leaf_and_no_change_is_none(admin: Any) -> None:
    """The ledger tells what was set, once."""
    for _ in range(2):
        admin("UpdateSettings", snsTopic=TOPIC)
    told = [leaf for leaf in admin.leaves() if leaf["object_type"] == "SETTINGS"]
    assert [leaf["details"] for leaf in told] == [f'{{"snsTopic":"{TOPIC}"}}']


def test_the_evidence_finder_goes_on_off_and_on(admin: Any) -> None:
    """It is there at once, and comes back after it was switched off."""
    for enabled, status in ((True, "ENABLED"), (False, "DISABLED"), (True, "ENABLED")):
        answer = admin("UpdateSettings", evidenceFinderEnabled=enabled)["settings"]
        finder = answer["evidenceFinderEnablement"]
        assert finder["enablementStatus"] == status
        assert ("eventDataStoreArn" in finder) == enabled


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("snsTopic", "arn:aws:sns:us-east-1:444455556666:audit"),
        ("snsTopic", "arn:aws:sns:eu-west-1:111122223333:audit"),
        ("kmsKey", "arn:aws:kms:us-east-1:444455556666:key/5"),
        ("kmsKey", "arn:aws:kms:eu-west-1:111122223333:key/5"),
        ("defaultExportDestination", {"destinationType": "S3"}),
        (
            "defaultProcessOwners",
            [{"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::444455556666:role/x"}],
        ),
        (
            "defaultProcessOwners",
            [{"roleType": "RESOURCE_OWNER", "roleArn": "arn:aws:iam::111122223333:role/x"}],
        ),
    ],
)
def test_what_is_not_the_tenants_own_is_refused(admin: Any, member: str, value: Any) -> None:
    """A topic, key or owner of another account or Region is refused, and nothing is set."""
    before = admin("GetSettings", attribute="ALL")
    with pytest.raises(ValidationFault) as caught:
        admin(
            "UpdateSettings", **{member: value, "deregistrationPolicy": {"deleteResources": "ALL"}}
        )
    assert caught.value.fields[0][0].startswith(member)
    assert admin("GetSettings", attribute="ALL") == before


def test_only_an_administrator_changes_settings(owner: Any) -> None:
    """An owner reads settings and cannot change them."""
    owner("GetSettings", attribute="ALL")
    with pytest.raises(AccessDeniedFault):
        owner("UpdateSettings", kmsKey="DEFAULT")


def test_services_in_scope_are_those_of_the_keywords(owner: Any) -> None:
    """Every service that an API call keyword names is in scope, with words for people."""
    services = owner("GetServicesInScope")["serviceMetadata"]
    names = {service["name"] for service in services}
    keywords = owner("ListKeywordsForDataSource", source="AWS_API_Call")["keywords"]
    assert {keyword.split("_")[0] for keyword in keywords} <= names
    assert all(service[member] for service in services for member in ("displayName", "category"))
