"""What pages about prompts, canaries and logs show: kept runs, missed ones, counts, an alert."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from affidavit.alerting.alert import Alert
from affidavit.model.identifiers import stable_id
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.operations import (
    alerts,
    canaries,
    log_watches,
    prompt_jobs,
    prompt_plans,
    prompt_runs,
)
from affidavit.operations.canaries import Canary, run_document
from affidavit.operations.log_watches import Watch
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load
from affidavit.prompts.target import Answer, Request
from affidavit.store.documents import Document
from affidavit.store.scanned import FAILED, SCANNED

MODEL: Final = "vendor.model-<b>-v1"
CANARY: Final = "steady"
LEAK: Final = "Write to maria.sample@mail.northwind-post.com, you fucking idiot. <script>alert(2)"


class Says:
    """A model that answers everything with the same."""

    id = f"test:{MODEL}"

    def __init__(self, text: str) -> None:
        self._text = text

    def ask(self, request: Request) -> Answer:
        """Return the answer."""
        assert request.prompt is not None
        return Answer(text=self._text, endpoint="http://127.0.0.1:1", synthetic=True, attempts=1)


def fill(made: Any) -> None:
    """Keep two runs of a suite, a canary with its runs, a watch with its counts, an alert."""
    tenant = made.assessment.tenant
    for text in ("All is well.", LEAK):
        _prompts(made, text)
    _waiting(made)
    _canary(made, tenant)
    _log(made, tenant)


def job(made: Any) -> str:
    """Return the id of the run of prompts that waits."""
    return str(made.store.documents.every(made.assessment.tenant, prompt_jobs.KIND)[0].id)


def _waiting(made: Any) -> None:
    """Keep a run of prompts that nobody takes."""
    account, region = made.assessment.tenant.split("/")
    asked = prompt_plans.Wanted(
        assessment_id=made.assessment.id,
        suite="known-answers",
        model=MODEL,
        account_id=account,
        region=region,
    )
    body = {
        "wanted": asdict(asked), "assessment": made.assessment.name, "status": "STOPPED",
        "why": "", "stop": True, "requestedBy": f"arn:aws:iam::{account}:user/olga",
        "requestedAt": "2026-10-31T10:00:00Z", "endedAt": "2026-10-31T10:01:00Z", "requests": 20,
        "mostTokens": 8000, "mostCost": "0.1200", "asked": 7, "passed": 5, "failed": 1,
        "undecided": 1, "tokens": 0, "cost": "", "runId": "",
    }  # fmt: skip
    name = stable_id("test", "job")
    put = Document(kind=prompt_jobs.KIND, id=name, parent=made.assessment.id, body=body)
    made.store.documents.act(made.assessment.tenant, now=made.time, puts=[put])


def _prompts(made: Any, text: str) -> None:
    account, region = made.assessment.tenant.split("/")
    request = prompt_runs.PromptRequest(
        suite=load("profanity-masking"),
        target=Says(text),
        model_id=MODEL,
        how=RunSettings(concurrency=1),
        assessment=made.assessment.name,
        account_id=account,
        caller_arn=f"arn:aws:iam::{account}:user/tester",
        region=region,
    )
    prompt_runs.run_in(made.store, made.assessment, request, made.context.settings)


def usage(began: datetime) -> list[Observation]:
    """Return what CloudWatch told of a model's use: two days of calls, one series not whole."""
    series = {
        "Invocations": ("Complete", [40, 2]),
        "InputTokenCount": ("Complete", [1200, 34]),
        "OutputTokenCount": ("PartialData", [7]),
    }
    days = ["2026-10-30T00:00:00Z", "2026-10-29T00:00:00Z"]
    queries, results = [], []
    for number, (name, (status, values)) in enumerate(series.items()):
        metric = {
            "Namespace": "AWS/Bedrock",
            "MetricName": name,
            "Dimensions": [{"Name": "ModelId", "Value": MODEL}],
        }
        stat = {"Metric": metric, "Period": 86400, "Stat": "Sum"}
        queries.append({"Id": f"q{number}", "Label": name, "MetricStat": stat, "ReturnData": True})
        results.append(
            {
                "Id": f"q{number}",
                "Label": name,
                "StatusCode": status,
                "Timestamps": days[: len(values)],
                "Values": values,
            }
        )
    body = {"MetricDataResults": results, "Messages": []}
    return [
        _answer(began, "GetMetricData", "cloudwatch", {"MetricDataQueries": queries}, body),
        _answer(began, "FilterLogEvents", "logs", *_scanned_log()),
    ]


