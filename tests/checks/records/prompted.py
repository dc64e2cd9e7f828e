"""An account whose models are called, logged and asked prompts, as tests of prompt runs say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.checks.records.conftest import ACCOUNT, GUARDRAIL, HOME, NOW, FakeAccount
from tests.checks.records.test_invocation_scans import LOG, body

from affidavit.checks.judge import Judgement, judge
from affidavit.checks.records import build
from affidavit.checks.rules import effective_parameters
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.times import iso
from affidavit.model.verdict import Standing, Verdict

DAY = "2026-03-14"
PASSED = {"case": "1#0", "verdict": "passed", "metadata": {}, "favour": ""}
SUITES = (
    "denied-topics", "fairness-pairs", "known-answers", "pii-masking", "profanity-masking",
    "prompt-injection", "refusal",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run of a suite whose cases all passed, or failed."""

    model: str
    guardrail: tuple[str, str] = ("", "")
    suite: str = "refusal"
    passed: bool = True
    asked: str = ""
    """When its case was asked; empty: it does not say."""
    synthetic: bool = False
    """Whether another than AWS answered."""
    not_asked: int = 0
    """Cases that its budget kept from being asked."""
    enforced: Mapping[str, Any] = field(default_factory=lambda: {"guardrails": []})
    """What the run tells of guardrails that the account enforced."""
    trace: Mapping[str, Any] = field(default_factory=dict)
    """Of the guardrails, in its answer."""
    favours: Mapping[str, str] = field(default_factory=dict)
    """Of a run of pairs: by group a letter for each answer, y(es), n(o), or ? for neither."""


