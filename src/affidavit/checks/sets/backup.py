"""Records of the backup plans that fill the vaults of in-scope buckets."""

from collections.abc import Iterator

from affidavit.checks.backed_up import gaps_here
from affidavit.checks.drafts import View
from affidavit.checks.fanout import backup_plan_parameters
from affidavit.checks.places import Record, RecordSet

RULES = "BackupPlan.Rules"
POINTS = "ListRecoveryPointsByResource"


def backup_plan(view: View) -> RecordSet:
    """Return the plans with a rule for a vault that holds a recovery point of such a bucket.

    A plan that could not be read may be one of them: it is a record with a gap.
    """
    unknown = gaps_here(view.answers, view.region)
    gaps = (*view.gaps("ListBackupPlans"), *view.scoping_gaps(POINTS), *unknown)
    return view.finish(_plans(view), gaps)


def _plans(view: View) -> Iterator[Record]:
    path = "RecoveryPoints[].BackupVaultName"
    vaults = {found.value: found for found in view.scope.found(POINTS, view.region, path)}
    for found in view.items("ListBackupPlans") if vaults else ():
        draft = view.of(found)
        draft.join_ones(view.region, backup_plan_parameters(found.value))
        plan = draft.values.get("GetBackupPlan", {}).get("BackupPlan", {})
        targets = {rule.get("TargetBackupVaultName") for rule in plan.get("Rules", ())}
        if not draft.gaps and not targets & vaults.keys():
            continue
        draft.cite_found(vaults[name] for name in sorted(targets & vaults.keys()))
        draft.values["fact"] = {"vaults": sorted(vaults)}
        draft.attributes |= {"name": found.value.get("BackupPlanName")}
        yield draft.record(found.value["BackupPlanArn"])