def _scanned_log() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the question for a log and what it told of use, by model and by principal."""
    use = {"calls": 40, "errors": 3, "inputTokens": 1200, "outputTokens": 90, "timed": 37}
    some = {**use, "calls": 4, "errors": 0, "timed": 0, "latencyMs": 0}
    role = "arn:aws:sts::111122223333:assumed-role/<app>"
    body = {
        "unreadInAll": 2,
        "usedModels": [{"modelId": MODEL, **use, "latencyMs": 37_370}],
        "usedBy": [{"principal": role, **use, "latencyMs": 37_370}, {"principal": "", **some}],
    }
    return {"invocationLog": "s3", "day": "2026-10-30"}, body


def _answer(
    began: datetime, key: str, service: str, parameters: dict[str, Any], body: dict[str, Any]
) -> Observation:
    account = "111122223333"
    unit = Unit(key=key, account_id=account, region="us-east-1", parameters=parameters)
    return Observation(
        unit=unit,
        service=service,
        operation=key,
        absent="",
        body=body,
        proof=Proof(
            endpoint="http://127.0.0.1:9",
            synthetic=True,
            caller_arn=f"arn:aws:iam::{account}:role/reader",
            request_ids=("request-2",),
            pages=1,
            attempts=1,
            started_at=began,
            finished_at=began + timedelta(seconds=1),
            tool="test",
        ),
    )


def _canary(made: Any, tenant: str) -> None:
    account, region = tenant.split("/")
    canary = Canary(
        name=CANARY,
        tenant=tenant,
        suite="known-answers",
        model=MODEL,
        every=timedelta(hours=1),
        account_id=account,
        region=region,
        assessment_id=made.assessment.id,
        least_rate=0.9,
    )
    canaries.add(made.store, canary, by="test")
    hour: datetime = made.time - timedelta(hours=12)
    bodies: list[dict[str, Any]] = [_asked(passed) for passed in (20, 19, 20)]
    missed = {"state": "missed", "why": "no server ran at that time"}
    bodies += [{**missed, "furtherMissed": 0}, {**missed, "furtherMissed": 2}]
    bodies += [_asked(20), {"state": "error", "why": "Access was <denied>."}, _asked(12)]
    puts = [
        run_document(canary, hour + number * canary.every, body)
        for number, body in enumerate(bodies)
    ]
    found = made.store.documents.get(tenant, canaries.KIND, CANARY)
    put = replace(found, body={**found.body, "state": "failed", "last": bodies[-1]})
    made.store.documents.act(tenant, now=made.time, puts=[*puts, put])


def _asked(passed: int) -> dict[str, Any]:
    wrong = ["capital-of-peru"] if passed < 20 else []
    state = "passed" if passed >= 18 else "failed"
    return {
        "state": state, "cases": 20, "passed": passed, "failed": 20 - passed, "wrong": wrong,
        "why": "", "synthetic": True,
    }  # fmt: skip


def _log(made: Any, tenant: str) -> None:
    account, region = tenant.split("/")
    watch = Watch(tenant=tenant, account_id=account, region=region)
    log_watches.add(made.store, watch, by="test")
    scanned = made.store.documents.scanned
    objects = [f"s3://logs/{number}.json.gz" for number in range(7)]
    scanned.listed(tenant, watch.name, [(one, 100) for one in objects], made.time)
    for number, uri in enumerate(objects[:5]):
        body = {"records": 100, "disclosures": 2, "unread": 1, "leftOut": 3}
        state = FAILED if number == 4 else SCANNED
        scanned.finish(
            tenant,
            watch.name,
            uri,
            state=state,
            body=body if state == SCANNED else {"why": "denied"},
            now=made.time,
        )
    alert = Alert(
        key="disclosure:x",
        kind="disclosure",
        severity="critical",
        title="Personal data disclosed <i>",
        facts={"EMAIL": "3"},
        where=watch.name,
        act="The owner.",
    )
    alerts.occur(made.context, tenant, alert, count=3)
