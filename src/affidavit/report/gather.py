"""From the last run's evidence to the pages of its controls: counted, the worst rows kept."""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from affidavit.collector.activity import EVENT_ID
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Control, ControlSource, SourceType
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Standing, Verdict
from affidavit.report.content import ControlPage, GapLine, ManualLine, Row, SetSection, SourceLine

ROWS = 20
"""Rows of evidence that a control's page shows; the rest stands in evidence.csv."""
AFTER_SIGN_OFF = "after sign-off"
"""The mark of evidence that is later than its control's review, as the API has it."""
CROSSWALK = {
    "nist_ai_rmf": "NIST AI RMF",
    "iso_42001": "ISO/IEC 42001",
    "eu_ai_act": "EU AI Act",
    "owasp_llm_2025": "OWASP LLM 2025",
    "aws_genai_lens": "AWS generative AI lens",
}
KINDS = ("compliant", "automated", "non_compliant", "inconclusive")
"""What controls are counted as; a partial control is never counted as plainly compliant."""


@dataclass(slots=True)
class _Seen:
    rows: list[tuple[int, int, Row]] = field(default_factory=list)
    """A heap with the best of the kept rows first, so that worse ones push it out."""
    records: int = 0
    out_of_scope: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    gaps: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


_WITHOUT_CHECK = {
    True: "What a person adds; it carries no verdict.",
    False: "Activity: shown, carries no verdict.",
}


class Gatherer:
    """Takes in evidence records one by one; keeps what the pages need and no more."""

    def __init__(
        self,
        catalogue: Catalogue,
        last_run: Mapping[str, Any],
        reviewed: Mapping[str, datetime] | None = None,
        period: Mapping[str, Counter[str]] | None = None,
        *,
        gone: bool = False,
        manual: Mapping[str, tuple[tuple[ManualLine, ...], int]] | None = None,
    ) -> None:
        """Take in the last run's records; or all, where they are chosen ones.

        `period`: of a choice, how many records there are by control and verdict. `gone`: the last
        run's evidence was deleted. `manual`: lines on manual evidence by control, and how many more
        there are.
        """
        self._manual = manual or {}
        self._gone = gone
        self._period = period
        self._catalogue = catalogue
        self._run = last_run
        self._reviewed = reviewed or {}
        self._seen: dict[str, _Seen] = {}

    def add(self, leaf: int, evidence: Evidence) -> None:
        """Count a record if it is of the last run or an event of its day, or chosen."""
        if self._period is None and not self._is_shown(evidence):
            return
        seen = self._seen.setdefault(evidence.control_id, _Seen())
        seen.records += 1
        seen.verdicts[evidence.verdict.value] += 1
        seen.sources.setdefault(evidence.source_id, Counter())[evidence.verdict.value] += 1
        if evidence.gap and evidence.gap != GapReason.NOTHING_TO_COLLECT.value:
            seen.gaps[evidence.gap] += 1
            seen.examples.setdefault(evidence.gap, evidence.reason)
        if evidence.standing is Standing.OUT_OF_SCOPE:
            seen.out_of_scope += 1
            return
        item = (-_rank(evidence), -leaf, self._row(leaf, evidence))
        if len(seen.rows) < ROWS:
            heapq.heappush(seen.rows, item)
        else:
            heapq.heappushpop(seen.rows, item)

    def _is_shown(self, evidence: Evidence) -> bool:
        """Tell whether a record is of the last run, or an event that another run of its day has."""
        if evidence.run_id == self._run["run_id"]:
            return True
        event = EVENT_ID in evidence.attributes and not evidence.check_id
        return event and evidence.time.date().isoformat() == self._run["day"]

    def sections(self, days: Mapping[str, Counter[str]]) -> tuple[SetSection, ...]:
        """Return the control sets with a page for each control."""
        return tuple(
            SetSection(
                id=control_set.id,
                name=control_set.name,
                principle=control_set.principle,
                controls=tuple(
                    self._page(control, days.get(control.id, Counter()))
                    for control in control_set.controls
                    if control.id in self._run["controls"]
                ),
            )
            for control_set in self._catalogue.framework.control_sets
        )

    def _page(self, control: Control, days: Counter[str]) -> ControlPage:
        said = self._run["controls"][control.id]
        seen = self._seen.get(control.id, _Seen())
        verdict, manual = said["verdict"], said["manual"]
        kind, status = status_of(verdict, manual)
        if control.id in self._reviewed:
            status += f", signed off on {self._reviewed[control.id].date()}"
        expected = control.manual_evidence
        lines, more = self._manual.get(control.id, ((), 0))
        return ControlPage(
            id=control.id,
            title=control.title,
            statement=control.statement,
            severity=control.severity,
            automation=control.automation,
            basis="; ".join(control.basis),
            verdict=verdict,
            status=status,
            kind=kind,
            judged=said["judged"],
            expected=said["expected"],
            accounts=said["accounts"],
            regions=said["regions"],
            days={v.value: days[v.value] for v in Verdict},
            sources=tuple(self._source(s, seen) for s in control.sources),
            rows=tuple(row for *_, row in sorted(seen.rows, key=lambda i: (i[0], i[1]))[::-1]),
            rest=seen.records - seen.out_of_scope - len(seen.rows),
            out_of_scope=seen.out_of_scope,
            gone=self._gone,
            held=seen.records,
            left_out=self._left_out(control.id, seen),
            gaps=tuple(
                GapLine(reason=reason.replace("_", " "), count=n, example=seen.examples[reason])
                for reason, n in seen.gaps.most_common()
            ),
            testing_information=control.testing_information,
            action_title=control.action_plan.title,
            action_instructions=control.action_plan.instructions,
            manual=manual,
            manual_expected=expected.expected if expected else (),
            manual_days=expected.renew_days if expected else 0,
            manual_items=lines,
            manual_rest=more,
            crosswalk=tuple(
                (CROSSWALK.get(name, name), ", ".join(items))
                for name, items in control.crosswalk.items()
                if items
            ),
        )

    def _left_out(self, control: str, seen: _Seen) -> dict[str, int]:
        """Return how many records of a control were not chosen, by verdict."""
        if self._period is None:
            return {}
        counts = self._period.get(control, Counter())
        return {v.value: counts[v.value] - seen.verdicts[v.value] for v in Verdict}

    def _row(self, leaf: int, evidence: Evidence) -> Row:
        """Return a record's line, marked where the record is later than its control's review."""
        row = _row(leaf, evidence)
        reviewed = self._reviewed.get(evidence.control_id)
        if reviewed is None or evidence.time <= reviewed:
            return row
        return replace(row, reason=f"[{AFTER_SIGN_OFF}] {row.reason}")

    def _source(self, source: ControlSource, seen: _Seen) -> SourceLine:
        counts = seen.sources.get(source.id, Counter())
        check = self._catalogue.checks.get(source.check)
        return SourceLine(
            type=source.type.value,
            keyword=source.keyword,
            check=source.check,
            words=check.words if check else _WITHOUT_CHECK[source.type is SourceType.MANUAL],
            remedy=check.remedy if check else "",
            compliant=counts[Verdict.COMPLIANT.value],
            non_compliant=counts[Verdict.NON_COMPLIANT.value],
            inconclusive=counts[Verdict.NOT_APPLICABLE.value],
        )


