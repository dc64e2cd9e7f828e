"""CloudTrail's log file integrity: digest files against log files, their chain and signatures.

From AWS's documentation ("CloudTrail digest file structure", "Custom implementations of CloudTrail
log file integrity validation"): hashes are SHA-256 of the uncompressed files; the signature is RSA
PKCS #1 v1.5 with SHA-256 over end time, bucket/key, hash of the digest and the signature before it.
"""

import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned

_RSA: Final = "SHA256withRSA"
_BACKFILL: Final = "_backfill.json.gz"


class _LogFile(msgspec.Struct, kw_only=True):
    s3Bucket: str  # noqa: N815 - AWS's word
    s3Object: str  # noqa: N815 - AWS's word
    hashValue: str  # noqa: N815 - AWS's word
    hashAlgorithm: str = "SHA-256"  # noqa: N815 - AWS's word


class _Digest(msgspec.Struct, kw_only=True):
    awsAccountId: str  # noqa: N815 - AWS's word
    digestStartTime: str  # noqa: N815 - AWS's word
    digestEndTime: str  # noqa: N815 - AWS's word
    digestS3Bucket: str  # noqa: N815 - AWS's word
    digestS3Object: str  # noqa: N815 - AWS's word
    digestPublicKeyFingerprint: str = ""  # noqa: N815 - AWS's word
    digestSignatureAlgorithm: str = _RSA  # noqa: N815 - AWS's word
    previousDigestS3Object: str | None = None  # noqa: N815 - AWS's word
    previousDigestHashValue: str | None = None  # noqa: N815 - AWS's word
    previousDigestSignature: str | None = None  # noqa: N815 - AWS's word
    logFiles: list[_LogFile] = msgspec.field(default_factory=list)  # noqa: N815 - AWS's word


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What the digests say."""

    findings: tuple[ScanFinding, ...] = ()
    gaps: tuple[ScanGap, ...] = ()
    proved: int = 0
    """Log files whose hash is the one of a digest with a verified signature."""
    unsigned: int = 0
    """Log files that agree with a digest whose signature could not be verified here."""
    proved_files: frozenset[str] = frozenset()
    """The URIs of the proved ones."""
    begins: Mapping[str, str] = field(default_factory=dict)
    """URIs of the digests whose predecessor was not scanned, with that one's key."""
    until: str = ""
    """The time up to which there are digests, as the last one says; empty: there is none."""


