"""What a run found, for people and for scripts: by control set, and the worst first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Control
from affidavit.model.run import ControlVerdict, RunRecord
from affidavit.model.verdict import Verdict

SEVERITIES = ("critical", "high", "medium", "low")
WORST = 10
"""How many findings are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSummary:
    """One control set's controls by verdict."""

    id: str
    name: str
    controls: int
    compliant: int
    """Wholly compliant: a partial control counts only while its manual part is present."""
    automated_only: int
    """Compliant in the automated part, but the manual part is missing or expired."""
    non_compliant: int
    inconclusive: int
    gaps: int
    """Evidence records that say why something could not be collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One control's non-compliant resources of one check, and what to do."""

    control_id: str
    title: str
    severity: str
    check_id: str
    resources: int
    example: str
    """ARN of one of them, or the account."""
    expected: str
    """What the check expects, in words."""
    reason: str
    """Why this resource does not hold, as its evidence says."""
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in a page."""

    record: RunRecord
    sets: tuple[SetSummary, ...]
    worst: tuple[Finding, ...]
    non_compliant: int
    """Evidence records that are NON_COMPLIANT."""

    def to_json(self) -> dict[str, Any]:
        """Return the summary for `--json`; member names are part of the command's contract."""
        record = self.record
        return {
            "run": record.run_id,
            "assessment": record.assessment_id,
            "tenant": record.tenant,
            "day": record.day.isoformat(),
            "synthetic": record.synthetic,
            "accounts": list(record.estate.accounts),
            "regions": list(record.estate.regions),
            "leftOut": [
                {"account": x.account_id, "region": x.region, "why": x.why}
                for x in record.estate.left_out
            ],
            "questions": record.operations,
            "naiveQuestions": record.naive_operations,
            "httpRequests": record.calls,
            "evidence": record.evidence,
            "nonCompliantEvidence": self.non_compliant,
            "gaps": dict(record.gaps),
            "controls": {k: v.to_json() for k, v in record.controls.items()},
            "worst": [
                {
                    "control": f.control_id,
                    "severity": f.severity,
                    "check": f.check_id,
                    "resources": f.resources,
                    "example": f.example,
                    "expected": f.expected,
                    "reason": f.reason,
                    "todo": f.todo,
                }
                for f in self.worst
            ],
        }


def summarise(catalogue: Catalogue, record: RunRecord, evidence: Iterable[Evidence]) -> RunSummary:
    """Return the summary of one run from its record and its evidence (read once, not kept)."""
    framework = catalogue.framework
    controls = {control.id: control for control in framework.controls()}
    groups: dict[tuple[str, str], tuple[int, Evidence]] = {}
    count = 0
    for item in evidence:
        if item.verdict is Verdict.NON_COMPLIANT:
            count += 1
            key = (item.control_id, item.check_id)
            seen, first = groups.get(key, (0, item))
            groups[key] = (seen + 1, first)
    findings = [
        _finding(controls[control_id], catalogue.checks[check_id], n, first)
        for (control_id, check_id), (n, first) in groups.items()
    ]
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), -f.resources, f.control_id))
    return RunSummary(
        record=record,
        sets=tuple(
            _set(s.id, s.name, [record.controls[c.id] for c in s.controls])
            for s in framework.control_sets
        ),
        worst=tuple(_one_a_check(findings)[:WORST]),
        non_compliant=count,
    )


def _one_a_check(findings: list[Finding]) -> list[Finding]:
    """Return the findings without repeating a check that a worse control already shows."""
    shown: dict[str, Finding] = {}
    for finding in findings:
        shown.setdefault(finding.check_id, finding)
    return list(shown.values())


def _finding(control: Control, check: Check, resources: int, first: Evidence) -> Finding:
    return Finding(
        control_id=control.id,
        title=control.title,
        severity=control.severity,
        check_id=first.check_id,
        resources=resources,
        example=first.resource_arn or f"account {first.account_id}, {first.region}",
        expected=check.words,
        reason=first.reason,
        todo=check.remedy or control.action_plan.title,
    )


def _set(set_id: str, name: str, verdicts: list[ControlVerdict]) -> SetSummary:
    by: Mapping[Verdict, list[ControlVerdict]] = {
        verdict: [v for v in verdicts if v.verdict is verdict] for verdict in Verdict
    }
    automated_only = sum(v.manual != "" for v in by[Verdict.COMPLIANT])
    return SetSummary(
        id=set_id,
        name=name,
        controls=len(verdicts),
        compliant=len(by[Verdict.COMPLIANT]) - automated_only,
        automated_only=automated_only,
        non_compliant=len(by[Verdict.NON_COMPLIANT]),
        inconclusive=len(by[Verdict.NOT_APPLICABLE]),
        gaps=sum(sum(v.gaps.values()) for v in verdicts),
    )
