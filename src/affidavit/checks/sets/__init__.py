"""One builder per resource set: from the answers of a place to its records."""

from collections.abc import Callable, Mapping

from affidavit.checks.drafts import View
from affidavit.checks.places import RecordSet
from affidavit.checks.sets import (
    api_call,
    backup,
    bedrock,
    cloudtrail,
    cloudwatch,
    guardrails,
    iam,
    invocation_scans,
    kms,
    models,
    prompt_runs,
    s3,
)

Builder = Callable[[View], RecordSet]

BUILDERS: Mapping[str, Builder] = {
    "account": bedrock.account,
    "model_in_use": models.model_in_use,
    "guardrail": guardrails.guardrail,
    "agent": bedrock.agent,
    "custom_model": bedrock.custom_model,
    "customization_job": bedrock.customization_job,
    "tagged": bedrock.tagged,
    "provisioned": models.provisioned,
    "bucket": s3.bucket,
    "log_group": cloudwatch.log_group,
    "alarm": cloudwatch.alarm,
    "trail": cloudtrail.trail,
    "iam_user": iam.iam_user,
    "policy_statement": iam.policy_statement,
    "principal": iam.principal,
    "bedrock_key": iam.bedrock_key,
    "kms_key": kms.kms_key,
    "data_source": bedrock.data_source,
    "backup_plan": backup.backup_plan,
    "event": cloudtrail.event,
    "prompt_run": prompt_runs.prompt_run,
    "invocation_scan": invocation_scans.invocation_scan,
}
"""The builder of every resource set of the shipped framework, by its id."""


def builder(set_id: str) -> Builder:
    """Return the builder of a set: all others are those of API calls (`collector.api_calls`)."""
    return BUILDERS.get(set_id, api_call.api_call)
