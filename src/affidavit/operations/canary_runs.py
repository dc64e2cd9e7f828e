"""One run of a canary: ask, compare with its threshold, keep, alert, publish metrics.

A run that could not be made at all (no access, no model) is kept as an error and alerts; it is
never taken for a pass. The journal of prompts makes a killed run go on where it stood.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from affidavit.alerting.alert import Alert
from affidavit.aws.metrics import Datum, put_metrics
from affidavit.errors import AffidavitError, CollectError, StoreConflictError, UsageError
from affidavit.model.times import iso, parse
from affidavit.operations import alerts, canaries, prompt_asking
from affidavit.operations.accounts import has_left
from affidavit.operations.canaries import Canary
from affidavit.operations.canary_budget import spent_with
from affidavit.operations.context import Context
from affidavit.operations.prompt_aids import Aids
from affidavit.operations.prompt_asking import Asking
from affidavit.operations.prompt_runs import PromptOutcome
from affidavit.operations.tenant_bindings import aws_of
from affidavit.prompts import results as counted
from affidavit.prompts.results import Tally
from affidavit.prompts.runner import RunSettings
from affidavit.store.documents import Document

NAMESPACE: Final = "CloudWatchSynthetics"
STOPPED: Final = "stopped"
"""State of a run that its budget ended: nothing is known of the cases that were not asked."""
ACT: Final = "Whoever answers for the model; the cases are named by `affidavit canary runs`."


def run(context: Context, tenant: str, task: Document) -> None:
    """Do one run; what it came to is kept once, whoever does it again."""
    found = context.store.documents.get(tenant, canaries.KIND, task.body["canary"])
    if found is None or has_left(context, tenant):
        return
    canary, slot = canaries.canary_of(found), parse(task.body["slot"])
    known = canaries.run_document(canary, slot, {})
    if context.store.documents.get(tenant, canaries.RUN, known.id) is None:
        try:
            body = _asked(context, canary, slot, found.body.get("spent", {}))
        except (UsageError, CollectError) as error:
            body = {"state": "error", "why": error.in_a_line}
        _keep(context, canary, slot, body)
    kept = context.store.documents.get(tenant, canaries.RUN, known.id)
    if kept is not None:
        _tell(context, canary, kept.body)
        _publish(context, canary, kept.body)


def failed(context: Context, tenant: str, task: Document, why: str) -> None:
    """Keep a run that was given up as an error, and alert."""
    found = context.store.documents.get(tenant, canaries.KIND, task.body["canary"])
    if found is None:
        return
    canary, slot = canaries.canary_of(found), parse(task.body["slot"])
    body = {"state": "error", "why": why}
    _keep(context, canary, slot, body)
    _tell(context, canary, body)


def _asked(
    context: Context, canary: Canary, slot: datetime, spent: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask all cases, and return what they came to."""
    suite, began = canaries.suite_of(context.store, canary), context.now()
    left = canary.budget.left(spent, began)
    if left.is_nothing:
        return {"state": STOPPED, "why": "The month's budget is used up: no case was asked."}
    asking = Asking(
        tenant=canary.tenant,
        suite=suite,
        model=canary.model,
        account_id=canary.account_id,
        region=canary.region,
        assessment_id=canary.assessment_id,
        occasion=iso(slot),
        aids=Aids(
            names=canary.names,
            meaning=canary.meaning,
            folder=context.settings.sentence_model,
        ),
        how=RunSettings(
            guardrail_id=canary.guardrail,
            guardrail_version=canary.guardrail_version,
            concurrency=context.settings.concurrency,
            budget_tokens=left.tokens,
            budget_cost=None if left.cost is None else float(left.cost),
            price_input=float(canary.budget.price_input or 0),
            price_output=float(canary.budget.price_output or 0),
        ),
    )
    came_to = _came_to(canary, prompt_asking.ask(context, asking))
    return {**came_to, "durationMs": int((context.now() - began).total_seconds() * 1000)}


def _came_to(canary: Canary, outcome: PromptOutcome) -> dict[str, Any]:
    """Return what is kept of a run's outcome."""
    tally = counted.tally(outcome.results)
    good = (counted.PASSED, counted.NOT_ASKED)
    wrong = [r["case"] for r in outcome.results if r["verdict"] not in good]
    stopped = f"The budget is used up: {tally.not_asked} of {tally.cases} cases were not asked."
    return {
        "state": _state(canary, tally),
        "runId": outcome.head["runId"],
        "synthetic": outcome.head["synthetic"],
        "cases": tally.cases,
        "passed": tally.passed,
        "failed": tally.failed,
        "undecided": tally.undecided + tally.not_asked,
        "families": {
            name: {"cases": t.cases, "passed": t.passed}
            for name, t in counted.by_family(outcome.results).items()
        },
        "wrong": sorted(wrong)[:50],
        "tokens": outcome.head["tokens"],
        "cost": str(outcome.head["cost"]),
        "why": stopped if tally.not_asked else "",
    }


