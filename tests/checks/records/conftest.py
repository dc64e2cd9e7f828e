"""An account in memory: answers by question, asked through the real fan-outs, wave by wave."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from affidavit.checks.facts import Facts
from affidavit.checks.fanout import FAN_OUTS, FanOutContext
from affidavit.checks.places import AccountRecords, Place
from affidavit.checks.records import build
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    Observation,
    Proof,
    Result,
    Unit,
)
from affidavit.model.times import iso, parse

ACCOUNT = "111122223333"
HOME = "us-east-1"
OTHER = "eu-west-1"
NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
WAVES = 10
"""More waves than the deepest chain of operations has."""

KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
GUARDRAIL = f"arn:aws:bedrock:{HOME}:{ACCOUNT}:guardrail/gr1234567890"
_ACCOUNT = yaml.safe_load((Path(__file__).parent / "account.yaml").read_text(encoding="utf-8"))

Answerer = Callable[[Unit], Mapping[str, Any]]


class FakeAccount:
    """Answers questions as told; what nobody told it is empty for lists and failed for the rest."""

    def __init__(self, catalogue: Catalogue, regions: tuple[str, ...] = (HOME, OTHER)) -> None:
        self.catalogue = catalogue
        self.regions = regions
        self.params: dict[str, dict[str, Any]] = {}
        self.synthetic = False
        self.asked: list[Unit] = []
        self._answers: dict[tuple[str, str], Mapping[str, Any] | Answerer] = {}
        self._absent: dict[str, str] = {}
        self._refused: dict[tuple[str, str], GapReason] = {}

    def answers(
        self, key: str, body: Mapping[str, Any] | Answerer, region: str = HOME
    ) -> "FakeAccount":
        """Answer every question of an operation in a Region, or as a function of the question."""
        place = GLOBAL_REGION if self.catalogue.operations[key].per_account else region
        self._answers[key, place] = body
        return self

    def absent(self, key: str, code: str) -> "FakeAccount":
        """Answer that there is none."""
        self._absent[key] = code
        return self

    def refuses(
        self, key: str, region: str = "", reason: GapReason = GapReason.DENIED
    ) -> "FakeAccount":
        """Refuse an operation, in one Region or in all."""
        self._refused[key, region] = reason
        return self

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Answer one question."""
        self.asked.append(unit)
        for region in (unit.region, ""):
            if (unit.key, region) in self._refused:
                reason = self._refused[unit.key, region]
                return self._gap(operation, unit, reason, f"{unit.key} is refused.")
        if unit.key in self._absent:
            return self._observation(operation, unit, {}, self._absent[unit.key])
        known = self._answers.get((unit.key, unit.region))
        body = known(unit) if callable(known) else known
        if body is not None:
            return self._observation(operation, unit, dict(body))
        if operation.operation.startswith(("List", "Describe", "Lookup")):
            return self._observation(operation, unit, {})
        return self._gap(operation, unit, GapReason.FAILED, f"{unit.key} has no answer.")

    def _observation(
        self, operation: Operation, unit: Unit, body: dict[str, Any], absent: str = ""
    ) -> Observation:
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent=absent,
            body=body,
            proof=self._proof(),
        )

    def _gap(self, operation: Operation, unit: Unit, reason: GapReason, message: str) -> Gap:
        return Gap(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            reason=reason,
            code="",
            message=message,
            proof=self._proof(),
        )

    def _proof(self) -> Proof:
        return Proof(
            endpoint="https://example.amazonaws.com:443",
            synthetic=self.synthetic,
            caller_arn=f"arn:aws:iam::{ACCOUNT}:role/Auditor",
            request_ids=("1",),
            pages=1,
            attempts=1,
            started_at=NOW,
            finished_at=NOW,
            tool="test",
        )

    def facts(self) -> Facts:
        """Ask everything that the fan-outs ask, until nothing new comes."""
        facts = Facts(ACCOUNT, self.regions)
        for _ in range(WAVES):
            before = len(self.asked)
            for operation in self.catalogue.operations.values():
                for region in (GLOBAL_REGION,) if operation.per_account else self.regions:
                    self._wave(facts, operation, region)
            if len(self.asked) == before:
                return facts
        raise AssertionError("the fan-outs never stop asking")

    def _wave(self, facts: Facts, operation: Operation, region: str) -> None:
        for unit in self.units(facts, operation.key, region):
            if facts.result(unit.key, unit.region, unit.parameters) is None:
                facts.add(self.call(operation, unit))

    def units(self, facts: Facts, key: str, region: str = HOME) -> list[Unit]:
        """Return what a fan-out asks, given these facts."""
        operation = self.catalogue.operations[key]
        context = FanOutContext(
            catalogue=self.catalogue,
            operation=operation,
            facts=facts,
            region=GLOBAL_REGION if operation.per_account else region,
            now=NOW,
            params=self.params,
        )
        return FAN_OUTS[operation.fan_out](context)

    def records(self, facts: Facts | None = None) -> AccountRecords:
        """Return the records of the account."""
        return build(self.catalogue, facts or self.facts(), NOW, self.params)

    def place(self, region: str = HOME) -> Place:
        """Return the records of one place."""
        return next(place for place in self.records().places if place.region == region)


