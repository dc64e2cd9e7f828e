"""All answers of the overlay: importing this module declares them. And whether an estate holds."""

from affidavit.demo.overlay import (
    agents,
    backup,
    bedrock,
    cloudtrail,
    cloudwatch,
    config,
    credential_report,
    ec2,
    evaluation,
    guardrails,
    iam,
    kms,
    logs,
    organizations,
    s3,
)
from affidavit.demo.overlay.registry import ANSWERERS, AwsError, Call
from affidavit.demo.world import Caller, Place, World
from affidavit.errors import EmulatorError

__all__ = [
    "ANSWERERS",
    "agents",
    "backup",
    "bedrock",
    "check",
    "cloudtrail",
    "cloudwatch",
    "config",
    "credential_report",
    "ec2",
    "evaluation",
    "guardrails",
    "iam",
    "kms",
    "logs",
    "organizations",
    "s3",
]


def check(world: World) -> None:
    """Refuse an estate that contradicts itself: keys, roles or models that nothing describes."""
    for account in world.accounts:
        for region in world.estate.regions.enabled:
            _check_place(world.place(account, region))


def _check_place(place: Place) -> None:
    caller = Caller(place.account.id, "", "")
    for service, operation in _WHOLE:
        answerer = ANSWERERS[service, operation]
        try:
            answerer.answer(Call(place, caller, operation, {}))
        except AwsError as error:
            raise EmulatorError(
                f"The estate contradicts itself in {place.account.name}, {place.region_name}",
                why=f"{operation}: {error.message}",
                todo="Correct the name in the estate file.",
            ) from error
    names = {bucket.name for bucket in place.buckets()}
    missing = sorted(_named(place) - names)
    if missing:
        raise EmulatorError(
            f"The estate names buckets of {place.account.name} that it does not describe",
            why=", ".join(missing),
            todo="Add them under buckets, or correct the names.",
        )
    for bucket in place.buckets():
        if bucket.key:
            place.elsewhere(bucket.region).key_arn(bucket.key)


_WHOLE = (
    ("bedrock", "ListProvisionedModelThroughputs"),
    ("bedrock", "ListCustomModelDeployments"),
    ("cloudtrail", "DescribeTrails"),
    ("cloudtrail", "LookupEvents"),
    ("logs", "DescribeLogGroups"),
    ("backup", "ListProtectedResources"),
    ("iam", "GetAccountAuthorizationDetails"),
)
"""Operations without required members whose answers follow every name that the estate uses."""


def _named(place: Place) -> set[str]:
    bedrock = place.region.bedrock
    named = {source.bucket for base in bedrock.knowledge_bases for source in base.data_sources}
    named |= {job.bucket for job in bedrock.evaluation_jobs}
    named |= {bedrock.logging.bucket} if bedrock.logging else set()
    for job in bedrock.customization_jobs:
        uris = (job.training, job.validation, job.output)
        named |= {uri.removeprefix("s3://").partition("/")[0] for uri in uris if uri}
    return {name for name in named if name}
