"""Scan log objects: list them, run the kernel over them, gather findings and what is missing."""

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from os import cpu_count
from pathlib import Path
from typing import Any, Final

from affidavit import catalogue
from affidavit.aws.objects import OwnObjects
from affidavit.aws.own_logs import OwnLogs
from affidavit.aws.settings import AwsSettings
from affidavit.checks.events import event_names
from affidavit.errors import CollectError, UsageError
from affidavit.logscan import cluster, engine
from affidavit.logscan.cloudtrail import TrailSettings
from affidavit.logscan.detectors import Allowed, Detectors, DetectorSettings
from affidavit.logscan.digests import check_integrity
from affidavit.logscan.findings import ScanGap, Scanned, Totals
from affidavit.logscan.invocations import ScanSettings
from affidavit.logscan.journal import Journal, left
from affidavit.operations.scan_groups import Span, is_group, read, slices
from affidavit.operations.scan_output import ScanOutput
from affidavit.operations.trail_keys import read_public_keys

INVOCATION_KINDS: Final = ("pii", "profanity", "refusal", "guardrail", "unguarded")
LOCAL: Final = "local"
_MAX_OBJECT: Final = 2**31
"""Bytes of an object that is fetched: it is held in memory, compressed."""
_MIN_KEY: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What is to be scanned."""

    uris: tuple[str, ...]
    """Files, folders, s3:// prefixes and logs:// groups."""
    aws: AwsSettings = field(default_factory=AwsSettings)
    span: Span = field(default_factory=Span)
    """Which part of log groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """One scan."""

    where: Where
    look: ScanSettings | TrailSettings
    processes: int | None = None
    """Processes of the local engine, tasks of a cluster."""
    public_keys: Path | None = None
    """CloudTrail's, as `aws cloudtrail list-public-keys` prints them."""
    engine: str = LOCAL
    """`local`, or the Spark Connect URL of a cluster."""
    journal: Path | None = None
    """Where what was done is written down, for a scan that is killed and started again."""


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
    journal: Path | None = None,
) -> ScanSettings:
    """Return what to look for in invocation logs; `allowed` are own numbers and own domains.

    Raises `UsageError` for an unknown entity type or a short key. Without `key_file` the key is
    made for this scan, so hashes can be compared within it only, and a journal could not go on.
    """
    if journal is not None and key_file is None:
        raise UsageError(
            "A journal needs the key of the hashes",
            why="A scan that goes on would hash with another key than the one it goes on from.",
            todo="Give --key-file: 16 bytes or more that nobody can guess.",
        )
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
    work = _Work(request, outcome, objects, progress)
    with ScanOutput(show, parquet) as out:
        with (
            _journal(request) as journal,
            tempfile.TemporaryDirectory(prefix="affidavit-scan-") as folder,
        ):
            for number, one, lines in work.results(journal, Path(folder)):
                out.lines(lines)
                work.take(number, one)
        _integrity(request, work.trails, outcome, out)
    _kept_apart(work.references, objects, outcome)
    if isinstance(request.look, ScanSettings) and "pii" in request.look.kinds:
        types = DetectorSettings(entity_types=request.look.entity_types)
        outcome.not_looked_for = Detectors(types).not_looked_for
    if not outcome.gaps and (why := _nothing_read(objects, outcome.totals)):
        outcome.gaps.append(ScanGap(object_uri=" ".join(request.where.uris), why=why))
    return outcome


def _nothing_read(objects: Sequence[engine.Listed], totals: Totals) -> str:
    """Return why a scan without findings says nothing: there was nothing of its kind to read."""
    if not objects:
        return "there is nothing in it"
    if totals.foreign and not totals.records:
        return f"it holds no invocation record, but other values: {totals.foreign:,}"
    return ""


def _journal(request: ScanRequest) -> AbstractContextManager[Journal | None]:
    if request.journal is None:
        return nullcontext()
    return Journal(request.journal, request.look)


