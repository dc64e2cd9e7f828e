"""The verdict of a control for a day, from its evidence, record by record.

The catalogue's rule: NON_COMPLIANT if any evidence is; else inconclusive if a verdict-bearing
source has a gap other than nothing to collect, or an applicable record is undecided; else COMPLIANT
if any evidence is; else inconclusive. A source bears a verdict when it names a check: activity and
manual evidence never decide. `report.verify` states the same rule again, on its own, on purpose.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from affidavit import __version__
from affidavit.collector.evidence import EvidenceMaker
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Control, Framework
from affidavit.model.observation import GapReason
from affidavit.model.run import ControlVerdict, RunRecord
from affidavit.model.verdict import Standing, Verdict


class ControlTally:
    """The evidence of one control, counted as it passes; the records themselves are not kept."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._verdicts: Counter[str] = Counter()
        self._gaps: Counter[str] = Counter()
        self._judged = 0
        self._undecided = 0
        self._accounts: set[str] = set()
        self._places: set[tuple[str, str]] = set()

    def add(self, evidence: Evidence) -> None:
        """Count one record."""
        self._verdicts[evidence.verdict.value] += 1
        if evidence.gap:
            self._gaps[evidence.gap] += 1
        if not evidence.check_id:
            return
        if is_open(evidence):
            self._undecided += 1
        elif evidence.verdict is not Verdict.NOT_APPLICABLE:
            self._judged += 1
            self._accounts.add(evidence.account_id)
            self._places.add((evidence.account_id, evidence.region))

    def verdict(self) -> Verdict:
        """Return the verdict of everything counted so far."""
        if self._verdicts[Verdict.NON_COMPLIANT.value]:
            return Verdict.NON_COMPLIANT
        if self._undecided or not self._verdicts[Verdict.COMPLIANT.value]:
            return Verdict.NOT_APPLICABLE
        return Verdict.COMPLIANT

    def result(self, manual: str) -> ControlVerdict:
        """Return the verdict with its counts; `manual` is '', missing, expired or present."""
        return ControlVerdict(
            control_id=self._control.id,
            control_set_id=self._control.control_set,
            verdict=self.verdict(),
            counts={verdict.value: self._verdicts[verdict.value] for verdict in Verdict},
            judged=self._judged,
            expected=self._judged + self._undecided,
            accounts=len(self._accounts),
            regions=len({region for _, region in self._places}),
            gaps=dict(sorted(self._gaps.items())),
            manual=manual,
        )


def is_open(evidence: Evidence) -> bool:
    """Tell whether a record of a verdict-bearing source leaves its control open."""
    gap = evidence.gap not in ("", GapReason.NOTHING_TO_COLLECT.value)
    return gap or evidence.standing is Standing.UNDECIDED


class Tally:
    """All controls of a framework, counted together."""

    def __init__(self, framework: Framework) -> None:
        self._controls = {control.id: ControlTally(control) for control in framework.controls()}
        self._partial = {c.id for c in framework.controls() if c.manual_evidence is not None}
        self.gaps: Counter[str] = Counter()
        self.evidence = 0
        self.synthetic = False

    def add(self, records: Iterable[Evidence]) -> None:
        """Count records of any control."""
        for record in records:
            self._controls[record.control_id].add(record)
            self.evidence += 1
            self.synthetic = self.synthetic or record.synthetic
            if record.gap:
                self.gaps[record.gap] += 1

    def results(self, manual: Mapping[str, str]) -> dict[str, ControlVerdict]:
        """Return every control's verdict; `manual`: the state of partial controls' manual parts."""
        return {
            control_id: tally.result(
                manual.get(control_id, "missing") if control_id in self._partial else ""
            )
            for control_id, tally in self._controls.items()
        }

    def record(
        self, maker: EvidenceMaker, catalogue: Catalogue, finished_at: datetime
    ) -> RunRecord:
        """Return the record of the run whose evidence was counted, without what it asked."""
        assessment, framework = maker.assessment, catalogue.framework
        return RunRecord(
            run_id=maker.run_id,
            assessment_id=assessment.id,
            assessment_name=assessment.name,
            tenant=assessment.tenant,
            sequence=0,
            previous="",
            framework_id=framework.id,
            framework_version=framework.version,
            catalogue_digest=catalogue.digest,
            day=maker.now.date(),
            started_at=maker.now,
            finished_at=finished_at,
            tool=f"affidavit {__version__}",
            synthetic=self.synthetic,
            estate=assessment.estate,
            operations=0,
            naive_operations=0,
            calls=0,
            gaps=dict(sorted(self.gaps.items())),
            controls={},
            evidence=self.evidence,
            first_leaf=-1,
            parameters=assessment.parameters,
        )
