"""AWS Backup: plans, recovery points of buckets, restore jobs."""

from datetime import timedelta

from affidavit.demo.overlay.bedrock import after, found
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import Bucket
from affidavit.demo.schema_region import BackupPlan
from affidavit.demo.world import Place

_PAGES = Paging("NextToken", "MaxResults", 5)
_MOST_PREVIEWED = 10
_BYTES = 50 << 30


def _backed_up(place: Place) -> list[Bucket]:
    """Return the buckets of this Region that have recovery points."""
    return [b for b in place.buckets() if b.region == place.region_name and b.backup]


def _points(place: Place, bucket: Bucket) -> list[Answer]:
    if bucket.backup is None:
        return []
    points = []
    for number in range(bucket.backup.points):
        name = place.names.uuid(*place.id("recovery point", bucket.name, number))
        points.append(
            {
                "RecoveryPointArn": place.arn("backup", f"recovery-point:{name}"),
                "CreationDate": place.ago(bucket.backup.age + number),
                "Status": "COMPLETED",
                "BackupSizeBytes": _BYTES,
                "BackupVaultName": bucket.backup.vault,
                "ResourceName": bucket.name,
                "VaultType": "BACKUP_VAULT",
            }
        )
        if bucket.backup.key:
            points[-1]["EncryptionKeyArn"] = place.key_arn(bucket.backup.key)
    return points


@answers("backup", "ListProtectedResources", paging=_PAGES)
def list_protected(call: Call) -> Answer:
    """Answer with the buckets that have been backed up."""
    place = call.place
    results = []
    for bucket in _backed_up(place):
        point = _points(place, bucket)[0]
        results.append(
            {
                "ResourceArn": f"arn:aws:s3:::{bucket.name}",
                "ResourceType": "S3",
                "ResourceName": bucket.name,
                "LastBackupTime": point["CreationDate"],
                "LastBackupVaultArn": place.arn(
                    "backup", f"backup-vault:{point['BackupVaultName']}"
                ),
                "LastRecoveryPointArn": point["RecoveryPointArn"],
            }
        )
    return {"Results": results}


@answers("backup", "ListRecoveryPointsByResource", honours=["ResourceArn"], paging=_PAGES)
def list_recovery_points(call: Call) -> Answer:
    """Answer with the recovery points of a bucket in this Region, newest first."""
    wanted = call.need("ResourceArn")
    for bucket in _backed_up(call.place):
        if wanted == f"arn:aws:s3:::{bucket.name}":
            return {"RecoveryPoints": _points(call.place, bucket)}
    return {"RecoveryPoints": []}


def _plan_id(place: Place, plan: BackupPlan) -> str:
    return place.names.uuid(*place.id("backup plan", plan.name))


def _plan(place: Place, plan: BackupPlan) -> Answer:
    identity = _plan_id(place, plan)
    return {
        "BackupPlanArn": place.arn("backup", f"backup-plan:{identity}"),
        "BackupPlanId": identity,
        "CreationDate": place.ago(plan.age),
        "VersionId": place.names.lower(48, *place.id("version", plan.name)),
        "LastExecutionDate": place.ago(plan.every_hours / 48),
    }


@answers("backup", "ListBackupPlans", paging=_PAGES)
def list_plans(call: Call) -> Answer:
    """Answer with the backup plans."""
    place = call.place
    plans = place.region.backup.plans
    return {
        "BackupPlansList": [{**_plan(place, plan), "BackupPlanName": plan.name} for plan in plans]
    }


@answers("backup", "GetBackupPlan", honours=["BackupPlanId", "MaxScheduledRunsPreview"])
def get_plan(call: Call) -> Answer:
    """Answer with a plan and as many of its next runs as are asked for."""
    place, wanted = call.place, call.need("BackupPlanId")
    plans = place.region.backup.plans
    plan = found(plans, lambda each: wanted == _plan_id(place, each), f"Plan {wanted}")
    rule_id = place.names.uuid(*place.id("backup rule", plan.name))
    schedule = "cron(0 5 ? * * *)" if plan.every_hours <= 24 else "cron(0 5 ? * 1 *)"  # noqa: PLR2004 - hours a day
    rule = {
        "RuleName": "keep",
        "TargetBackupVaultName": plan.vault,
        "ScheduleExpression": schedule,
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 480,
        "Lifecycle": {"DeleteAfterDays": plan.keep_days},
        "RuleId": rule_id,
    }
    answer = {
        **_plan(place, plan),
        "BackupPlan": {"BackupPlanName": plan.name, "Rules": [rule]},
    }
    runs = int(call.get("MaxScheduledRunsPreview", 0))
    if runs > _MOST_PREVIEWED:
        raise AwsError("InvalidParameterValueException", "At most 10 runs can be previewed")
    if runs:
        first, gap = place.ago(-0.3), timedelta(hours=plan.every_hours)
        answer["ScheduledRunsPreview"] = [
            {"ExecutionTime": first + n * gap, "RuleId": rule_id, "RuleExecutionType": "SNAPSHOTS"}
            for n in range(runs)
        ]
    return answer


@answers(
    "backup",
    "ListRestoreJobs",
    honours=["ByCreatedAfter", "ByStatus", "ByResourceType"],
    paging=_PAGES,
)
def list_restore_jobs(call: Call) -> Answer:
    """Answer with the restore jobs of buckets."""
    place = call.place
    status, kind = call.get("ByStatus"), call.get("ByResourceType", "S3")
    jobs = []
    for job in place.region.backup.restore_jobs:
        created = place.ago(job.age)
        if not after(call, "ByCreatedAfter", created) or status not in {None, job.status}:
            continue
        name = place.names.uuid(*place.id("restore", job.bucket, job.age))
        jobs.append(
            {
                "AccountId": place.account.id,
                "RestoreJobId": name,
                "RecoveryPointArn": place.arn("backup", f"recovery-point:{name}"),
                "CreationDate": created,
                "CompletionDate": place.ago(job.age - 0.1),
                "Status": job.status,
                "PercentDone": "100.00%",
                "BackupSizeInBytes": _BYTES,
                "IamRoleArn": place.global_arn("iam", "role/BackupRestore"),
                "CreatedResourceArn": f"arn:aws:s3:::{job.bucket}",
                "ResourceType": "S3",
            }
        )
    return {"RestoreJobs": jobs if kind == "S3" else []}
