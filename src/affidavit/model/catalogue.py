"""What is behind a framework: operations, metrics, resource sets, checks and Config rules."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from affidavit.model.canonical import digest, digest_of, plain_json
from affidavit.model.framework import Framework
from affidavit.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One API operation that is asked."""

    key: str
    """Our key; equals the operation's name except where two services share one."""
    service: str
    operation: str
    per_account: bool
    """True: asked once per account (global services), not in each Region."""
    fan_out: str
    """How its requests are made: `once`, or the name of a fan-out in `checks.fanout`."""
    inputs: Mapping[str, str]
    """Request members and where their values come from, in words; the fan-out makes them."""
    parents: tuple[str, ...]
    """Keys of the operations whose answers the fan-out reads; they are asked first."""
    absent_on: frozenset[str]
    """Error codes that are an answer: 'there is none'."""
    iam_action: str
    redact: tuple[str, ...]
    """Paths of secrets in the answer: dots, [] for lists, * for any: Env.Variables.*"""
    note: str
    lists: tuple[str, ...] = ()
    """Where the answer of a custom control's API call holds its resources: Buckets[]."""
    arn: str = ""
    """The ARN of such a resource where it has none: arn:{partition}:s3:::{Name}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A CloudWatch metric that checks read as r.metric.<name> or acct.metric.<name>."""

    name: str
    per_model: bool
    namespace: str
    metric_names: tuple[str, ...]
    stat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """How another operation's answer comes into a record."""

    name: str
    """Member of r, for example GetBucketPolicy."""
    operation: str
    mode: str
    """one: the answer asked for this item; list: those naming it; elem:<path>: the matching one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSet:
    """A kind of record that checks run over."""

    id: str
    title: str
    arn: str
    """Where a record's ARN comes from, in words."""
    resource_type: str
    """CloudFormation's name of the type, for example AWS::S3::Bucket."""
    per_account: bool
    """True: its records exist once per account (IAM), in GLOBAL_REGION."""
    item_operation: str
    """Operation that lists the items, or empty."""
    item_path: str
    joins: tuple[Join, ...]
    facts: Mapping[str, str]
    derived: tuple[str, ...]
    scoping_operations: tuple[str, ...]
    scoping: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an answer that a check reads."""

    path: str
    """As in the expression, list elements as []: r.GetGuardrail.topicPolicy.topics[].name"""
    required: bool
    absent_means: str
    """What AWS documents for an absent optional member; empty for required ones."""
    kind: str = ""
    """string, integer, double, boolean, timestamp, list or map; `any` or empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule with a verdict, over one kind of record."""

    id: str
    resource_set: str
    type: str
    keyword: str
    applies: str
    """CEL."""
    compliant: str
    """CEL."""
    inconclusive: str
    """CEL, or empty."""
    words: str
    params: Mapping[str, Any]
    empty_verdict: Verdict
    """Verdict of an empty set, where `empty_when` (CEL over acct and p) holds."""
    empty_when: str
    operations: tuple[str, ...]
    """Keys of the operations that it reads, scoping included."""
    reads: tuple[Member, ...]
    note: str
    digest: str
    """SHA-256 over all of the above: the version of the check that evidence names."""
    security_hub: tuple[str, ...] = ()
    """Security Hub controls whose findings say the same; a later source; not in the digest."""
    remedy: str = ""
    """What to change where it is not met, by which operation of AWS; advice, not in the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRule:
    """An AWS Config managed rule and the check that gives the direct verdict."""

    identifier: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A framework with all that is needed to collect and judge its evidence."""

    framework: Framework
    operations: Mapping[str, Operation]
    metrics: Mapping[str, Metric]
    resource_sets: Mapping[str, ResourceSet]
    checks: Mapping[str, Check]
    config_rules: Mapping[str, ConfigRule]
    """By identifier."""
    digest: str
    """SHA-256 of `content`: its version, named in every run record; see `versioned`."""


def versioned(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with the digest of what it holds."""
    return replace(catalogue, digest=digest(content(catalogue)))


def content(catalogue: Catalogue) -> bytes:
    """Return all that a catalogue holds as deterministic JSON: a report's catalogue.json.

    Its SHA-256 is the catalogue's digest, so that whoever has the JSON and a run record can tell
    whether the run used these rules.
    """
    return plain_json(
        {f.name: _jsonable(getattr(catalogue, f.name)) for f in fields(catalogue) if f.name != _OWN}
    )


def version_of(check: Check) -> str:
    """Return the digest of a check's rule; parameters as JSON text, since they may hold floats.

    The verifier computes it again (`report.verify.rules`).
    """
    plain = {name: _jsonable(getattr(check, name)) for name in _RULE}
    plain["params"] = plain_json(plain["params"]).decode()
    plain["reads"] = [[m.path, m.required, m.absent_means] for m in check.reads]
    return digest_of(plain)


_OWN = "digest"
_OPTIONAL = "rule"
"""A member that is left out where it is None: catalogues without it keep the digest they had."""
_RULE = (
    *("id", "resource_set", "type", "keyword", "applies", "compliant", "inconclusive", "words"),
    *("params", "empty_verdict", "empty_when", "operations", "reads", "note"),
)


def _jsonable(value: Any) -> Any:
    """Return our frozen values as JSON's: dataclasses as objects, enumerations by value."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        members = {f.name: getattr(value, f.name) for f in fields(value)}
        return {k: _jsonable(v) for k, v in members.items() if v is not None or k != _OPTIONAL}
    if isinstance(value, Mapping):
        return {str(key): _jsonable(member) for key, member in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(_jsonable(member) for member in value)
    if isinstance(value, (list, tuple)):
        return [_jsonable(member) for member in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a catalogue")