class _Check:
    """One comparison of all digests with all files of a scan."""

    def __init__(self, scanned: Sequence[Scanned], keys: Mapping[str, RSAPublicKey]) -> None:
        self._keys = keys
        self._files = {_key_of(one.object_uri): one for one in scanned if not one.digest}
        self._findings: list[ScanFinding] = []
        self._gaps: list[ScanGap] = []
        self._digests: dict[str, tuple[_Digest, bytes, str]] = {}
        self._proved: set[str] = set()
        self._begins: dict[str, str] = {}
        self._unsigned = 0
        for one in scanned:
            if one.digest:
                self._load(one)

    def run(self) -> Integrity:
        """Check every digest; return what is wrong."""
        following = {d.previousDigestS3Object: d for d, _, _ in self._digests.values()}
        for digest, content, uri in self._digests.values():
            if _key_of(uri) != _tail(digest.digestS3Object):
                self._finding(uri, "DIGEST_MOVED", digest.digestS3Object)
            self._previous(digest, uri)
            self._log_files(digest, uri, signed=self._signed(digest, content, uri, following))
        return Integrity(
            findings=tuple(self._findings),
            gaps=tuple(self._gaps),
            proved=len(self._proved),
            proved_files=frozenset(self._proved),
            unsigned=self._unsigned,
            begins=self._begins,
            until=max((d.digestEndTime for d in self._hourly()), default=""),
        )

    def _hourly(self) -> Iterator[_Digest]:
        """Yield the digests that come each hour, whatever is in them."""
        return (d for key, (d, _, _) in self._digests.items() if not is_backfill(key))

    def _load(self, one: Scanned) -> None:
        try:
            digest = msgspec.json.decode(one.digest, type=_Digest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._finding(one.object_uri, "DIGEST_DAMAGED", "it is not a digest file")
            return
        self._digests[digest.digestS3Object] = (digest, one.digest, one.object_uri)

    def _signed(
        self,
        digest: _Digest,
        content: bytes,
        uri: str,
        following: Mapping[str | None, _Digest],
    ) -> bool:
        """Return whether the signature, which the next digest repeats, is verified."""
        after = following.get(digest.digestS3Object)
        key = self._keys.get(digest.digestPublicKeyFingerprint)
        if after is None or after.previousDigestSignature is None:
            self._gap(uri, "its signature was not verified: no digest after it was scanned")
            return False
        if key is None or digest.digestSignatureAlgorithm != _RSA:
            self._gap(uri, "its signature was not verified: its public key was not given")
            return False
        try:
            verify_signature(content, digest, after.previousDigestSignature, key)
        except (InvalidSignature, binascii.Error):
            self._finding(uri, "DIGEST_SIGNATURE", "the signature does not hold")
            return False
        return True

    def _previous(self, digest: _Digest, uri: str) -> None:
        before = digest.previousDigestS3Object
        if before is None:
            return
        known = self._digests.get(before)
        if known is None:
            self._begins[uri] = before
            self._gap(uri, "the digest before it was not scanned: the chain begins here")
        elif hashlib.sha256(known[1]).hexdigest() != digest.previousDigestHashValue:
            self._finding(known[2], "DIGEST_ALTERED", "its hash is not the one of the next digest")

    def _log_files(self, digest: _Digest, uri: str, *, signed: bool) -> None:
        for file in digest.logFiles:
            one = self._files.get(_tail(file.s3Object))
            if one is None:
                self._finding(uri, "LOG_FILE_MISSING", f"s3://{file.s3Bucket}/{file.s3Object}")
            elif not one.sha256:
                self._gap(one.object_uri, "its hash was not compared: it was not read whole")
            elif one.sha256 != file.hashValue:
                self._finding(one.object_uri, "LOG_FILE_ALTERED", f"the digest {uri} says so")
            elif signed:
                self._proved.add(one.object_uri)
            else:
                self._unsigned += 1

    def _finding(self, uri: str, what: str, detail: str) -> None:
        self._findings.append(
            ScanFinding(kind="integrity", entity_type=what, object_uri=uri, excerpt=detail)
        )

    def _gap(self, uri: str, why: str) -> None:
        self._gaps.append(ScanGap(object_uri=uri, why=why))


def is_backfill(key: str) -> bool:
    """Tell whether a digest is one of files that came late: these are a chain of their own."""
    return key.endswith(_BACKFILL)


def check_integrity(scanned: Sequence[Scanned], keys: Mapping[str, RSAPublicKey]) -> Integrity:
    """Compare the digests among the scanned objects with the log files among them.

    `keys` are CloudTrail's public keys by fingerprint (`aws cloudtrail list-public-keys`). Files
    are matched by their whole key below `AWSLogs/`, so a copy of a bucket in a folder will do.
    """
    return _Check(scanned, keys).run()


def verify_signature(content: bytes, digest: _Digest, signature: str, key: RSAPublicKey) -> None:
    """Raise `InvalidSignature` where the hexadecimal signature does not hold for the digest."""
    text = "\n".join(
        [
            digest.digestEndTime,
            f"{digest.digestS3Bucket}/{digest.digestS3Object}",
            hashlib.sha256(content).hexdigest(),
            digest.previousDigestSignature or "null",
        ]
    )
    key.verify(binascii.unhexlify(signature), text.encode(), PKCS1v15(), hashes.SHA256())


def _key_of(uri: str) -> str:
    """Return the key from `AWSLogs/` on, by which copies are recognised."""
    return _tail(uri.partition("://")[2].partition("/")[2] if "://" in uri else uri)


def _tail(key: str) -> str:
    at = key.find("AWSLogs/")
    return key[at:] if at >= 0 else key
