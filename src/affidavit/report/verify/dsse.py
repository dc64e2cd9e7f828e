"""The DSSE envelope around the manifest (secure-systems-lab/dsse, protocol 1.0.2)."""

import base64
import binascii
import re
from typing import Any, NamedTuple

from .canonical import load_object
from .failure import VerificationError
from .note import Key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
_FORMAT = "urn:affidavit:assessment-report:"
PREDICATE = f"{_FORMAT}v5"
WITHOUT_SCOPE = f"{_FORMAT}v4"
"""The format before: every run is whole, and no event is left out because an earlier run has it."""
_ENVELOPE = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/=]*)","payloadType":"'
    + re.escape(PAYLOAD_TYPE.encode())
    + rb'","signatures":\[\{"keyid":"([0-9a-f]{8})","sig":"([A-Za-z0-9+/=]{1,200})"\}\]\}'
)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: what is really signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class Envelope(NamedTuple):
    """An envelope taken apart; nothing in it is known to be true yet."""

    payload: bytes
    key_id: str
    signature: bytes


def open_envelope(data: bytes, where: str) -> Envelope:
    """Return the parts of an envelope in exactly the bytes that we write; it is not parsed."""
    found = _ENVELOPE.fullmatch(data)
    if found is None:
        raise VerificationError(where, f"is not an envelope around {PAYLOAD_TYPE}, signed once")
    payload, key_id, signature = found.groups()
    return Envelope(_decode(payload, where), key_id.decode(), _decode(signature, where))


def check_envelope(envelope: Envelope, key: Key, name: str, where: str) -> None:
    """Return when `key` signed the payload under `name`."""
    if envelope.key_id != key.id(name).hex():
        raise VerificationError(
            where, f"is signed by the key {envelope.key_id}, not by {key.id(name).hex()} ({name})"
        )
    if not key.verifies(envelope.signature, pae(PAYLOAD_TYPE, envelope.payload)):
        raise VerificationError(where, "its signature does not hold: manifest or signature changed")


def statement(payload: bytes, where: str) -> tuple[dict[str, str], dict[str, Any], str]:
    """Return subjects (name to SHA-256), predicate and format of an in-toto statement."""
    value = load_object(payload, where)
    said = str(value.get("predicateType"))
    known = (PREDICATE, WITHOUT_SCOPE)
    if said.startswith(_FORMAT) and said not in known:
        takes = " and ".join(sorted(one.removeprefix(_FORMAT) for one in known))
        raise VerificationError(
            where,
            f"is of a report of format {said.removeprefix(_FORMAT)}, and this program verifies "
            f"{takes}: use the one of the version that made the report",
        )
    if value.get("_type") != STATEMENT or said not in known:
        raise VerificationError(where, "is not the statement of an assessment report")
    try:
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in value["subject"]}
        predicate = dict(value["predicate"])
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(where, "subjects or predicate are malformed") from error
    if len(subjects) != len(value["subject"]):
        raise VerificationError(where, "names a file twice")
    return subjects, predicate, said


def _decode(text: bytes, where: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(where, "holds what is not base64") from error
    if base64.b64encode(data) != text:
        raise VerificationError(where, "holds base64 that is not in its only proper form")
    return data
