"""Fan-outs: which questions an operation asks in one Region, from the answers of its parents.

A fan-out returns all the questions that follow from the facts, asked or not; the executor calls it
again after each wave until nothing new comes. So every fan-out is monotone (more facts never take a
question back) and idempotent (the same facts give the same questions), and asks each thing once.

A parent that is a gap gives no questions: `checks.records` reports the parent's gap for whatever
needed them. Times in parameters are whole UTC days, so that a resumed run of a day asks the same.
Operations that exist once per account are asked with GLOBAL_REGION and look at all Regions.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affidavit.checks.bucket_tags import with_judged_tags
from affidavit.checks.events import (
    cloudtrail_region,
    event_names,
    lookup_parameters,
    lookup_start,
)
from affidavit.checks.facts import Facts
from affidavit.checks.invocation_logs import PLACES_OF_LOGS, destinations
from affidavit.checks.policies import partition_of
from affidavit.checks.rule_names import is_rule
from affidavit.checks.scoping import Scope
from affidavit.checks.security_hub_controls import finding_parameters
from affidavit.checks.trail_files import events_asked, trail_questions, validated_trails
from affidavit.checks.windows import days_before, other_doors, parameter_values, questions
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.framework import SourceType
from affidavit.model.observation import Gap, JsonObject, Observation, Unit

EVALUATION_DAYS = 180
"""How far back evaluation jobs are listed where no check says how old one may be."""
RESTORE_DAYS = 180
"""How far back restore jobs are listed where no check says how old one may be."""

EACH = "each"
"""Fan-out of operations whose `inputs` say wholly what is asked, see `_each`."""
CONSTANT = "="
"""What begins the text of an input that is always sent; JSON follows."""
ONE_OF_LIST = "*"
"""What begins the text of an input that takes a list: it is asked with one element."""
BUCKETS_A_PAGE = 1000
"""Buckets in one page of ListBuckets (API reference: 1 to 10000)."""

AUTHORIZATION_FILTER = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
"""AWS's own policies too: without their text nobody knows whether a role may use Bedrock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutContext:
    """What a fan-out may look at."""

    catalogue: Catalogue
    operation: Operation
    facts: Facts
    region: str
    """A real Region, or GLOBAL_REGION for operations that exist once per account."""
    now: datetime
    params: Mapping[str, Mapping[str, Any]]
    """The user's own parameters by check id; besides, LookupEvents.StartTime as a cursor."""

    @property
    def scope(self) -> Scope:
        """Return the facts as the catalogue's scoping sees them."""
        return Scope(catalogue=self.catalogue, facts=self.facts, now=self.now, params=self.params)


FanOut = Callable[[FanOutContext], list[Unit]]
Parameters = Callable[[FanOutContext], Iterator[JsonObject]]


def _fan_out(parameters: Parameters) -> FanOut:
    """Return the fan-out whose questions have these `parameters`, each asked once."""

    def units(context: FanOutContext) -> list[Unit]:
        found: dict[str, Unit] = {}
        for one in parameters(context):
            unit = Unit(
                key=context.operation.key,
                account_id=context.facts.account_id,
                region=context.region,
                parameters=one,
            )
            found.setdefault(unit.id, unit)
        return list(found.values())

    return units


def _once(_: FanOutContext) -> Iterator[JsonObject]:
    yield {}


def _not_configured(_: FanOutContext) -> Iterator[JsonObject]:
    yield from ()


def _per_item(key: str, **members: str) -> Parameters:
    """Return one question per item that `key` lists; `members`: request member = item member."""

    def parameters(context: FanOutContext) -> Iterator[JsonObject]:
        for item in context.scope.items(key, context.region):
            yield {name: item.value[member] for name, member in members.items()}

    return parameters


def _each(context: FanOutContext) -> Iterator[JsonObject]:
    """Return one question for each value that a parent lists; a single one where none is named.

    `inputs` gives for each member of the request `=JSON` (always sent) or `Parent.path`, with `*`
    before it where the member is a list of one such value.
    """
    inputs = context.operation.inputs
    sent = {
        name: json.loads(text[len(CONSTANT) :])
        for name, text in inputs.items()
        if text.startswith(CONSTANT)
    }
    asked = {name: text for name, text in inputs.items() if name not in sent}
    if not asked:
        yield sent
    for name, text in asked.items():
        key, _, path = text.removeprefix(ONE_OF_LIST).partition(".")
        for found in context.scope.found(key, context.region, path):
            value = [found.value] if text.startswith(ONE_OF_LIST) else found.value
            yield {**sent, name: value}


