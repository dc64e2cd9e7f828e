"""CloudTrail's public keys from a file, as `aws cloudtrail list-public-keys` prints them."""

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from affidavit.errors import UsageError
from affidavit.logscan.public_keys import public_keys


def read_public_keys(path: Path) -> Mapping[str, RSAPublicKey]:
    """Return CloudTrail's public keys by fingerprint; `UsageError` for another file."""
    try:
        return public_keys(json.loads(path.read_bytes())["PublicKeyList"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} holds no public keys of CloudTrail",
            why=str(error),
            todo="Write them with: aws cloudtrail list-public-keys --output json",
        ) from error
