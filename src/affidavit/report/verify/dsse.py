"""The DSSE envelope around the manifest (secure-systems-lab/dsse, protocol 1.0.2)."""

import base64
import binascii
from typing import Any

from .canonical import load_object
from .failure import VerificationError
from .note import Key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:affidavit:assessment-report:v1"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: what is really signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def open_envelope(data: bytes, where: str) -> tuple[bytes, str, bytes]:
    """Return payload, key id and signature of an envelope in exactly the form that we write."""
    envelope = load_object(data, where)
    signatures = _one_signature(envelope.get("signatures"))
    if set(envelope) != {"payload", "payloadType", "signatures"} or not signatures:
        raise VerificationError(where, "is not an envelope with one signature")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise VerificationError(where, f"its payload is a {envelope['payloadType']!r}")
    return (
        _decode(envelope["payload"], where),
        str(signatures["keyid"]),
        _decode(signatures["sig"], where),
    )


def check_envelope(data: bytes, key: Key, name: str, where: str) -> bytes:
    """Return the payload when `key` signed it under `name`."""
    payload, key_id, signature = open_envelope(data, where)
    if key_id != key.id(name).hex():
        raise VerificationError(
            where, f"is signed by the key {key_id}, not by {key.id(name).hex()} ({name})"
        )
    if not key.verifies(signature, pae(PAYLOAD_TYPE, payload)):
        raise VerificationError(where, "its signature does not hold: manifest or signature changed")
    return payload


def statement(payload: bytes, where: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the subjects (name to SHA-256) and the predicate of an in-toto statement."""
    value = load_object(payload, where)
    if value.get("_type") != STATEMENT or value.get("predicateType") != PREDICATE:
        raise VerificationError(where, "is not the statement of an assessment report")
    try:
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in value["subject"]}
        predicate = dict(value["predicate"])
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(where, "subjects or predicate are malformed") from error
    if len(subjects) != len(value["subject"]):
        raise VerificationError(where, "names a file twice")
    return subjects, predicate


def _one_signature(signatures: Any) -> dict[str, Any]:
    """Return the only signature, or nothing where there is not exactly one."""
    if not isinstance(signatures, list) or len(signatures) != 1:
        return {}
    one = signatures[0]
    return one if isinstance(one, dict) and set(one) == {"keyid", "sig"} else {}


def _decode(text: Any, where: str) -> bytes:
    try:
        data = base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(where, "holds what is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise VerificationError(where, "holds base64 that is not in its only proper form")
    return data
