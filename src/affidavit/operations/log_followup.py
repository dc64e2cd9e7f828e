"""What a day's collection says of invocation logs, told to those who must act."""

from datetime import date

from affidavit.alerting.alert import Alert
from affidavit.operations import alerts
from affidavit.operations.context import Context

KEYWORD = "InvocationLog_unlogged-calls"


def tell_unlogged(context: Context, tenant: str, assessment_id: str, day: date) -> int:
    """Alert on calls that CloudTrail recorded and no log holds, by place; return how many places.

    Those of a Region in which no log was read are among them. A place whose calls are all in the
    log again ends its alert.
    """
    told = 0
    found = context.store.evidence(assessment_id, day, day)
    for _, evidence in found:
        told_of = evidence.attributes
        counted = told_of.get("unlogged", told_of.get("without log"))
        if evidence.keyword != KEYWORD or counted is None:
            continue
        place = f"{evidence.account_id}/{evidence.region}"
        facts = {"calls in no log": counted, "calls": told_of["calls"]}
        if counted == "0":
            alerts.recover(context, tenant, f"unlogged:{place}", facts)
            continue
        alert = Alert(
            key=f"unlogged:{place}",
            kind="unlogged",
            severity="high",
            title="Models were called, and the calls are in no invocation log that was read",
            facts=facts,
            where=place,
            act="The owner of the account: see who calls, and how (control GENAI-RESP-07).",
        )
        alerts.occur(context, tenant, alert)
        told += 1
    return told
