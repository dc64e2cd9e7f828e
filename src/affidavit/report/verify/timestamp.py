"""RFC 3161 time stamps, as far as the standard library and cryptography go.

Checked: the stamp is of exactly these bytes (message imprint), the signed attributes are of exactly
this stamp, and the certificate in the stamp signed them. Not checked: whether that certificate
belongs to whom one trusts; that needs the issuer's root, and is said in the summary.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from .failure import VerificationError

NAME = "timestamp.tsr"
MAX_STAMP = 2**20
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_HASHES: dict[bytes, tuple[str, type[hashes.HashAlgorithm]]] = {
    bytes.fromhex("608648016503040201"): ("sha256", hashes.SHA256),
    bytes.fromhex("608648016503040202"): ("sha384", hashes.SHA384),
    bytes.fromhex("608648016503040203"): ("sha512", hashes.SHA512),
}
_SEQUENCE, _SET, _OCTETS, _OID, _TIME, _CONTEXT0 = 0x30, 0x31, 0x04, 0x06, 0x18, 0xA0
_LONG_FORM = 0x80
_UNREADABLE = (
    *(IndexError, ValueError, StopIteration, TypeError),
    *(UnsupportedAlgorithm, x509.InvalidVersion),
)
"""What parsing hostile DER may raise."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a time stamp says."""

    time: datetime
    issuer: str
    """Subject of the certificate that signed; empty where the stamp holds none. Unproved."""


@dataclass(frozen=True, slots=True)
class _Node:
    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list["_Node"]:
        return list(_nodes(self.content))


def check_stamp(data: bytes, stamped: bytes) -> Stamp:
    """Return what the stamp says, once it is known to be of `stamped` and sound in itself."""
    try:
        return _check(data, stamped)
    except _UNREADABLE as error:
        raise VerificationError(NAME, f"is not a readable time stamp ({error})") from error


def _nodes(data: bytes) -> Iterator[_Node]:
    position = 0
    while position < len(data):
        start, tag, length = position, data[position], data[position + 1]
        position += 2
        if length >= _LONG_FORM:
            width = length - _LONG_FORM
            length = int.from_bytes(data[position : position + width], "big")
            position += width
        end = position + length
        if end > len(data):
            raise ValueError("DER is cut short")
        yield _Node(tag, data[position:end], data[start:end])
        position = end


def _one(nodes: list[_Node], tag: int) -> _Node:
    return next(node for node in nodes if node.tag == tag)


def _check(data: bytes, stamped: bytes) -> Stamp:
    outer = next(_nodes(data)).children()
    info = outer if outer[0].tag == _OID else outer[1].children()
    if info[0].content != _SIGNED_DATA:
        raise ValueError("not SignedData")
    signed = info[1].children()[0].children()
    content = _one(signed, _SEQUENCE).children()
    if content[0].content != _TST_INFO:
        raise ValueError("not a TSTInfo")
    token = content[1].children()[0].content
    time = _check_imprint(token, stamped)
    certificates = [
        x509.load_der_x509_certificate(node.whole)
        for group in signed[2:-1]
        if group.tag == _CONTEXT0
        for node in group.children()
        if node.tag == _SEQUENCE
    ]
    signer = signed[-1].children()[0].children()
    return Stamp(time, _check_signer(signer, token, certificates))


def _check_imprint(token: bytes, stamped: bytes) -> datetime:
    members = next(_nodes(token)).children()
    imprint = _one(members, _SEQUENCE).children()
    name, _ = _hash_of(imprint[0])
    if hashlib.new(name, stamped).digest() != imprint[1].content:
        raise VerificationError(NAME, "is not the time stamp of this checkpoint")
    text = _one(members, _TIME).content.decode("ascii").removesuffix("Z")
    whole, _, fraction = text.partition(".")
    time = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return time.replace(microsecond=int(fraction.ljust(6, "0")[:6])) if fraction else time


def _hash_of(algorithm: _Node) -> tuple[str, type[hashes.HashAlgorithm]]:
    oid = algorithm.children()[0].content
    if oid not in _HASHES:
        raise ValueError(f"unknown hash {oid.hex()}")
    return _HASHES[oid]


def _check_signer(signer: list[_Node], token: bytes, certificates: list[x509.Certificate]) -> str:
    """Return the subject of the certificate that signed, or nothing where the stamp has none."""
    name, kind = _hash_of(signer[2])
    attributes = _one(signer, _CONTEXT0)
    digests = [
        a.children()[1].children()[0].content
        for a in attributes.children()
        if a.children()[0].content == _MESSAGE_DIGEST
    ]
    if digests != [hashlib.new(name, token).digest()]:
        raise VerificationError(NAME, "was changed: it is not what its issuer signed")
    signature = _one(signer[4:], _OCTETS).content
    message = bytes([_SET]) + attributes.whole[1:]
    for certificate in certificates:
        if _signed_by(certificate, signature, message, kind()):
            return certificate.subject.rfc4514_string()
    if not certificates:
        return ""
    raise VerificationError(NAME, "its signature is of none of the certificates in it")


def _signed_by(
    certificate: x509.Certificate, signature: bytes, message: bytes, kind: hashes.HashAlgorithm
) -> bool:
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), kind)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(kind))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            return False
    except InvalidSignature:
        return False
    return True
