"""What an estate file can say of one account in one Region."""

from dataclasses import dataclass, field
from typing import Any

from affidavit.demo.reading import Spread

_RECENT = Spread((2.0, 20.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A KMS key, named in the file by its alias."""

    alias: str
    age: float = 600.0
    rotates: bool = True
    state: str = "Enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What yesterday's calls were like, all models of the Region together; the others are clean."""

    leaks: int = 0
    """Answers that disclose personal data."""
    profane: int = 0
    refused: int = 0
    intervened: int = 0
    """Calls in which the guardrail intervened."""
    unguarded: int = 0
    """Every how-manieth call names no guardrail; 0: none."""
    unlogged: int = 0
    """Calls that CloudTrail recorded and the log did not."""
    groups: tuple[str, ...] = ()
    """Groups that the callers name in requestMetadata, in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Model invocation logging."""

    log_group: str | None = None
    bucket: str | None = None
    text: bool = True
    failures: int = 0
    """Failed deliveries of the last 30 days, as CloudWatch counts them."""
    traffic: Traffic = field(default_factory=Traffic)
    """What stands in yesterday's log; the trail's files know of the same calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInUse:
    """Invocations of a model over the last 30 days, spread evenly."""

    model: str
    """The ModelId dimension: a model id, an inference profile's id or an ARN."""
    invocations: int
    input_tokens: int
    output_tokens: int
    throttles: int = 0
    server_errors: int = 0
    legacy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomizationJob:
    """A model customisation job and the custom model that it made."""

    name: str
    age: float
    base: str
    model: str
    type: str = "FINE_TUNING"
    status: str = "Completed"
    training: str
    validation: str | None = None
    output: str
    role: str
    key: str | None = None
    vpc: bool = False
    kept: bool = True
    """Whether the model still exists (only completed jobs have one)."""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A provisioned throughput of a custom model."""

    name: str
    model: str
    age: float
    units: int = 1
    invocations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An on-demand deployment of a custom model."""

    name: str
    model: str
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """A guardrail: its working draft and `versions` numbered versions, all alike."""

    name: str
    age: float
    versions: int = 0
    filters: dict[str, str] = field(default_factory=dict)
    """Strength in both directions by category; PROMPT_ATTACK only on input."""
    topics: tuple[str, ...] = ()
    profanity: bool = False
    pii: dict[str, str] = field(default_factory=dict)
    """Action by type."""
    grounding: float | None = None
    key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationJob:
    """A model evaluation job."""

    name: str
    age: float
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    task: str = "QuestionAndAnswer"
    status: str = "Completed"
    bucket: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A Bedrock agent."""

    name: str
    age: float
    guardrail: str | None = None
    guardrail_version: str | None = None
    """The version that the agent uses; the newest where it is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """A data source of a knowledge base, with its last ingestion jobs."""

    name: str
    age: float
    bucket: str | None = None
    web: str | None = None
    """First address of a web crawler, where there is no bucket."""
    key: str | None = None
    ingested: tuple[float, ...] = ()
    """Ages of its complete ingestion jobs."""
    failed_documents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBase:
    """A knowledge base."""

    name: str
    age: float
    data_sources: tuple[DataSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedrock:
    """Everything of Bedrock in one Region."""

    logging: Logging | None = None
    models_in_use: tuple[ModelInUse, ...] = ()
    customization_jobs: tuple[CustomizationJob, ...] = ()
    provisioned: tuple[Provisioned, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    enforced: tuple[str, ...] = ()
    """Names of guardrails that the account enforces on every invocation."""
    evaluation_jobs: tuple[EvaluationJob, ...] = ()
    agents: tuple[Agent, ...] = ()
    knowledge_bases: tuple[KnowledgeBase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    """A log group, or `count` alike."""

    name: str
    count: int = 1
    age: float = 500.0
    retention: int | None = None
    key: str | None = None
    masking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFilter:
    """A metric filter on a log group."""

    name: str
    log_group: str
    pattern: str
    metric: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A metric alarm, or `count` alike."""

    name: str
    count: int = 1
    metric: str
    namespace: str = "AWS/Bedrock"
    topic: str | None = None
    """Name of the SNS topic that it notifies."""
    enabled: bool = True
    dimensions: dict[str, str] = field(default_factory=dict)
    threshold: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An AWS managed Config rule. Its evaluations follow from the estate."""

    identifier: str
    parameters: dict[str, str] = field(default_factory=dict)
    outdated: dict[str, str] = field(default_factory=dict)
    """Resources by id whose last evaluation no longer is what the estate says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """AWS Config: recorder and rules."""

    recording: bool = True
    status: str = "Success"
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlan:
    """A backup plan with one rule."""

    name: str
    vault: str
    every_hours: float
    keep_days: int
    age: float = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreJob:
    """A restore job of a bucket."""

    bucket: str
    age: float
    status: str = "COMPLETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """AWS Backup; recovery points stand with the buckets."""

    plans: tuple[BackupPlan, ...] = ()
    restore_jobs: tuple[RestoreJob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A VPC interface endpoint."""

    service: str
    """Last part of the service's name, for example bedrock-runtime."""
    private_dns: bool = True
    state: str = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """CloudTrail events that are alike."""

    name: str
    source: str
    """Service part of the event source, for example bedrock."""
    by: str
    """Who: role/<name> or user/<name>."""
    hours: Spread = _RECENT
    """Hours ago."""
    at: str | None = None
    """Instead: the time of yesterday in UTC, as 10:30."""
    in_trail: bool = True
    """Whether the trail's files have it; LookupEvents does in any case."""
    count: int = 1
    error: str | None = None
    tls: str | None = "TLSv1.3"
    read_only: bool = False
    resource: str | None = None
    request: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One account in one Region."""

    keys: tuple[Key, ...] = ()
    bedrock: Bedrock = field(default_factory=Bedrock)
    log_groups: tuple[LogGroup, ...] = ()
    metric_filters: tuple[MetricFilter, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    config: Config = field(default_factory=Config)
    backup: Backup = field(default_factory=Backup)
    vpc_endpoints: tuple[Endpoint, ...] = ()
    events: tuple[Event, ...] = ()