class _Work:
    """One scan under way."""

    def __init__(
        self,
        request: ScanRequest,
        outcome: Outcome,
        objects: Sequence[engine.Listed],
        progress: Callable[[int, int], object],
    ) -> None:
        self._request, self._outcome, self._objects = request, outcome, objects
        self._progress = progress
        self._total, self._done = sum(o.size for o in objects), 0
        progress(0, self._total)
        self.trails: list[Scanned] = []
        """Of CloudTrail files, whose hashes are compared at the end."""
        self.references: set[str] = set()

    def results(
        self, journal: Journal | None, folder: Path
    ) -> Iterator[tuple[int, Scanned, Iterator[str]]]:
        """Return number, result and findings of each object, in order: scanned, or known."""
        todo = left(journal, self._objects)
        fresh = self._scanned(todo, folder)
        known = {one.uri for one in self._objects} - {one.uri for one in todo}
        for number, listed in enumerate(self._objects):
            if journal is not None and listed.uri in known:
                yield number, *journal.again(listed)
                continue
            result = next(fresh)
            lines = result.lines() if journal is None else journal.add(listed, result)
            yield number, result.scanned, lines

    def _scanned(self, todo: Sequence[engine.Listed], folder: Path) -> Iterator[engine.Result]:
        request = self._request
        look = request.look
        if isinstance(look, TrailSettings) and request.journal is None:
            digests = any("/CloudTrail-Digest/" in one.uri for one in self._objects)
            look = replace(look, integrity=digests)
        elsewhere = any("://" in one.uri for one in todo)
        is_trail = isinstance(look, TrailSettings)
        reader = ObjectReader(request.where.aws, is_trail=is_trail) if elsewhere else None
        job = engine.Job(settings=look, spool=folder, read=reader)
        if request.engine != LOCAL:
            return cluster.results(request.engine, job, todo, request.processes)
        return engine.results(job, todo, request.processes or cpu_count() or 1)

    def take(self, number: int, one: Scanned) -> None:
        """Add one object's result to the outcome."""
        self._outcome.totals.add(one.totals)
        self._outcome.gaps.extend(one.gaps)
        self.references.update(one.references)
        if isinstance(self._request.look, TrailSettings):
            self.trails.append(one)
        self._done += self._objects[number].size
        self._progress(self._done, self._total)


def _listed(where: Where, gaps: list[ScanGap]) -> Iterator[engine.Listed]:
    """Return all objects, each once; a prefix that cannot be listed is a gap."""
    seen: set[str] = set()
    for uri in where.uris:
        try:
            for one in _objects_of(where, uri):
                if one.uri not in seen:
                    seen.add(one.uri)
                    yield one
        except CollectError as error:
            why = " ".join(error.diagnostics().split())
            gaps.append(ScanGap(object_uri=uri, why=why))


def _objects_of(where: Where, uri: str) -> Iterator[engine.Listed]:
    if is_group(uri):
        return slices(uri, where.span)
    return _in_s3(where.aws, uri) if uri.lower().startswith("s3://") else listed_files(uri)


def listed_files(uri: str) -> Iterator[engine.Listed]:
    """Return a file, or all files of a folder; raises `UsageError` where there is none."""
    path = Path(uri)
    if not path.exists():
        raise UsageError(f"{uri} does not exist", todo=_PLACES)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        about = file.stat()
        yield engine.Listed(uri=str(file), size=about.st_size, version=f"{about.st_mtime_ns}")


def _in_s3(aws: AwsSettings, uri: str) -> Iterator[engine.Listed]:
    with OwnObjects(aws) as objects:
        for url, size in objects.listed(uri):
            if not url.endswith("/"):
                yield engine.Listed(uri=url, size=size)


_PLACES: Final = "Name a file, a folder, s3://bucket/key or logs:///log/group."


class ObjectReader:
    """Reads S3 and log groups, with a client each in each process: only settings are handed on."""

    def __init__(self, aws: AwsSettings, *, is_trail: bool = False) -> None:
        self._aws, self._is_trail = aws, is_trail
        self._objects: OwnObjects | None = None
        self._logs: OwnLogs | None = None

    def __getstate__(self) -> tuple[AwsSettings, bool]:
        return self._aws, self._is_trail

    def __setstate__(self, state: tuple[AwsSettings, bool]) -> None:
        self._aws, self._is_trail = state
        self._objects = self._logs = None

    def __call__(self, uri: str) -> bytes:
        """Return the object's bytes; raises `CollectError`."""
        if is_group(uri):
            if self._logs is None:
                self._logs = OwnLogs(self._aws)
            return read(self._logs, uri, is_trail=self._is_trail)
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


def _integrity(
    request: ScanRequest, results: list[Scanned], outcome: Outcome, out: ScanOutput
) -> None:
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
