"""KMS: keys of the place, by id, ARN or alias."""

from affidavit.demo.overlay.registry import Answer, AwsError, Call, answers
from affidavit.demo.schema_region import Key
from affidavit.demo.world import Place

_ROTATION_DAYS = 365
_DELETION_DAYS = 20


def _key(call: Call) -> tuple[Place, Key]:
    wanted = str(call.need("KeyId"))
    place = call.place
    for key in place.region.keys:
        arn = place.key_arn(key.alias)
        if wanted in {arn, arn.rpartition("/")[2], f"alias/{key.alias}"}:
            return place, key
    if wanted.startswith("arn:") and f":{place.account.id}:" not in wanted:
        raise AwsError("AccessDeniedException", f"The key policy of {wanted} does not allow it")
    raise AwsError("NotFoundException", f"Key '{wanted}' does not exist")


@answers("kms", "DescribeKey", honours=["KeyId"])
def describe_key(call: Call) -> Answer:
    """Answer with the key's metadata."""
    place, key = _key(call)
    arn = place.key_arn(key.alias)
    metadata = {
        "AWSAccountId": place.account.id,
        "KeyId": arn.rpartition("/")[2],
        "Arn": arn,
        "CreationDate": place.ago(key.age),
        "Enabled": key.state == "Enabled",
        "Description": key.alias,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state,
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    if key.state == "PendingDeletion":
        metadata["DeletionDate"] = place.ago(-_DELETION_DAYS)
    return {"KeyMetadata": metadata}


@answers("kms", "GetKeyRotationStatus", honours=["KeyId"])
def get_rotation(call: Call) -> Answer:
    """Answer with whether the key rotates."""
    place, key = _key(call)
    answer: Answer = {
        "KeyRotationEnabled": key.rotates,
        "KeyId": place.key_arn(key.alias).rpartition("/")[2],
    }
    if key.rotates:
        answer["RotationPeriodInDays"] = _ROTATION_DAYS
        answer["NextRotationDate"] = place.ago(key.age % _ROTATION_DAYS - _ROTATION_DAYS)
    return answer
