"""Who is in scope: which buckets, keys, jobs, guardrails, trails and models are asked and judged.

Read from stored answers as they lie (JSON), without typing them, because fan-outs are called again
after every wave. Everything found says where it was found, so that records can cite it. What a gap
hides is not guessed here: `checks.answers` tells which answers are missing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from affidavit.checks.facts import Facts
from affidavit.checks.listed import Found, items, walk
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import GLOBAL_REGION, JsonObject, Observation
from affidavit.model.times import parse

JOB_LOOKBACK_DAYS = 365
"""Customisation jobs older than this are out of scope (catalogue: customization_job)."""

BUCKET_PATHS: tuple[tuple[str, str, str], ...] = (
    ("GetModelCustomizationJob", "training", "trainingDataConfig.s3Uri"),
    (
        "GetModelCustomizationJob",
        "training",
        "trainingDataConfig.invocationLogsConfig.invocationLogSource.s3Uri",
    ),
    ("GetModelCustomizationJob", "validation", "validationDataConfig.validators[].s3Uri"),
    ("GetModelCustomizationJob", "output", "outputDataConfig.s3Uri"),
    (
        "GetModelInvocationLoggingConfiguration",
        "invocation_log",
        "loggingConfig.s3Config.bucketName",
    ),
    (
        "GetModelInvocationLoggingConfiguration",
        "invocation_log",
        "loggingConfig.cloudWatchConfig.largeDataDeliveryS3Config.bucketName",
    ),
    (
        "GetDataSource",
        "knowledge_base",
        "dataSource.dataSourceConfiguration.s3Configuration.bucketArn",
    ),
    ("GetEvaluationJob", "evaluation", "outputDataConfig.s3Uri"),
    (
        "GetEvaluationJob",
        "evaluation",
        "evaluationConfig.automated.datasetMetricConfigs[].dataset.datasetLocation.s3Uri",
    ),
    (
        "GetEvaluationJob",
        "evaluation",
        "evaluationConfig.human.datasetMetricConfigs[].dataset.datasetLocation.s3Uri",
    ),
)
"""Operation, role and place of every member that names a bucket of generative AI data."""

KEY_PATHS: tuple[tuple[str, str], ...] = (
    ("GetCustomModel", "modelKmsKeyArn"),
    ("GetGuardrail", "kmsKeyArn"),
    ("GetDataSource", "dataSource.serverSideEncryptionConfiguration.kmsKeyArn"),
    ("DescribeTrails", "trailList[].KmsKeyId"),
)
"""Operation and place of every regional member that names a KMS key."""

BUCKET_KEY_PATH = (
    "ServerSideEncryptionConfiguration.Rules[].ApplyServerSideEncryptionByDefault.KMSMasterKeyID"
)

GUARDRAILS_NAMED_BY: tuple[tuple[str, str], ...] = (
    ("ListEnforcedGuardrailsConfiguration", "guardrailsConfig[]"),
    ("ListAgents", "agentSummaries[].guardrailConfiguration"),
)
"""Operation and place of everything that puts a guardrail to use; invocation logs come later."""

_GUARDRAIL_IDENTIFIERS = ("guardrailArn", "guardrailId", "guardrailIdentifier")
"""Members that name the guardrail there, by ARN or id; `guardrailVersion` stands beside them."""

_LOG_GROUP_PREFIXES = ("/aws/bedrock/", "aws/bedrock/")
_SPANS = "aws/spans"
_ARN_REGION = 3
"""Index of the Region in the parts of an ARN."""
_AWS_ALIAS = re.compile(r"^(arn:[^:]+:kms:[^:]*:[^:]*:)?alias/aws/")
_S3_URI = re.compile(r"^s3://([^/]+)")
_S3_ARN = re.compile(r"^arn:[^:]+:s3:[^:]*:[^:]*:([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBucket:
    """A bucket that generative AI resources of one Region name."""

    name: str
    region: str
    """Region of the resources that name it; it is judged there."""
    roles: tuple[str, ...]
    named_by: tuple[Found, ...]
    """The first mention in each role: enough to show why the bucket is in scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKey:
    """A KMS key that something in scope names."""

    key_id: str
    """As it is named: key ARN, alias ARN, alias or bare id."""
    region: str
    """Region where it can be asked: the ARN's, else the naming resource's."""
    named_by: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGuardrail:
    """A guardrail of the list of drafts, and its highest version where the versions are known."""

    draft: Found
    latest: Found | None
    """Element of the highest version, else of DRAFT; None while its versions are unknown."""

    @property
    def arn(self) -> str:
        """Return the ARN without a version."""
        return str(self.draft.value["arn"])

    @property
    def parameters(self) -> JsonObject:
        """Return the request for its versions."""
        return {"guardrailIdentifier": self.draft.value["id"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A generative AI resource that carries tags."""

    kind: str
    arn: str
    found: Found


@dataclass(slots=True)
class Scope:
    """The facts of one account, seen with the eyes of the catalogue's scoping sentences."""

    catalogue: Catalogue
    facts: Facts
    now: datetime
    params: Mapping[str, Mapping[str, Any]]
    _buckets: dict[str, tuple[NamedBucket, ...]] = field(default_factory=dict)
    _listed: dict[str, Found] | None = None

    def region_of(self, key: str, region: str) -> str:
        """Return the Region under which an operation's results stand, seen from `region`."""
        operation = self.catalogue.operations.get(key)
        return GLOBAL_REGION if operation is not None and operation.per_account else region

    def observed(self, key: str, region: str) -> Iterator[Observation]:
        """Yield the answers with a body of an operation in a Region."""
        for result in self.facts.results(key, self.region_of(key, region)):
            if isinstance(result, Observation) and not result.absent:
                yield result

    def found(self, key: str, region: str, path: str) -> Iterator[Found]:
        """Yield what stands at `path` (dots, [] for list elements) in an operation's answers."""
        for observation in self.observed(key, region):
            yield from walk(observation, path)

    def items(self, key: str, region: str) -> Iterator[Found]:
        """Yield the items that an operation lists in a Region (see LISTS)."""
        for observation in self.observed(key, region):
            yield from items(observation)

    def jobs(self, region: str) -> Iterator[Found]:
        """Yield the completed customisation jobs created within JOB_LOOKBACK_DAYS."""
        since = self.now - timedelta(days=JOB_LOOKBACK_DAYS)
        for job in self.items("ListModelCustomizationJobs", region):
            completed = job.value["status"] == "Completed"
            if completed and parse(job.value["creationTime"]) >= since:
                yield job

    def custom_models(self, region: str) -> Iterator[Found]:
        """Yield the custom models that the account itself owns."""
        for model in self.items("ListCustomModels", region):
            if model.value.get("ownerAccountId") in (None, "", self.facts.account_id):
                yield model

    def guardrails(self, region: str) -> Iterator[ListedGuardrail]:
        """Yield every guardrail with its highest numbered version, else DRAFT."""
        drafts = self.facts.result("ListGuardrails", region, {})
        for draft in items(drafts) if isinstance(drafts, Observation) else ():
            parameters = {"guardrailIdentifier": draft.value["id"]}
            versions = self.facts.result("ListGuardrails", region, parameters)
            latest = None
            if isinstance(versions, Observation) and not versions.absent:
                latest = max(items(versions), key=_version_number, default=draft)
            yield ListedGuardrail(draft=draft, latest=latest)

    def named_guardrails(self, region: str) -> dict[str, list[Found]]:
        """Return what puts guardrails to use in a Region, by the guardrail's id."""
        named: dict[str, list[Found]] = {}
        for key, path in GUARDRAILS_NAMED_BY:
            for found in self.found(key, region, path):
                given = [found.value.get(member) for member in _GUARDRAIL_IDENTIFIERS]
                for name in sorted({guardrail_id(str(one)) for one in given if one}):
                    named.setdefault(name, []).append(found)
        return named

    def versions_in_use(self, region: str, arn: str) -> dict[str, Found]:
        """Return the versions of a guardrail that something names, each with what names it."""
        versions: dict[str, Found] = {}
        for found in self.named_guardrails(region).get(guardrail_id(arn), ()):
            if version := found.value.get("guardrailVersion"):
                versions.setdefault(str(version), found)
        return versions

    def tagged(self, region: str) -> Iterator[Tagged]:
        """Yield the custom models, customisation jobs and guardrails, whose tags are asked."""
        for model in self.custom_models(region):
            yield Tagged(kind="custom_model", arn=model.value["modelArn"], found=model)
        for job in self.jobs(region):
            yield Tagged(kind="customization_job", arn=job.value["jobArn"], found=job)
        for guardrail in self.guardrails(region):
            yield Tagged(kind="guardrail", arn=guardrail.arn, found=guardrail.draft)

    def listed_buckets(self) -> dict[str, Found]:
        """Return the account's buckets by name."""
        if self._listed is None:
            listed = self.items("ListBuckets", GLOBAL_REGION)
            self._listed = {bucket.value["Name"]: bucket for bucket in listed}
        return self._listed

    def named_buckets(self, region: str) -> tuple[NamedBucket, ...]:
        """Return the buckets that resources of `region` name, theirs or not, by name.

        `extra_buckets`, a parameter of any check over buckets, adds buckets to the first Region.
        """
        if region not in self._buckets:
            self._buckets[region] = tuple(self._name_buckets(region))
        return self._buckets[region]

    def _name_buckets(self, region: str) -> Iterator[NamedBucket]:
        named: dict[str, dict[str, Found | None]] = {}
        for key, role, path in BUCKET_PATHS:
            for found in self.found(key, region, path):
                if name := bucket_name(found.value):
                    named.setdefault(name, {}).setdefault(role, found)
        for name in self._extra_buckets() if region == self.facts.regions[0] else ():
            named.setdefault(name, {}).setdefault("extra", None)
        for name, roles in sorted(named.items()):
            yield NamedBucket(
                name=name,
                region=region,
                roles=tuple(roles),
                named_by=tuple(found for found in roles.values() if found is not None),
            )

    def _extra_buckets(self) -> list[str]:
        names = {n for given in self.params.values() for n in given.get("extra_buckets", ())}
        return sorted(names)

    def buckets(self) -> list[str]:
        """Return the names of the account's own buckets that are in scope, sorted."""
        named = {b.name for region in self.facts.regions for b in self.named_buckets(region)}
        return sorted(named & self.listed_buckets().keys())

    def bucket_region(self, name: str) -> str:
        """Return the Region of one of the account's buckets; empty where S3 does not say it."""
        listed = self.listed_buckets().get(name)
        return str(listed.value.get("BucketRegion") or "") if listed else ""

    def buckets_at(self, region: str) -> list[NamedBucket]:
        """Return the account's in-scope buckets whose backups `region` knows."""
        listed = self.listed_buckets()
        return [
            bucket
            for naming in self.facts.regions
            for bucket in self.named_buckets(naming)
            if bucket.name in listed and self.bucket_region(bucket.name) == region
        ]

    def log_group_names(self, region: str) -> Iterator[Found]:
        """Yield the names of the log groups that hold invocation logs."""
        path = "loggingConfig.cloudWatchConfig.logGroupName"
        yield from self.found("GetModelInvocationLoggingConfiguration", region, path)

    def log_groups(self, region: str) -> Iterator[Found]:
        """Yield the log groups that hold prompts and responses."""
        named = {found.value for found in self.log_group_names(region)}
        for group in self.items("DescribeLogGroups", region):
            name = str(group.value["logGroupName"])
            if name in named or name == _SPANS or name.startswith(_LOG_GROUP_PREFIXES):
                yield group

    def trails(self, region: str) -> Iterator[Found]:
        """Yield the trails visible in a Region, shadow trails included."""
        yield from self.items("DescribeTrails", region)

    def trail_region(self, trail: Mapping[str, Any]) -> str:
        """Return the one Region in which a trail's status is asked.

        Its home Region where that is in scope (the trail is asked once, whatever Regions show it);
        else the first Region in scope that shows it.
        """
        home = str(trail.get("HomeRegion", ""))
        if home in self.facts.regions:
            return home
        arn = trail["TrailARN"]
        for region in self.facts.regions:
            if any(seen.value["TrailARN"] == arn for seen in self.trails(region)):
                return region
        return home

    def trails_asked_in(self, region: str) -> dict[str, Found]:
        """Return the trails whose status is asked in `region`, by ARN."""
        return {
            str(trail.value["TrailARN"]): trail
            for seen_in in self.facts.regions
            for trail in self.trails(seen_in)
            if self.trail_region(trail.value) == region
        }

    def named_keys(self, region: str) -> Iterator[NamedKey]:
        """Yield the KMS keys named by things in scope of `region`; keys of AWS itself left out."""
        for key, path in KEY_PATHS:
            for found in self.found(key, region, path):
                yield from _named_key(found, region)
        for group in self.log_groups(region):
            if group.value.get("kmsKeyId"):
                pointer = f"{group.pointer}/kmsKeyId"
                found = Found(source=group.source, pointer=pointer, value=group.value["kmsKeyId"])
                yield from _named_key(found, region)
        for bucket in self.named_buckets(region):
            result = self.facts.result(
                "GetBucketEncryption", GLOBAL_REGION, {"Bucket": bucket.name}
            )
            if isinstance(result, Observation) and not result.absent:
                for found in walk(result, BUCKET_KEY_PATH):
                    yield from _named_key(found, self.bucket_region(bucket.name) or region)

    def keys_at(self, region: str) -> dict[str, list[NamedKey]]:
        """Return the keys that are asked in `region`, whoever names them, by the name used."""
        keys: dict[str, list[NamedKey]] = {}
        for naming in self.facts.regions:
            for named in self.named_keys(naming):
                if named.region == region:
                    keys.setdefault(named.key_id, []).append(named)
        return keys


def guardrail_id(name: str) -> str:
    """Return the id in the id or ARN of a guardrail."""
    return name.rsplit("/", maxsplit=1)[-1]


def bucket_name(text: object) -> str:
    """Return the bucket in a name, an s3:// URI or an ARN; empty for anything else."""
    if not isinstance(text, str):
        return ""
    for pattern in (_S3_URI, _S3_ARN):
        if found := pattern.match(text):
            return found[1]
    return "" if ":" in text or "/" in text else text


def _named_key(found: Found, region: str) -> Iterator[NamedKey]:
    key_id = found.value
    if not isinstance(key_id, str) or not key_id or _AWS_ALIAS.match(key_id):
        return
    parts = key_id.split(":")
    place = parts[_ARN_REGION] if parts[0] == "arn" and len(parts) > _ARN_REGION else region
    yield NamedKey(key_id=key_id, region=place or region, named_by=found)


def _version_number(element: Found) -> int:
    version = str(element.value.get("version", ""))
    return int(version) if version.isdecimal() else 0
