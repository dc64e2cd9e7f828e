"""KMS: data keys are made and opened by a tenant's own KMS key, through the tenant's bound role.

Only GenerateDataKey and Decrypt are used, with the tenant in the encryption context: a wrapped key
of one tenant cannot be opened as another's, and CloudTrail shows whose key was opened.
"""

import re
import threading
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError, ObjectError, StoreSealedError

_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):.+")
_CONTEXT: Final = "affidavit:tenant"


class KeyService:
    """The KMS keys that one tenant may use; close it."""

    def __init__(self, settings: AwsSettings, tenant: str) -> None:
        """Take how AWS is reached on the tenant's behalf."""
        self._tenant = tenant
        self._clients = Clients(settings)
        limits = Limits(
            settings.requests_per_second, threading.Event(), settings.lookups_per_second
        )
        self._accounts = Accounts(settings, self._clients, limits)

    def close(self) -> None:
        """Close the connections."""
        self._clients.close()

    def generate(self, key: str) -> tuple[bytes, bytes]:
        """Return a new data key, and the same wrapped under the KMS key of this ARN."""
        answer = self._call(key, "GenerateDataKey", KeyId=key, KeySpec="AES_256")
        return answer["Plaintext"], answer["CiphertextBlob"]

    def decrypt(self, key: str, wrapped: bytes) -> bytes:
        """Return a data key that the KMS key of this ARN wrapped."""
        answer = self._call(key, "Decrypt", KeyId=key, CiphertextBlob=wrapped)
        return bytes(answer["Plaintext"])

    def _call(self, key: str, operation: str, **members: Any) -> dict[str, Any]:
        found = _ARN.fullmatch(key)
        if found is None:
            raise ObjectError(f"{key!r} is not the ARN of a KMS key")
        try:
            access = self._accounts.access(found["account"])
            lent = self._clients.use(access.session, found["account"], found["region"], "kms")
            with lent as client:
                method = {"GenerateDataKey": "generate_data_key", "Decrypt": "decrypt"}[operation]
                context = {_CONTEXT: self._tenant}
                answer: dict[str, Any] = getattr(client, method)(
                    EncryptionContext=context, **members
                )
                return answer
        except CollectError as error:
            raise _unusable(key, self._tenant, error.in_a_line) from error
        except (ClientError, BotoCoreError) as error:
            raise _unusable(key, self._tenant, str(error)) from error


def _unusable(key: str, tenant: str, why: str) -> StoreSealedError:
    return StoreSealedError(
        f"The KMS key {key} of {tenant} cannot be used",
        why=why,
        todo="Enable the key, and let the tenant's bound role use kms:GenerateDataKey and "
        "kms:Decrypt with it (key policy or grant). What is sealed under it can be read again "
        "then; the ledger verifies without it.",
    )
