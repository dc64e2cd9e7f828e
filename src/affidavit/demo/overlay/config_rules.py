"""What AWS managed Config rules say of the estate: one function a rule."""

from collections.abc import Callable, Iterator, Mapping

from affidavit.demo.names import USER_ID
from affidavit.demo.overlay.cloudwatch import alarm_arn
from affidavit.demo.schema import Bucket, UserGroup
from affidavit.demo.schema_region import Alarm, Key, LogGroup
from affidavit.demo.world import Place, spread

Evaluations = Iterator[tuple[str, str, bool]]
"""Resource type, resource id, and whether it complies."""
RuleFunction = Callable[[Place], Evaluations]

_YEAR = 365
_QUARTER = 90


def _account(good: Callable[[Place], bool]) -> RuleFunction:
    def evaluate(place: Place) -> Evaluations:
        yield "AWS::::Account", place.account.id, good(place)

    return evaluate


def _buckets(good: Callable[[Bucket], bool]) -> RuleFunction:
    def evaluate(place: Place) -> Evaluations:
        for bucket in place.buckets():
            if bucket.region == place.region_name:
                yield "AWS::S3::Bucket", bucket.name, good(bucket)

    return evaluate


def _users(good: Callable[[UserGroup, int], bool | None]) -> RuleFunction:
    """Evaluate each user; None means that the rule does not apply."""

    def evaluate(place: Place) -> Evaluations:
        for group, name, index in place.users():
            verdict = good(group, index)
            if verdict is not None:
                user_id = place.names.principal(USER_ID, place.account.id, name)
                yield "AWS::IAM::User", user_id, verdict

    return evaluate


def _keys(good: Callable[[Key], bool]) -> RuleFunction:
    def evaluate(place: Place) -> Evaluations:
        for key in place.region.keys:
            yield "AWS::KMS::Key", place.key_arn(key.alias).rpartition("/")[2], good(key)

    return evaluate


def _log_groups(good: Callable[[LogGroup], bool]) -> RuleFunction:
    def evaluate(place: Place) -> Evaluations:
        for group in spread(place.region.log_groups):
            yield "AWS::Logs::LogGroup", group.name, good(group)

    return evaluate


def _alarms(good: Callable[[Alarm], bool]) -> RuleFunction:
    def evaluate(place: Place) -> Evaluations:
        for alarm in spread(place.region.alarms):
            yield "AWS::CloudWatch::Alarm", alarm_arn(place, alarm.name), good(alarm)

    return evaluate


def _rotated(group: UserGroup, index: int) -> bool | None:
    ages = [key.age.at(index, group.count) for key in group.keys if key.active]
    return all(age <= _QUARTER for age in ages) if ages else None


def _strong_passwords(place: Place) -> bool:
    policy = place.account.password_policy
    return (
        policy is not None
        and policy.min_length >= 14  # noqa: PLR2004 - the rule's default
        and policy.symbols
        and policy.numbers
        and policy.uppercase
        and policy.lowercase
        and (policy.reuse_prevention or 0) >= 24  # noqa: PLR2004 - the rule's default
        and policy.max_age is not None
        and policy.max_age <= _QUARTER
    )


RULES: Mapping[str, RuleFunction] = {
    "S3_BUCKET_VERSIONING_ENABLED": _buckets(lambda b: b.versioning == "Enabled"),
    "S3_BUCKET_SSL_REQUESTS_ONLY": _buckets(lambda b: b.tls_only),
    "S3_BUCKET_LOGGING_ENABLED": _buckets(lambda b: b.logs_to is not None),
    "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED": _buckets(lambda b: b.public_block),
    "S3_BUCKET_SERVER_SIDE_ENCRYPTION_ENABLED": _buckets(lambda _: True),
    "S3_DEFAULT_ENCRYPTION_KMS": _buckets(lambda b: b.key is not None),
    "S3_LIFECYCLE_POLICY_CHECK": _buckets(lambda b: b.expire is not None),
    "S3_ACCOUNT_LEVEL_PUBLIC_ACCESS_BLOCKS_PERIODIC": _account(lambda p: p.account.public_block),
    "IAM_USER_MFA_ENABLED": _users(lambda group, _: group.mfa),
    "MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS": _users(
        lambda group, _: group.mfa if group.console else None
    ),
    "ACCESS_KEYS_ROTATED": _users(_rotated),
    "ROOT_ACCOUNT_MFA_ENABLED": _account(lambda p: p.account.root.mfa),
    "IAM_ROOT_ACCESS_KEY_CHECK": _account(lambda p: not p.account.root.access_keys),
    "IAM_PASSWORD_POLICY": _account(_strong_passwords),
    "MULTI_REGION_CLOUD_TRAIL_ENABLED": _account(
        lambda p: any(trail.multi_region and trail.logging for trail in p.account.trails)
    ),
    "CMK_BACKING_KEY_ROTATION_ENABLED": _keys(lambda key: key.rotates),
    "KMS_CMK_NOT_SCHEDULED_FOR_DELETION": _keys(lambda key: key.state != "PendingDeletion"),
    "CLOUDWATCH_LOG_GROUP_ENCRYPTED": _log_groups(lambda group: group.key is not None),
    "CW_LOGGROUP_RETENTION_PERIOD_CHECK": _log_groups(
        lambda group: (group.retention or 10 * _YEAR) >= _YEAR
    ),
    "CLOUDWATCH_ALARM_ACTION_ENABLED_CHECK": _alarms(lambda alarm: alarm.enabled),
}
"""By identifier; the rules that an estate file may deploy."""