def _guardrail_lists(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for the drafts of all guardrails, then for each guardrail's versions."""
    yield {}
    for guardrail in context.scope.guardrails(context.region):
        yield guardrail.parameters


def _guardrails(context: FanOutContext) -> Iterator[JsonObject]:
    for guardrail in context.scope.guardrails(context.region):
        if guardrail.latest is not None:
            yield guardrail_parameters(guardrail.arn, guardrail.latest.value)
        for version in context.scope.versions_in_use(context.region, guardrail.arn):
            yield guardrail_parameters(guardrail.arn, {"version": version})


def guardrail_parameters(arn: str, listed: Mapping[str, Any]) -> JsonObject:
    """Return the request for a version of a guardrail that is judged."""
    return {"guardrailIdentifier": arn, "guardrailVersion": listed.get("version", "DRAFT")}


def _custom_models(context: FanOutContext) -> Iterator[JsonObject]:
    for model in context.scope.custom_models(context.region):
        yield {"modelIdentifier": model.value["modelArn"]}


def _customization_jobs(context: FanOutContext) -> Iterator[JsonObject]:
    for job in context.scope.jobs(context.region):
        yield {"jobIdentifier": job.value["jobArn"]}


def _tags(context: FanOutContext) -> Iterator[JsonObject]:
    for tagged in context.scope.tagged(context.region):
        yield {"resourceARN": tagged.arn}


def _evaluation_lists(context: FanOutContext) -> Iterator[JsonObject]:
    days = _longest(context, "GetEvaluationJob", EVALUATION_DAYS)
    yield {"creationTimeAfter": days_before(context.now, days)}


def _restore_jobs(context: FanOutContext) -> Iterator[JsonObject]:
    days = _longest(context, "ListRestoreJobs", RESTORE_DAYS)
    yield {"ByCreatedAfter": days_before(context.now, days)}


def _longest(context: FanOutContext, key: str, default: int) -> int:
    """Return the longest max_age_days of the checks that read `key`."""
    values = {
        int(value)
        for check in context.catalogue.checks.values()
        if key in check.operations
        for value in parameter_values(context.catalogue, check, "max_age_days", context.params)
    }
    return max(values, default=default)


def _bucket_list(_: FanOutContext) -> Iterator[JsonObject]:
    """Ask with a page size: S3 says a bucket's Region only to a request with a parameter."""
    yield {"MaxBuckets": BUCKETS_A_PAGE}


def _buckets(context: FanOutContext) -> Iterator[JsonObject]:
    for name in context.scope.buckets():
        yield {"Bucket": name}


def _recovery_points(context: FanOutContext) -> Iterator[JsonObject]:
    for bucket in context.scope.buckets_at(context.region):
        yield recovery_point_parameters(context.facts, context.region, bucket.name)


def recovery_point_parameters(facts: Facts, region: str, bucket: str) -> JsonObject:
    """Return the request for the recovery points of a bucket."""
    return {"ResourceArn": f"arn:{partition_of(facts, region)}:s3:::{bucket}"}


def _backup_plans(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for the plans only where an in-scope bucket has a recovery point: no other is judged."""
    scope = context.scope
    path = "RecoveryPoints[].BackupVaultName"
    if next(scope.found("ListRecoveryPointsByResource", context.region, path), None) is None:
        return
    for plan in scope.items("ListBackupPlans", context.region):
        yield backup_plan_parameters(plan.value)


def backup_plan_parameters(plan: Mapping[str, Any]) -> JsonObject:
    """Return the request for a plan; ten runs of its preview tell how often its rules run."""
    return {"BackupPlanId": plan["BackupPlanId"], "MaxScheduledRunsPreview": 10}


def _keys(context: FanOutContext) -> Iterator[JsonObject]:
    for key_id in context.scope.keys_at(context.region):
        yield {"KeyId": key_id}


def _rotations(context: FanOutContext) -> Iterator[JsonObject]:
    for described in context.scope.found("DescribeKey", context.region, "KeyMetadata"):
        if can_rotate(described.value):
            yield {"KeyId": described.value["Arn"]}


def can_rotate(metadata: Mapping[str, Any]) -> bool:
    """Tell whether automatic rotation is a question for this key (KMS: symmetric, made by KMS).

    Members that old answers lack do not speak against it: then it is asked.
    """
    spec = metadata.get("KeySpec", metadata.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"))
    return (
        bool(metadata.get("Arn"))
        and metadata.get("KeyManager", "CUSTOMER") == "CUSTOMER"
        and metadata.get("Origin", "AWS_KMS") == "AWS_KMS"
        and spec == "SYMMETRIC_DEFAULT"
    )


def _trails(member: str) -> Parameters:
    """Return one question per trail, in the one Region where it is asked."""

    def parameters(context: FanOutContext) -> Iterator[JsonObject]:
        for arn in context.scope.trails_asked_in(context.region):
            yield {member: arn}

    return parameters


def _events(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for each event that a control names, where CloudTrail keeps it."""
    since = lookup_start(context.now, context.params)
    for service, name in event_names(context.catalogue):
        if cloudtrail_region(service, context.region) == context.region:
            yield lookup_parameters(name, since)


def _public_keys(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for the keys that sign digest files, where a trail has such files."""
    if validated_trails(context.scope, context.region):
        yield {"StartTime": lookup_start(context.now, context.params)}


def _trail_files(context: FanOutContext) -> Iterator[JsonObject]:
    events = events_asked(event_names(context.catalogue), context.region)
    since = lookup_start(context.now, context.params)
    yield from trail_questions(context.scope, context.region, events, since)


def _metric_list(_: FanOutContext) -> Iterator[JsonObject]:
    yield {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"}


def _metric_data(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask once all parents are answered: a part of the models would be another question."""
    facts, region = context.facts, context.region
    if not all(facts.results(parent, region) for parent in context.operation.parents):
        return
    if not any(isinstance(r, Observation) for r in facts.results("ListMetrics", region)):
        return
    for _, parameters in questions(context.scope, context.region):
        yield parameters


def _config_evaluations(context: FanOutContext) -> Iterator[JsonObject]:
    for rule in context.scope.items("DescribeConfigRules", context.region):
        known = any(is_rule(rule.value, keyword) for keyword in context.catalogue.config_rules)
        if known and rule.value["ConfigRuleState"] == "ACTIVE":
            yield {"ConfigRuleName": rule.value["ConfigRuleName"]}


def _findings(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for the findings of each Security Hub control that a source names."""
    for control in context.catalogue.framework.controls():
        for source in control.sources:
            if source.type is SourceType.SECURITY_HUB:
                yield finding_parameters(source.keyword, context.facts.account_id, context.region)


def _invocation_logs(context: FanOutContext) -> Iterator[JsonObject]:
    """Ask for yesterday's log where logging is configured: S3, or where S3 is not read the group.

    Both hold the same records, so that one of them is enough.
    """
    facts, region = context.facts, context.region
    if not all(facts.results(parent, region) for parent in PLACES_OF_LOGS):
        return
    for parameters in destinations(context.scope, region):
        yield parameters
        known = facts.result(context.operation.key, region, parameters)
        if not isinstance(known, Gap):
            return


def _account_block(context: FanOutContext) -> Iterator[JsonObject]:
    yield {"AccountId": context.facts.account_id}


def _authorization_details(_: FanOutContext) -> Iterator[JsonObject]:
    yield {"Filter": list(AUTHORIZATION_FILTER)}


def _bedrock_keys(_: FanOutContext) -> Iterator[JsonObject]:
    yield {"AllUsers": True, "ServiceName": "bedrock.amazonaws.com"}


_DATA_SOURCE = {"knowledgeBaseId": "knowledgeBaseId", "dataSourceId": "dataSourceId"}

_PARAMETERS: Mapping[str, Parameters] = {
    "once": _once,
    EACH: _each,
    "security_hub_findings": _findings,
    "not_configured": _not_configured,
    "list_guardrails": _guardrail_lists,
    "get_guardrail": _guardrails,
    "get_custom_model": _custom_models,
    "get_model_customization_job": _customization_jobs,
    "list_tags_for_resource": _tags,
    "list_evaluation_jobs": _evaluation_lists,
    "get_evaluation_job": _per_item("ListEvaluationJobs", jobIdentifier="jobArn"),
    "list_data_sources": _per_item("ListKnowledgeBases", knowledgeBaseId="knowledgeBaseId"),
    "get_data_source": _per_item("ListDataSources", **_DATA_SOURCE),
    "list_ingestion_jobs": _per_item("ListDataSources", **_DATA_SOURCE),
    "list_metrics": _metric_list,
    "metrics_of_other_doors": lambda _: other_doors(),
    "get_metric_data": _metric_data,
    "list_buckets": _bucket_list,
    "bucket": _buckets,
    "bucket_tags": lambda context: ({"Bucket": b} for b in with_judged_tags(context.scope)),
    "account_public_access_block": _account_block,
    "list_recovery_points_by_resource": _recovery_points,
    "get_backup_plan": _backup_plans,
    "list_restore_jobs": _restore_jobs,
    "describe_key": _keys,
    "get_key_rotation_status": _rotations,
    "get_trail_status": _trails("Name"),
    "get_event_selectors": _trails("TrailName"),
    "list_public_keys": _public_keys,
    "trail_files": _trail_files,
    "lookup_events": _events,
    "invocation_log": _invocation_logs,
    "get_compliance_details_by_config_rule": _config_evaluations,
    "get_account_authorization_details": _authorization_details,
    "list_service_specific_credentials": _bedrock_keys,
}

FAN_OUTS: Mapping[str, FanOut] = {name: _fan_out(made) for name, made in _PARAMETERS.items()}
"""Every fan-out by the name that operations.yaml gives it."""

PER_ITEM = frozenset(_PARAMETERS) - {
    "once",
    "not_configured",
    "list_guardrails",
    "list_evaluation_jobs",
    "list_restore_jobs",
    "list_metrics",
    "list_buckets",
    "account_public_access_block",
    "get_account_authorization_details",
    "list_service_specific_credentials",
}
"""Fan-outs that ask per item; the others ask about the account, and give acct.<operation>."""
