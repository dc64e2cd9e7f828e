"""Logs in an account's own buckets and log groups, read with its collecting role.

Which bucket or group is read follows from the account's own answers (its logging configuration, its
trails) or from what an administrator bound; this module reads what it is told. Every request goes
through the pace, the patience and the trace of the door, so that what is made of the logs has the
same proof as any other answer. What was refused is raised as `NotReadError`, with the reason of the
gap that it becomes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws import peers
from affidavit.aws.asking import Means
from affidavit.aws.clients import trusts_usual_authorities
from affidavit.aws.deadline import within
from affidavit.aws.errors import PARSER_TROUBLE, UNREADABLE, trouble
from affidavit.aws.identity import Access
from affidavit.aws.objects import bucket_problem
from affidavit.aws.settings import TOOL
from affidavit.aws.trace import Trace
from affidavit.errors import CollectError
from affidavit.model.observation import GapReason, Proof

_CHUNK: Final = 2**20
_MOST_IDS: Final = 100
"""Request ids that a proof names: the first ones; a day's log may take thousands of requests."""
_ACTIONS: Final = {
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "FilterLogEvents": "logs:FilterLogEvents",
}
_BOUND: Final = (
    " The bucket must belong to the account, or be bound with its owner: affidavit tenant bind "
    "--log-bucket NAME=OWNER."
)
_TROUBLE: Final = (ClientError, BotoCoreError, *UNREADABLE, *PARSER_TROUBLE)

T = TypeVar("T")


class NotReadError(CollectError):
    """A log, or a part of it, could not be read; `reason` is that of the gap."""

    def __init__(self, what: str, why: str, reason: GapReason, code: str = "") -> None:
        super().__init__(what, why=why)
        self.reason, self.code = reason, code


@dataclass(frozen=True, slots=True, kw_only=True)
class LogObject:
    """An object of a log, as a listing names it."""

    bucket: str
    key: str
    size: int

    @property
    def uri(self) -> str:
        """Return its s3:// URL."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One event of a log group."""

    id: str
    timestamp: int
    """When it happened, in ms since 1970."""
    arrived: int
    """When CloudWatch Logs took it, in ms."""
    message: str


