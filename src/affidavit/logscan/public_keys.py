"""CloudTrail's public keys, as ListPublicKeys gives them."""

from base64 import b64decode
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def public_keys(listed: Iterable[Mapping[str, str]]) -> Mapping[str, RSAPublicKey]:
    """Return the RSA keys of a PublicKeyList by fingerprint.

    Raises `ValueError`, `KeyError` or `TypeError` for what is no such list.
    """
    keys = {}
    for one in listed:
        key = load_der_public_key(_spki(b64decode(one["Value"])))
        if isinstance(key, RSAPublicKey):
            keys[one["Fingerprint"]] = key
    return keys


def _spki(der: bytes) -> bytes:
    """Return a PKCS #1 key, as CloudTrail gives it, in the frame that RFC 5280 has for keys."""
    if der[:1] != b"\x30" or b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" in der[:30]:
        return der
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    bits = b"\x03" + _length(len(der) + 1) + b"\0" + der
    return b"\x30" + _length(len(algorithm) + len(bits)) + algorithm + bits


def _length(number: int) -> bytes:
    if number < 0x80:  # noqa: PLR2004 - DER's short form
        return bytes([number])
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(body)]) + body
