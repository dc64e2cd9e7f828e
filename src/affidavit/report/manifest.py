"""The manifest: an in-toto statement about every file, in a signed DSSE envelope.

in-toto Statement v1: https://github.com/in-toto/attestation; DSSE: secure-systems-lab/dsse.
"""

import base64
from collections.abc import Mapping
from typing import Any

from affidavit.ledger.checkpoint import VerifierKey
from affidavit.model.canonical import canonical
from affidavit.report.source import ReportSigner
from affidavit.report.verify.dsse import PAYLOAD_TYPE, PREDICATE, STATEMENT, pae


def statement(digests: Mapping[str, str], predicate: Mapping[str, Any]) -> bytes:
    """Return the statement about files (name to SHA-256, hexadecimal), canonical JSON."""
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(digests.items())
            ],
            "predicateType": PREDICATE,
            "predicate": predicate,
        }
    )


def envelope(payload: bytes, signer: ReportSigner, name: str) -> bytes:
    """Return the DSSE envelope of `payload`; the key's id is the one that it has as `name`."""
    key = VerifierKey(name, signer.public.raw)
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return canonical(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key.id.hex(), "sig": base64.b64encode(signature).decode()}],
        }
    )