@pytest.fixture
def empty(catalogue: Catalogue) -> FakeAccount:
    """Return an account in which there is nothing."""
    return FakeAccount(catalogue)


@pytest.fixture
def account(catalogue: Catalogue) -> FakeAccount:
    """Return a small account in which there is something of every kind (account.yaml)."""
    fake = FakeAccount(catalogue)
    for region, answers in _ACCOUNT["answers"].items():
        for key, body in answers.items():
            fake.answers(key, body, region)
    for key, code in _ACCOUNT["absent"].items():
        fake.absent(key, code)
    fake.answers("GetMetricData", sums({"Invocations": [40.0, 2.0], "InputTokenCount": [9.0]}))
    fake.answers("GetMetricData", sums({}), OTHER)
    fake.answers("ListGuardrails", _guardrail_list).answers("GetGuardrail", _guardrail)
    fake.answers("LookupEvents", _events).answers("GetBackupPlan", _backup_plan)
    content = base64.b64encode(_CREDENTIALS.encode()).decode()
    return fake.answers("GetCredentialReport", {"Content": content})


_CREDENTIALS = f"""user,arn,password_enabled,mfa_active
<root_account>,arn:aws:iam::{ACCOUNT}:root,not_supported,true
anna,arn:aws:iam::{ACCOUNT}:user/anna,true,false
"""


def _guardrail_list(unit: Unit) -> Mapping[str, Any]:
    """Answer with the draft, or with all versions of the one guardrail."""
    draft = {"id": "gr1234567890", "arn": GUARDRAIL, "name": "main", "status": "READY"}
    versions = ["DRAFT", "2", "10", "9"] if unit.parameters else ["DRAFT"]
    return {"guardrails": [{**draft, "version": version} for version in versions]}


def _guardrail(unit: Unit) -> Mapping[str, Any]:
    version = unit.parameters["guardrailVersion"]
    return {"guardrailArn": GUARDRAIL, "version": version, "status": "READY", "kmsKeyArn": KEY}


def _events(unit: Unit) -> Mapping[str, Any]:
    """Answer with one event, that somebody changed a guardrail."""
    name = unit.parameters["LookupAttributes"][0]["AttributeValue"]
    if name != "UpdateGuardrail":
        return {"Events": []}
    identity = {"arn": f"arn:aws:iam::{ACCOUNT}:user/anna"}
    detail = {"eventName": name, "userIdentity": identity, "errorCode": None}
    event = {"EventId": "1", "EventName": name, "EventSource": "bedrock.amazonaws.com"}
    return {"Events": [{**event, "CloudTrailEvent": json.dumps(detail)}]}


def _backup_plan(unit: Unit) -> Mapping[str, Any]:
    vault = "vault" if unit.parameters["BackupPlanId"] == "daily" else "another"
    return {"BackupPlan": {"Rules": [{"RuleName": "r", "TargetBackupVaultName": vault}]}}


def sums(values: Mapping[str, list[float]], status: str = "Complete") -> Answerer:
    """Return what answers metric queries: `values` by CloudWatch's metric name, else no points.

    The values are those of the last days, the latest first.
    """

    def result(unit: Unit, query: Mapping[str, Any]) -> Mapping[str, Any]:
        found = values.get(query["MetricStat"]["Metric"]["MetricName"], [])
        today = parse(unit.parameters["EndTime"]) - timedelta(days=1)
        return {
            "Id": query["Id"],
            "Label": query["Label"],
            "StatusCode": status,
            "Timestamps": [iso(today - timedelta(days=age)) for age in range(len(found))],
            "Values": found,
        }

    def answer(unit: Unit) -> Mapping[str, Any]:
        queries = unit.parameters["MetricDataQueries"]
        return {"MetricDataResults": [result(unit, query) for query in queries]}

    return answer


@pytest.fixture
def metric_sums() -> Callable[..., Answerer]:
    """Return the maker of answers to metric queries."""
    return sums