def status_of(verdict: str, manual: str) -> tuple[str, str]:
    """Return what a control is counted as, and its status in words."""
    words = Verdict(verdict).words
    if not manual:
        return ("compliant" if verdict == Verdict.COMPLIANT else verdict_kind(verdict)), words
    kind = "automated" if verdict == Verdict.COMPLIANT else verdict_kind(verdict)
    return kind, f"Automated part {words.lower()}, manual part {manual}"


def verdict_kind(verdict: str) -> str:
    """Return the kind of a verdict that is not COMPLIANT."""
    return "non_compliant" if verdict == Verdict.NON_COMPLIANT else "inconclusive"


def _rank(evidence: Evidence) -> int:
    """Return how far down a record stands in its table; the worst is 0."""
    if evidence.verdict is Verdict.NON_COMPLIANT:
        return 0
    if evidence.standing is Standing.UNDECIDED:
        return 1
    if evidence.gap and evidence.gap != GapReason.NOTHING_TO_COLLECT.value:
        return 2
    return 3 if evidence.verdict is Verdict.COMPLIANT else 4


def _row(leaf: int, evidence: Evidence) -> Row:
    manual = "manual evidence" if evidence.source_type == SourceType.MANUAL else ""
    return Row(
        verdict=evidence.verdict.value,
        resource=evidence.resource_arn or evidence.attributes.get("name", manual),
        where=f"{evidence.account_id} {evidence.region}",
        reason=evidence.reason,
        source=evidence.keyword or evidence.check_id or evidence.evidence_type,
        leaf=leaf,
    )
