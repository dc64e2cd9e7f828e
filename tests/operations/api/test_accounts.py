"""Registration and the delegated administrator."""

from typing import Any

import pytest

from affidavit.operations.accounts import NOT_SET_UP, is_management_account
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault
from affidavit.store.tenant_keys import TenantKeyring

OTHER = "999900001111"


def test_registration_is_by_region(installation: Any) -> None:
    """An account is registered in one Region and not in the others."""
    admin = installation.as_(role="admin")
    assert admin("GetAccountStatus") == {"status": "INACTIVE"}
    assert admin("RegisterAccount") == {"status": "ACTIVE"}
    assert admin("GetAccountStatus") == {"status": "ACTIVE"}
    assert admin.as_(region="eu-west-1")("GetAccountStatus") == {"status": "INACTIVE"}


def test_registering_again_changes_nothing(admin: Any) -> None:
    """A second registration is no act: no document and no leaf."""
    before = admin.leaves()
    assert admin("RegisterAccount") == {"status": "ACTIVE"}
    assert admin.leaves() == before
    assert [leaf["object_type"] for leaf in before] == ["ACCOUNT"]


def test_registration_takes_a_key_and_an_administrator(
    installation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key stands in the settings then, and the delegated administrator is designated."""
    # What KMS answers is tested in tenants/test_data_keys.py; here nobody is asked.
    monkeypatch.setattr(TenantKeyring, "rewrap", lambda *_: None)
    key = "arn:aws:kms:us-east-1:111122223333:key/1"
    admin = installation.as_(role="admin")
    admin("RegisterAccount", kmsKey=key, delegatedAdminAccount=OTHER)
    assert admin("GetSettings", attribute="ALL")["settings"]["kmsKey"] == key
    assert admin("GetOrganizationAdminAccount") == {"adminAccountId": OTHER}
    assert is_management_account(admin.context, admin.caller.tenant)


def test_deregistration_closes_the_account_until_it_comes_back(admin: Any, a_control: Any) -> None:
    """A deregistered account is answered like one that never registered; its controls stay."""
    control = a_control()
    assert admin("DeregisterAccount") == {"status": "INACTIVE"}
    assert admin("GetAccountStatus") == {"status": "INACTIVE"}
    with pytest.raises(AccessDeniedFault, match="complete AWS Audit Manager setup") as caught:
        admin("GetControl", controlId=control["id"])
    assert caught.value.what == NOT_SET_UP
    admin("RegisterAccount")
    assert admin("GetControl", controlId=control["id"])["control"]["name"] == "Own control"


def test_deletion_waits_a_week_and_is_called_off(admin: Any) -> None:
    """With the policy ALL the day of deletion is kept; coming back takes it away."""
    admin("UpdateSettings", deregistrationPolicy={"deleteResources": "ALL"})
    admin("DeregisterAccount")
    documents = admin.context.store.documents
    body = documents.get(admin.caller.tenant, "account", "account").body
    assert body["_deleteAfter"] == "2026-03-08T12:00:00.250000Z"
    admin("RegisterAccount")
    assert "_deleteAfter" not in documents.get(admin.caller.tenant, "account", "account").body


def test_there_is_exactly_one_delegated_administrator(admin: Any) -> None:
    """The same again is fine, another is refused in Audit Manager's words, until taken back."""
    assert admin("GetOrganizationAdminAccount") == {}
    assert not admin("GetSettings", attribute="ALL")["settings"]["isAwsOrgEnabled"]
    for _ in range(2):
        answer = admin("RegisterOrganizationAdminAccount", adminAccountId=OTHER)
        assert answer == {"adminAccountId": OTHER}
    assert admin("GetSettings", attribute="IS_AWS_ORG_ENABLED") == {
        "settings": {"isAwsOrgEnabled": True}
    }
    text = f"Cannot change delegated Admin for an active account 111122223333 from {OTHER} to "
    with pytest.raises(ValidationFault, match=text):
        admin("RegisterOrganizationAdminAccount", adminAccountId="222200001111")
    with pytest.raises(NotFoundFault):
        admin("DeregisterOrganizationAdminAccount", adminAccountId="222200001111")
    assert admin("DeregisterOrganizationAdminAccount") == {}
    assert admin("GetOrganizationAdminAccount") == {}
    with pytest.raises(NotFoundFault):
        admin("DeregisterOrganizationAdminAccount")


def test_nobody_is_their_own_delegate(admin: Any) -> None:
    """The management account cannot designate itself."""
    with pytest.raises(ValidationFault):
        admin("RegisterOrganizationAdminAccount", adminAccountId="111122223333")
