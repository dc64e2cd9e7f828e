"""Scan log objects: list them, run the kernel over them, gather findings and what is missing."""

import json
import secrets
import tempfile
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from affidavit import catalogue
from affidavit.aws.objects import OwnObjects
from affidavit.aws.settings import AwsSettings
from affidavit.checks.events import event_names
from affidavit.errors import CollectError, UsageError
from affidavit.logscan import engine
from affidavit.logscan.cloudtrail import TrailSettings
from affidavit.logscan.detectors import Allowed, Detectors, DetectorSettings
from affidavit.logscan.digests import check_integrity
from affidavit.logscan.findings import ScanGap, Scanned, Totals, arrow_schema
from affidavit.logscan.invocations import ScanSettings

if TYPE_CHECKING:
    import pyarrow.parquet as pq

INVOCATION_KINDS: Final = ("pii", "profanity", "refusal", "guardrail", "unguarded")
_MAX_OBJECT: Final = 2**31
"""Bytes of an object that is fetched: it is held in memory, compressed."""
_MIN_KEY: Final = 16
_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What is to be scanned."""

    uris: tuple[str, ...]
    """Files, folders and s3:// prefixes."""
    aws: AwsSettings = field(default_factory=AwsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """One scan."""

    where: Where
    look: ScanSettings | TrailSettings
    processes: int | None = None
    public_keys: Path | None = None
    """CloudTrail's, as `aws cloudtrail list-public-keys` prints them."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a scan gave; the findings themselves went out as they came."""

    totals: Totals = field(default_factory=Totals)
    gaps: list[ScanGap] = field(default_factory=list)
    proved: int = 0
    unsigned: int = 0
    not_looked_for: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """Return how many findings there were."""
        return self.totals.findings.total()


def invocation_settings(
    *,
    kinds: Sequence[str] = (),
    types: Sequence[str] = (),
    allowed: tuple[Sequence[str], Sequence[str]] = ((), ()),
    blocked_messages: Sequence[str] = (),
    key_file: Path | None = None,
) -> ScanSettings:
    """Return what to look for in invocation logs; `allowed` are own numbers and own domains.

    Raises `UsageError` for an unknown entity type or a short key. Without `key_file` the key is
    made for this scan, so hashes can be compared within it only.
    """
    key = key_file.read_bytes() if key_file else secrets.token_bytes(32)
    if len(key) < _MIN_KEY:
        raise UsageError(f"{key_file} is too short", why=f"A key has {_MIN_KEY} bytes at least.")
    chosen: dict[str, Any] = {}
    if types:
        chosen["entity_types"] = DetectorSettings(entity_types=frozenset(types)).entity_types
        chosen["min_score"] = 0.0
    if kinds:
        chosen["kinds"] = frozenset(kinds)
    return ScanSettings(
        key=key,
        allowed=Allowed(numbers=frozenset(allowed[0]), domains=frozenset(allowed[1])),
        blocked_messages=tuple(blocked_messages),
        **chosen,
    )


def trail_settings(
    *, events: Sequence[str] = (), read_only: bool | None = None, errors_only: bool = False
) -> TrailSettings:
    """Return what to look for in CloudTrail files; without `events` what the controls name."""
    for event in events:
        source, _, name = event.partition(":")
        if not source or not name:
            raise UsageError(
                f"{event!r} names no event", todo="Write bedrock.amazonaws.com:UpdateGuardrail."
            )
    wanted = frozenset(events) or framework_events()
    return TrailSettings(events=wanted, read_only=read_only, errors_only=errors_only)


def framework_events() -> frozenset[str]:
    """Return the events that the framework's controls name, as `source:name`."""
    found = set()
    for service, name in event_names(catalogue.load()):
        found.add(f"{service}.amazonaws.com:{name}")
        if service == "bedrock":
            found.add(f"bedrock-agent.amazonaws.com:{name}")
    return frozenset(found)


def scan(
    request: ScanRequest,
    *,
    show: Callable[[str], object] | None = None,
    parquet: Path | None = None,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> Outcome:
    """Scan; `show` is given each finding as a line of JSON, `progress` bytes done and in all.

    What cannot be listed or read is a gap of the outcome, and the rest is scanned. Raises
    `UsageError` for a path that is not there.
    """
    outcome = Outcome()
    objects = list(_listed(request.where, outcome.gaps))
    total, done = sum(o.size for o in objects), 0
    results: list[Scanned] = []
    references: set[str] = set()
    with (
        tempfile.TemporaryDirectory(prefix="affidavit-scan-") as folder,
        _Out(show, parquet) as out,
    ):
        look = request.look
        if isinstance(look, TrailSettings):
            digests = any("/CloudTrail-Digest/" in one.uri for one in objects)
            look = replace(look, integrity=digests)
        job = engine.Job(settings=look, spool=Path(folder), read=_Reader(request.where.aws))
        for number, one in engine.run(job, objects, request.processes or cpu_count() or 1):
            outcome.totals.add(one.totals)
            outcome.gaps.extend(one.gaps)
            references.update(one.references)
            if isinstance(request.look, TrailSettings):
                results.append(one)
            out.spooled(engine.spool_file(Path(folder), number))
            done += objects[number].size
            progress(done, total)
        _integrity(request, results, outcome, out)
    _kept_apart(references, objects, outcome)
    if isinstance(request.look, ScanSettings) and "pii" in request.look.kinds:
        types = DetectorSettings(entity_types=request.look.entity_types)
        outcome.not_looked_for = Detectors(types).not_looked_for
    if not objects and not outcome.gaps:
        outcome.gaps.append(
            ScanGap(object_uri=" ".join(request.where.uris), why="there is nothing in it")
        )
    return outcome


def _listed(where: Where, gaps: list[ScanGap]) -> Iterator[engine.Listed]:
    """Return all objects, each once; a prefix that cannot be listed is a gap."""
    seen: set[str] = set()
    for uri in where.uris:
        try:
            found = _in_s3(where.aws, uri) if uri.lower().startswith("s3://") else _in_files(uri)
            for one in found:
                if one.uri not in seen:
                    seen.add(one.uri)
                    yield one
        except CollectError as error:
            why = " ".join(error.diagnostics().split())
            gaps.append(ScanGap(object_uri=uri, why=why))


def _in_files(uri: str) -> Iterator[engine.Listed]:
    path = Path(uri)
    if not path.exists():
        raise UsageError(f"{uri} does not exist", todo="Name a file, a folder or s3://bucket/key.")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        yield engine.Listed(uri=str(file), size=file.stat().st_size)


def _in_s3(aws: AwsSettings, uri: str) -> Iterator[engine.Listed]:
    with OwnObjects(aws) as objects:
        for url, size in objects.listed(uri):
            if not url.endswith("/"):
                yield engine.Listed(uri=url, size=size)


class _Reader:
    """Reads objects in S3, with one client in each process: only the settings are handed on."""

    def __init__(self, aws: AwsSettings) -> None:
        self._aws = aws
        self._objects: OwnObjects | None = None

    def __getstate__(self) -> AwsSettings:
        return self._aws

    def __setstate__(self, state: AwsSettings) -> None:
        self._aws, self._objects = state, None

    def __call__(self, uri: str) -> bytes:
        if self._objects is None:
            self._objects = OwnObjects(self._aws)
        return self._objects.read(uri, _MAX_OBJECT)


def _kept_apart(references: set[str], objects: Sequence[engine.Listed], outcome: Outcome) -> None:
    """Name bodies that records refer to and that were not among the scanned objects."""
    scanned = {_tail(one.uri) for one in objects}
    for uri in sorted(references):
        if _tail(uri) not in scanned:
            why = "it is a body that a record refers to, and was not among the scanned objects"
            outcome.gaps.append(ScanGap(object_uri=uri, why=why))


def _tail(uri: str) -> str:
    at = uri.rfind("AWSLogs/")
    return uri[at:] if at >= 0 else uri.rpartition("/data/")[2]


def _integrity(request: ScanRequest, results: list[Scanned], outcome: Outcome, out: "_Out") -> None:
    """Compare digest files with log files, where there are digest files."""
    if not any(one.digest for one in results):
        return
    keys = read_public_keys(request.public_keys) if request.public_keys else {}
    found = check_integrity(results, keys)
    outcome.gaps.extend(found.gaps)
    outcome.proved, outcome.unsigned = found.proved, found.unsigned
    for finding in found.findings:
        outcome.totals.findings[f"integrity - {finding.entity_type}"] += 1
        out.row(finding.to_json())


def read_public_keys(path: Path) -> Mapping[str, RSAPublicKey]:
    """Return CloudTrail's public keys by fingerprint; `UsageError` for another file."""
    try:
        listed = json.loads(path.read_bytes())["PublicKeyList"]
        keys = {}
        for one in listed:
            key = load_der_public_key(_spki(b64decode(one["Value"])))
            if isinstance(key, RSAPublicKey):
                keys[one["Fingerprint"]] = key
    except (OSError, ValueError, KeyError, TypeError, Base64Error) as error:
        raise UsageError(
            f"{path} holds no public keys of CloudTrail",
            why=str(error),
            todo="Write them with: aws cloudtrail list-public-keys --output json",
        ) from error
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


class _Out:
    """Where findings go: lines and a Parquet file, in pieces."""

    def __init__(self, show: Callable[[str], object] | None, parquet: Path | None) -> None:
        self._show, self._path = show, parquet
        self._rows: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self._path, arrow_schema(), compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def spooled(self, path: Path) -> None:
        """Pass on what one object's spool file holds, and remove it."""
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                self._line(line)
        path.unlink()

    def row(self, row: dict[str, Any]) -> None:
        """Pass on one finding."""
        self._line(json.dumps(row) + "\n")

    def _line(self, line: str) -> None:
        if self._show is not None:
            self._show(line)
        if self._writer is not None:
            self._rows.append(json.loads(line))
            if len(self._rows) >= _ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._writer is not None and self._rows:
            import pyarrow as pa

            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=arrow_schema()))
            self._rows = []