class LogReader:
    """Reads logs in one account and Region; used by one thread."""

    def __init__(self, means: Means, access: Access, account_id: str, region: str) -> None:
        self._means, self._access = means, access
        self._account_id, self._region = account_id, region
        self.started_at = means.clock()
        self._sent = self._pages = 0
        self._url = ""
        self._peers: dict[str, set[str]] = {"s3": set(), "logs": set()}
        self._ids: list[str] = []

    def objects(self, bucket: str, prefix: str, after: str = "") -> Iterator[LogObject]:
        """Yield the objects whose keys begin with `prefix`, those after the key `after`, by key."""
        asked = {"StartAfter": after} if after else {}
        for page in self._listed(bucket, prefix, asked):
            for one in page.get("Contents", ()):
                yield LogObject(bucket=bucket, key=one["Key"], size=one["Size"])

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix` up to the next slash, each once."""
        pages = self._listed(bucket, prefix, {"Delimiter": "/"})
        return [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]

    def _listed(self, bucket: str, prefix: str, more: Mapping[str, str]) -> Iterator[Any]:
        """Yield the pages of what a bucket has below a prefix."""
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, **self._owner(bucket), **more}
        while True:
            page = self._ask("s3", "ListObjectsV2", f"s3://{bucket}/{prefix}", asked)
            self._pages += 1
            yield page
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def read(self, bucket: str, key: str, limit: int) -> bytes:
        """Return an object of at most `limit` bytes."""
        uri = f"s3://{bucket}/{key}"
        owner = self._owner(bucket)

        def receive(client: Any) -> tuple[Any, bytes]:
            answer = client.get_object(Bucket=bucket, Key=key, **owner)
            body, parts, size = answer["Body"], [], 0
            try:
                for part in body.iter_chunks(_CHUNK):
                    size += len(part)
                    if size > limit:
                        break
                    parts.append(part)
            finally:
                body.close()
            return answer, b"".join(parts) if size <= limit else b""

        answer, content = self._within("s3", "GetObject", uri, receive)
        if answer.get("ContentLength", 0) > limit:
            words = f"It has {answer['ContentLength']} bytes, and {limit} at most are read."
            raise NotReadError(f"{uri} is too large", words, GapReason.FAILED)
        return content

    def events(self, group: str, start: int, end: int) -> Iterator[list[LogEvent]]:
        """Yield the events of a log group from `start` to before `end` (ms), page by page."""
        asked: dict[str, Any] = {"logGroupName": group, "startTime": start, "endTime": end - 1}
        seen: set[str] = set()
        while True:
            page = self._ask("logs", "FilterLogEvents", f"The log group {group}", asked)
            self._pages += 1
            if page.get("events"):
                yield [
                    LogEvent(
                        id=str(one.get("eventId", "")),
                        timestamp=int(one["timestamp"]),
                        arrived=int(one.get("ingestionTime", one["timestamp"])),
                        message=str(one["message"]),
                    )
                    for one in page["events"]
                ]
            token = page.get("nextToken", "")
            if not token:
                return
            if token in seen:
                words = "FilterLogEvents gave the same token twice: its pages do not end."
                raise NotReadError(f"The log group {group}", words, GapReason.MALFORMED)
            seen.add(token)
            asked["nextToken"] = token

    def proof(self, redacted: tuple[str, ...] = ()) -> Proof:
        """Return how all that was read so far came about, and what of it was replaced."""
        verified = trusts_usual_authorities(self._means.settings, self._access.session)
        return Proof(
            endpoint=peers.origin(self._url) if self._url else "",
            synthetic=self._access.identity.synthetic
            or not self._url
            or any(
                peers.not_aws(found, service, verified=verified)
                for service, found in self._peers.items()
                if found
            ),
            caller_arn=self._access.identity.arn,
            request_ids=tuple(self._ids),
            pages=self._pages,
            attempts=self._sent,
            started_at=self.started_at,
            finished_at=self._means.clock(),
            tool=TOOL,
            redacted=redacted,
        )

    def now(self) -> datetime:
        """Return the present time by the door's clock."""
        return self._means.clock()

    def _owner(self, bucket: str) -> dict[str, str]:
        """Return whose S3 is told that a bucket must be, on behalf of a tenant.

        That of the account which is entered, or the one that an administrator bound it with: what a
        logging configuration names must not lead to what only others may read.
        """
        bound = self._means.settings.bound
        if bound is None:
            return {}
        problem = bucket_problem(bucket)
        if bucket in bound.reserved_buckets:
            problem = "It is a bucket of the installation itself."
        if problem:
            raise NotReadError(f"s3://{bucket}/ was not read", problem, GapReason.DENIED)
        return {"ExpectedBucketOwner": bound.log_buckets.get(bucket, self._account_id)}

    def _ask(self, service: str, operation: str, place: str, asked: dict[str, Any]) -> Any:
        names = {"ListObjectsV2": "list_objects_v2", "FilterLogEvents": "filter_log_events"}
        method = names[operation]
        return self._within(
            service, operation, place, lambda client: getattr(client, method)(**asked)
        )

    def _within(self, service: str, operation: str, place: str, work: Callable[[Any], T]) -> T:
        why_not = self._means.breaker.why_not(self._account_id, self._region, service)
        if why_not:
            words = f"Not asked, as before it: {why_not}"
            raise NotReadError(f"{place} was not read", words, GapReason.UNREACHABLE)
        where = (self._account_id, self._region, service)
        trace = Trace(pace=lambda asked, _url: self._pace(asked, where))
        try:
            result = within(self._means.settings, trace, lambda: self._use(service, work))
        except _TROUBLE as error:
            self._note(service, trace, getattr(error, "response", None))
            raise self._refused(error, service, operation, place, trace) from error
        self._note(service, trace, result[0] if isinstance(result, tuple) else result)
        self._means.breaker.answered(*where)
        return result

    def _pace(self, asked: str, where: tuple[str, str, str]) -> None:
        """Wait for a token; S3 itself gives out thousands of objects a second."""
        if asked != "GetObject":
            self._means.limits.wait(*where, "")

    def _use(self, service: str, work: Callable[[Any], T]) -> T:
        with self._client(service) as client:
            return work(client)

    @contextmanager
    def _client(self, service: str) -> Iterator[Any]:
        use = self._means.clients.use
        with use(self._access.session, self._account_id, self._region, service) as client:
            yield client

    def _note(self, service: str, trace: Trace, answer: Any) -> None:
        self._sent += trace.sent
        self._url = trace.url or self._url
        self._peers[service] |= trace.peers
        metadata = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
        if len(self._ids) < _MOST_IDS:
            self._ids.append(str(metadata.get("RequestId") or ""))

    def _refused(
        self, error: Exception, service: str, operation: str, place: str, trace: Trace
    ) -> NotReadError:
        endpoint = peers.origin(trace.url) if trace.url else service
        why = trouble(error, iam_action=_ACTIONS[operation], endpoint=endpoint, html=trace.html)
        where = (self._account_id, self._region, service)
        if why.reason in {GapReason.TIMED_OUT, GapReason.UNREACHABLE} and not why.code:
            self._means.breaker.failed(*where, why=why.message)
        else:
            self._means.breaker.answered(*where)
        words = why.message
        if self._means.settings.bound is not None and why.reason == GapReason.DENIED:
            words += _BOUND if service == "s3" else ""
        return NotReadError(f"{place} could not be read", words, why.reason, why.code)


def as_export(events: list[LogEvent]) -> bytes:
    """Return events as CloudWatch Logs exports them: what the scanner of invocation logs reads."""
    listed = [{"timestamp": one.timestamp, "message": one.message} for one in events]
    return json.dumps({"events": listed}).encode()