@dataclass(slots=True, kw_only=True)
class Prompted:
    """What is in use, what the log tells, and what was run."""

    account: FakeAccount
    invoked: Mapping[str, float | None] = field(default_factory=dict)
    """By ModelId: calls of yesterday that CloudWatch counted, or None: it does not say."""
    earlier: Mapping[str, float] = field(default_factory=dict)
    """Calls of ten days ago."""
    logged: Mapping[str, Mapping[tuple[str, str], int]] | None = field(default_factory=dict)
    """By model: yesterday's calls by guardrail; None: nothing is logged."""
    dimensions: tuple[str, ...] = ("ModelId",)
    """Of the series that CloudWatch lists; the others than ModelId have any value."""
    scan: Mapping[str, Any] = field(default_factory=dict)
    """More of what the scan of the log says."""
    runs: Sequence[Ran] = ()
    has_guardrail: bool = True
    draft_changed: str = "2026-03-01T00:00:00Z"
    """When the guardrail's draft was changed last."""

    def judged(self, suite: str = "refusal", check: str = "prompts-pass") -> list[Judgement]:
        """Return the judgements of a suite at home."""
        self._answer()
        facts = self.account.facts()
        for number, one in enumerate(self.runs):
            for case in _cases(number, one):
                facts.add(case)
        catalogue = self.account.catalogue
        built = build(catalogue, facts, NOW, self.account.params)
        place = next(p for p in built.places if p.region == HOME)
        params = effective_parameters(catalogue.checks[check], {"suite": suite}, {})
        return list(judge(catalogue, place, check, params, NOW))

    def verdict(self, suite: str = "refusal") -> Verdict:
        """Return what a control over the suite would come out as (as `collector.verdicts`)."""
        found = self.judged(suite)
        verdicts = {one.verdict for one in found}
        if Verdict.NON_COMPLIANT in verdicts:
            return Verdict.NON_COMPLIANT
        open_ = any(one.standing is Standing.UNDECIDED for one in found)
        passed = Verdict.COMPLIANT in verdicts and not open_
        return Verdict.COMPLIANT if passed else Verdict.NOT_APPLICABLE

    def _answer(self) -> None:
        draft = {
            "id": "gr1234567890", "arn": GUARDRAIL, "name": "main", "status": "READY",
            "version": "DRAFT", "updatedAt": self.draft_changed,
        }  # fmt: skip
        listed = [draft] if self.has_guardrail else []
        self.account.answers("ListGuardrails", {"guardrails": listed})
        names = sorted({*self.invoked, *self.earlier})
        metrics = [
            {
                "Namespace": "AWS/Bedrock",
                "MetricName": "Invocations",
                "Dimensions": [
                    {"Name": one, "Value": name if one == "ModelId" else "1"}
                    for one in self.dimensions
                ],
            }
            for name in names
        ]
        self.account.answers("ListMetrics", {"Metrics": metrics})
        self.account.answers("GetMetricData", self._sums)
        if self.logged is None:
            self.account.answers("GetModelInvocationLoggingConfiguration", {})
            return
        models = [_logged(name, calls) for name, calls in sorted(self.logged.items())]
        scan = {**body(), "models": models, **self.scan}
        self.account.answers("GetModelInvocationLoggingConfiguration", LOG)
        self.account.answers("FilterLogEvents", scan)

    def _sums(self, unit: Unit) -> Mapping[str, Any]:
        queries = unit.parameters["MetricDataQueries"]
        return {"MetricDataResults": [self._sum(query) for query in queries], "Messages": []}

    def _sum(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        metric, _, name = query["Label"].partition(" ")
        points = {}
        if metric == "Invocations" and name:
            points = {f"{DAY}T00:00:00Z": self.invoked.get(name, 0.0)}
            points["2026-03-05T00:00:00Z"] = self.earlier.get(name, 0.0)
        known = None not in points.values()
        return {
            "Id": query["Id"],
            "Label": query["Label"],
            "StatusCode": "Complete" if known else "InternalError",
            "Timestamps": list(points) if known else [],
            "Values": list(points.values()) if known else [],
        }


def _logged(name: str, calls: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    total = sum(calls.values())
    return {
        "modelId": name, "records": total, "errors": 0, "incomplete": 0,
        "unguarded": calls.get(("", ""), 0), "intervened": 0, "refused": 0, "profane": 0,
        "personal": [],
        "guardrails": [
            {"guardrailId": i, "guardrailVersion": v, "records": n}
            for (i, v), n in sorted(calls.items())
        ],
    }  # fmt: skip


def _cases(number: int, one: Ran) -> Iterator[Observation]:
    verdict = "passed" if one.passed else "failed"
    results = [{**PASSED, "verdict": verdict}] * (not one.favours)
    for group, letters in one.favours.items():
        for place, letter in enumerate(letters):
            favour = {"y": "yes", "n": "no", "?": ""}[letter]
            told = {"verdict": "passed" if favour else "undecided", "favour": favour}
            about = {"metadata": {"attribute": "origin", "group": group}}
            results.append({**PASSED, "case": f"{group}#{place}", **told, **about})
    for result in results:
        yield _case(number, one, result, len(results))


def _case(number: int, one: Ran, case: Mapping[str, Any], asked: int) -> Observation:
    run = {
        "suite": one.suite, "suiteDigest": "d", "shipped": True, "runId": f"run-{number}",
        "modelId": one.model, "guardrailId": one.guardrail[0], "guardrailVersion": one.guardrail[1],
        "cases": asked + one.not_asked, "finishedAt": iso(NOW), "summary": {},
        "kind": "parity" if one.favours else "pass",
        "stopped": "budget" if one.not_asked else "", "enforced": one.enforced,
    }  # fmt: skip
    result = {**case, "askedAt": one.asked, "answer": {"guardrailTrace": one.trace}}
    return Observation(
        unit=Unit(
            key="Converse",
            account_id=ACCOUNT,
            region=HOME,
            parameters={"suite": one.suite, "promptRun": f"run-{number}", "case": case["case"]},
        ),
        service="bedrock-runtime",
        operation="Converse",
        absent="",
        body={"run": run, "result": result, "proof": {}},
        proof=Proof(
            endpoint="https://example.amazonaws.com:443", synthetic=one.synthetic, caller_arn="",
            request_ids=("1",), pages=1, attempts=1, started_at=NOW, finished_at=NOW, tool="test",
        ),
    )  # fmt: skip
