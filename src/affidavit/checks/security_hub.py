"""Evidence of AWS Security Hub: each finding of a control as it stands, its status passed through.

PASSED is COMPLIANT and FAILED is NON_COMPLIANT. Anything else decides nothing and leaves the
control open: WARNING, NOT_AVAILABLE, a finding without a status, and a suppressed finding, whose
status is then SUPPRESSED as with Audit Manager. Where there is no finding at all, that is said: the
standard or the control is off, or was not checked yet.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from affidavit.checks.answers import Answer, Answers
from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement
from affidavit.checks.security_hub_controls import FINDINGS, finding_parameters, is_finding
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason
from affidavit.model.verdict import Standing, Verdict

CHECK: Final = "security-hub-finding"
"""Id of the check behind Security Hub's own verdicts (`collector.custom`)."""
SAYS: Final = "Security Hub says"
"""What the reason of a finding's record begins with; its status follows."""
SUPPRESSED: Final = "SUPPRESSED"
_VERDICTS: Final[Mapping[str, Verdict]] = {
    "PASSED": Verdict.COMPLIANT,
    "FAILED": Verdict.NON_COMPLIANT,
}


def finding_judgements(
    catalogue: Catalogue, facts: Facts, region: str, keyword: str, now: datetime
) -> Iterator[Judgement]:
    """Yield what Security Hub says of a control in a Region, at least one judgement."""
    answers = Answers(catalogue, facts, now, {})
    answer = answers.ask(FINDINGS, region, finding_parameters(keyword, facts.account_id, region))
    if answer.gap is not None:
        words = f"The findings of {keyword} are not wholly known: {answer.gap.message}"
        yield _open(answers, answer, region, words, answer.gap)
    found = False
    for index, finding in enumerate(answer.body.get("Findings", [])):
        if is_finding(finding, keyword, facts.account_id, region):
            found = True
            yield _judgement(answers, answer, region, index, finding)
    if not found and answer.gap is None:
        words = (
            f"Security Hub has no finding of {keyword} here: its standard or the control is not"
            " enabled, or was not checked yet."
        )
        gap = answers.gap(FINDINGS, region, {}, GapReason.NOT_ENABLED, words)
        yield _open(answers, answer, region, words, gap)


def _judgement(
    answers: Answers, answer: Answer, region: str, index: int, finding: Mapping[str, Any]
) -> Judgement:
    status = _status(finding)
    verdict = _VERDICTS.get(status, Verdict.NOT_APPLICABLE)
    resource: Mapping[str, Any] = next(iter(finding.get("Resources", [])), {})
    identifier = str(resource.get("Id", ""))
    title = str(finding.get("Title", "")).strip()
    return Judgement(
        check_id=CHECK,
        verdict=verdict,
        standing=Standing.JUDGED if status in _VERDICTS else Standing.UNDECIDED,
        reason=f"{SAYS} {status or 'nothing'}" + (f": {title}" if title else "."),
        arn=identifier if identifier.startswith("arn:") else "",
        resource_type=str(resource.get("Type", "")),
        region=region,
        inputs=_cite(answers, answer, f"/Findings/{index}"),
        attributes=_attributes(finding, status, identifier),
        synthetic=answer.synthetic,
    )


def _status(finding: Mapping[str, Any]) -> str:
    """Return the finding's status; SUPPRESSED where a person set it aside."""
    workflow = finding.get("Workflow", {}).get("Status") or finding.get("WorkflowState", "")
    if workflow == SUPPRESSED:
        return SUPPRESSED
    return str(finding.get("Compliance", {}).get("Status", ""))


def _attributes(finding: Mapping[str, Any], status: str, identifier: str) -> dict[str, str]:
    texts = {
        "status": status,
        "finding": str(finding.get("Id", "")),
        "generator": str(finding.get("GeneratorId", "")),
        "resource": identifier,
        "severity": str(finding.get("Severity", {}).get("Label", "")),
        "workflow": str(finding.get("Workflow", {}).get("Status", "")),
        "updated": str(finding.get("UpdatedAt", "")),
    }
    return {name: text for name, text in texts.items() if text}


def _open(answers: Answers, answer: Answer, region: str, words: str, gap: Gap) -> Judgement:
    return Judgement(
        check_id=CHECK,
        verdict=Verdict.NOT_APPLICABLE,
        standing=Standing.UNDECIDED,
        reason=words,
        gap=gap,
        region=region,
        inputs=_cite(answers, answer, ""),
        synthetic=answer.synthetic,
    )


def _cite(answers: Answers, answer: Answer, pointer: str) -> tuple[Input, ...]:
    return () if answer.result is None else (answers.input(answer.result, pointer),)