def _state(canary: Canary, tally: Tally) -> str:
    """Return what a run came to; none at all is no pass.

    One that its budget stopped has not passed, whatever was asked until then; it has failed where
    it would have failed had all the other cases passed.
    """
    least = canary.least_rate * tally.cases
    if tally.not_asked:
        return STOPPED if tally.passed + tally.not_asked >= least else "failed"
    return "passed" if tally.cases and tally.passed >= least else "failed"


def _keep(context: Context, canary: Canary, slot: datetime, body: dict[str, Any]) -> None:
    put = canaries.run_document(canary, slot, {**body, "at": iso(context.now())})
    documents, now = context.store.documents, context.now()
    for _ in range(5):
        found = documents.get(canary.tenant, canaries.KIND, canary.name)
        puts = [put]
        if found is not None:
            told = {"state": body["state"], "last": {**put.body}}
            if "tokens" in body:
                before = found.body.get("spent", {})
                told["spent"] = spent_with(before, now, body["tokens"], body["cost"])
            puts.append(replace(found, body={**found.body, **told}))
        try:
            documents.act(canary.tenant, now=now, puts=puts)
        except StoreConflictError:
            if documents.get(canary.tenant, canaries.RUN, put.id) is not None:
                return
            continue
        return


def _tell(context: Context, canary: Canary, body: Mapping[str, Any]) -> None:
    """Alert where a run did not pass; tell the end where one passes again.

    That runs were missed is over as soon as one was made, whatever came of it.
    """
    key = f"canary:{canary.name}"
    if body["state"] in ("passed", "failed"):
        made = {"Run again": str(body["at"]), "state": body["state"]}
        alerts.recover(context, canary.tenant, canaries.missed_key(canary.name), made)
    if body["state"] == "passed":
        facts = {"passed": f"{body['passed']} of {body['cases']}"}
        alerts.recover(context, canary.tenant, key, facts)
        return
    facts = {"state": body["state"]}
    if body["state"] == "failed":
        facts |= {
            "passed": f"{body['passed']} of {body['cases']}",
            "threshold": f"{canary.least_rate:.2%}",
            "cases": ", ".join(body["wrong"][:10]),
        }
    if body["why"]:
        facts["why"] = str(body["why"])[:300]
    alert = Alert(
        key=key,
        kind="canary",
        severity="high",
        title=f"Canary {canary.name}: {canary.suite} against {canary.model}",
        facts=facts,
        where=f"{canary.account_id}/{canary.region}",
        act=ACT,
    )
    alerts.occur(context, canary.tenant, alert)


def _publish(context: Context, canary: Canary, body: Mapping[str, Any]) -> None:
    """Put CloudWatch Synthetics' metrics, where wanted; what is refused is told by an alert."""
    if not canary.publish_metrics or body["state"] not in ("passed", "failed"):
        return
    own = {"CanaryName": canary.name}
    success = 100.0 if body["state"] == "passed" else 0.0
    data = [
        Datum("SuccessPercent", success, "Percent", own),
        Datum("Duration", float(body["durationMs"]), "Milliseconds", own),
    ]
    for name, family in sorted(body["families"].items()):
        share = 100.0 * family["passed"] / family["cases"] if family["cases"] else 0.0
        data.append(Datum("SuccessPercent", share, "Percent", {**own, "StepName": name or "all"}))
    place = (canary.account_id, canary.region)
    try:
        put_metrics(aws_of(context, canary.tenant), place, NAMESPACE, data)
    except AffidavitError as error:
        alert = Alert(
            key=f"metrics:{canary.name}",
            kind="canary",
            severity="medium",
            title=f"Metrics of the canary {canary.name} could not be published",
            facts={"why": error.in_a_line[:300]},
            where=f"{canary.account_id}/{canary.region}",
            act="The owner of the account: allow the role cloudwatch:PutMetricData.",
        )
        alerts.occur(context, canary.tenant, alert)
        return
    alerts.recover(context, canary.tenant, f"metrics:{canary.name}", {"now": "published"})
