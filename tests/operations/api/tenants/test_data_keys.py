"""A tenant's data key under its own KMS key: through the bound role, and in no other way."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
import pytest

from affidavit.errors import StoreSealedError
from affidavit.operations.faults import ValidationFault
from affidavit.store.tenant_keys import LOCAL

OWN = "111122223333"


@pytest.fixture
def keyed(tenant: Any, admin: Any) -> Any:
    """Give the administrator of a bound tenant."""
    return replace(admin, context=tenant.context, dispatcher=tenant.dispatcher)


@pytest.fixture
def kms_key(keyed: Any, aws: Any) -> str:
    """Give the ARN of a new KMS key of the tenant's account, made by its role."""
    assert keyed
    role, external_id = next(iter(aws.external_ids.items()))
    with closing(aws.client("sts")) as sts:
        session = {"RoleArn": role, "ExternalId": external_id, "RoleSessionName": "key"}
        given = sts.assume_role(**session)["Credentials"]
    kms = boto3.client(
        "kms",
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    with closing(kms):
        arn = str(kms.create_key()["KeyMetadata"]["Arn"])
    aws.asked.clear()
    return arn


def test_a_data_key_is_wrapped_by_kms(keyed: Any, aws: Any, kms_key: str) -> None:
    """Setting kmsKey wraps the same data key anew: what was sealed before is read, by the role."""
    keyring, name = keyed.context.store.keyring, keyed.caller.tenant
    before = keyring.seal(name, "prompt", b"call me")
    keyed("UpdateSettings", kmsKey=kms_key)
    assert keyring.wrapped_by(name) == kms_key
    keyring._held.clear()
    assert keyring.unseal(name, "prompt", before) == b"call me"
    assert aws.server_key not in {key for key, _ in aws.of("kms")}
    assert aws.of("kms")
    keyed("UpdateSettings", kmsKey="DEFAULT")
    assert keyring.wrapped_by(name) == LOCAL
    aws.asked.clear()
    keyring._held.clear()
    assert keyring.unseal(name, "prompt", before) == b"call me"
    assert not aws.of("kms")


def test_a_key_that_cannot_be_used_is_refused(keyed: Any, kms_key: str) -> None:
    """A KMS key that is not there changes nothing, and the answer says what to do."""
    gone = kms_key.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    with pytest.raises(ValidationFault, match="kms:GenerateDataKey"):
        keyed("UpdateSettings", kmsKey=gone)
    keyring = keyed.context.store.keyring
    assert keyring.wrapped_by(keyed.caller.tenant) == LOCAL
    settings = keyed("GetSettings", attribute="ALL")["settings"]
    assert settings["kmsKey"] == "DEFAULT"


def test_without_a_role_no_key(admin: Any) -> None:
    """A tenant that is bound to no role cannot have its data key wrapped by KMS."""
    with pytest.raises(ValidationFault, match="cannot be used"):
        admin("UpdateSettings", kmsKey=f"arn:aws:kms:us-east-1:{OWN}:key/5")


def test_a_lost_key_seals_but_the_ledger_holds(keyed: Any, aws: Any, kms_key: str) -> None:
    """When the KMS key refuses, sealed things say which key and why; every leaf still verifies."""
    store, name = keyed.context.store, keyed.caller.tenant
    sealed = store.keyring.seal(name, "prompt", b"call me")
    keyed("UpdateSettings", kmsKey=kms_key)
    aws.denied.add("kms")
    try:
        store.keyring._held.clear()
        with pytest.raises(StoreSealedError, match=kms_key) as caught:
            store.keyring.unseal(name, "prompt", sealed)
        assert "kms:Decrypt" in caught.value.todo
        assert [log.leaves > 0 for log in store.verify(tenants=[name])] == [True]
    finally:
        aws.denied.discard("kms")
    assert store.keyring.unseal(name, "prompt", sealed) == b"call me"
