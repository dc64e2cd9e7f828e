"""Observations and gaps: what one AWS operation answered, or why it could not be known.

An `Observation` is one operation's whole answer (all pages) from one account and Region at one
time, with the proof of how it was made. A `Gap` is the reason why there is none: never an exception
swallowed, never an empty list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from affidavit.model.canonical import digest, digest_of, plain_json
from affidavit.model.times import iso, parse

GLOBAL_REGION = "aws-global"
"""The Region written for what exists once per account (IAM, bucket lists); botocore's own word."""

JsonObject = dict[str, Any]


class GapReason(StrEnum):
    """Why something could not be observed."""

    DENIED = "denied"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    NOT_ENABLED = "not_enabled"
    UNSUPPORTED_IN_REGION = "unsupported_in_region"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    NOTHING_TO_COLLECT = "nothing_to_collect"
    NOT_CONFIGURED = "not_configured"
    PARENT_GAP = "parent_gap"
    """What this would have been asked for could itself not be listed."""
    FAILED = "failed"
    """AWS answered with an error that is none of the above."""

    @property
    def words(self) -> str:
        """Return the reason in words for people."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How an observation was made, for whoever doubts it."""

    endpoint: str
    """URL that was really called, scheme and host and port."""
    synthetic: bool
    """True unless the endpoint is one that botocore knows, over verified HTTPS."""
    caller_arn: str
    """Principal as answered by sts:GetCallerIdentity with the same credentials."""
    request_ids: tuple[str, ...]
    """Request id of every page, in order; an empty string where the answer carried none."""
    pages: int
    """How many pages were read; 0 where no answer came."""
    attempts: int
    """HTTP requests sent, retries included."""
    started_at: datetime
    finished_at: datetime
    tool: str
    """Name and version of what made the call, for example `affidavit 0.1.0`."""
    redacted: tuple[str, ...] = ()
    """JSON pointers into the body whose values were replaced before hashing."""

    def to_json(self) -> JsonObject:
        """Return the proof as canonical JSON's values."""
        return {
            "endpoint": self.endpoint,
            "synthetic": self.synthetic,
            "caller_arn": self.caller_arn,
            "request_ids": list(self.request_ids),
            "pages": self.pages,
            "attempts": self.attempts,
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "tool": self.tool,
            "redacted": list(self.redacted),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the proof that `to_json` wrote."""
        return cls(
            endpoint=value["endpoint"],
            synthetic=value["synthetic"],
            caller_arn=value["caller_arn"],
            request_ids=tuple(value["request_ids"]),
            pages=value["pages"],
            attempts=value["attempts"],
            started_at=parse(value["started_at"]),
            finished_at=parse(value["finished_at"]),
            tool=value["tool"],
            redacted=tuple(value["redacted"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is asked: one operation with its parameters, in one account and Region."""

    key: str
    """Key of the operation in the catalogue, for example GetBucketPolicy."""
    account_id: str
    region: str
    """Region that is asked, or GLOBAL_REGION for what exists once per account."""
    parameters: JsonObject
    """Members of the request; JSON values only (times as RFC 3339 strings)."""
    _id: str = field(default="", init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Return the digest that identifies this question within a run; made once."""
        if not self._id:
            asked = plain_json(self.parameters).decode()
            made = digest_of([self.account_id, self.region, self.key, asked])
            object.__setattr__(self, "_id", made)
        return self._id


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One operation's whole answer, and how it came about."""

    unit: Unit
    service: str
    """botocore's name of the service, for example s3control."""
    operation: str
    """botocore's name of the operation, for example GetPublicAccessBlock."""
    absent: str
    """Error code that means 'there is none' (NoSuchBucketPolicy), else empty."""
    body: JsonObject
    """The answer, all pages merged: JSON values, times as RFC 3339, blobs as base64.

    Not to be changed: its digest is made once."""
    proof: Proof
    _body_digest: str = field(default="", init=False, repr=False, compare=False)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    def body_bytes(self) -> bytes:
        """Return the body as deterministic JSON: what is stored as a blob and hashed."""
        return plain_json(self.body)

    def to_json(self) -> JsonObject:
        """Return the observation for canonical JSON; the body's digest stands for the body."""
        if not self._body_digest:
            object.__setattr__(self, "_body_digest", digest(self.body_bytes()))
        return {
            "kind": "observation",
            "key": self.unit.key,
            "service": self.service,
            "operation": self.operation,
            "account_id": self.unit.account_id,
            "region": self.unit.region,
            "parameters": plain_json(self.unit.parameters).decode(),
            "absent": self.absent,
            "body_digest": self._body_digest,
            "proof": self.proof.to_json(),
        }

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON of `to_json`: what evidence cites; made once."""
        if not self._digest:
            object.__setattr__(self, "_digest", digest_of(self.to_json()))
        return self._digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Why a question has no answer."""

    unit: Unit
    service: str
    operation: str
    reason: GapReason
    code: str
    """AWS's error code, or empty."""
    message: str
    """In words: what was refused or failed, and what to do where we know."""
    proof: Proof | None
    """How it was tried; None where nothing was sent."""
    _digest: str = field(default="", init=False, repr=False, compare=False)

    def to_json(self) -> JsonObject:
        """Return the gap for canonical JSON."""
        return {
            "kind": "gap",
            "key": self.unit.key,
            "service": self.service,
            "operation": self.operation,
            "account_id": self.unit.account_id,
            "region": self.unit.region,
            "parameters": plain_json(self.unit.parameters).decode(),
            "reason": self.reason.value,
            "code": self.code,
            "message": self.message,
            "proof": self.proof.to_json() if self.proof else None,
        }

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON of `to_json`; made once."""
        if not self._digest:
            object.__setattr__(self, "_digest", digest_of(self.to_json()))
        return self._digest


Result = Observation | Gap
"""Every question ends as one of the two."""
