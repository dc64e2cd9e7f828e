"""From an account's records to its evidence: one record per control, source and resource.

A judgement is made once per (check, parameters, place) and cited by every control that asks for it.
Every source yields at least one record: where there is nothing, the reason why.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from affidavit.checks.config import RECORDED, config_judgements, recorded_judgements
from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement, judge, judged_here
from affidavit.checks.records import Place
from affidavit.checks.rules import Evaluators, Rules, effective_parameters
from affidavit.checks.security_hub import CHECK as FOUND
from affidavit.checks.security_hub import finding_judgements
from affidavit.collector import manual
from affidavit.collector.activity import EVIDENCE_TYPES, activity, events_of, trail_entries
from affidavit.collector.configuration import Entry, configuration
from affidavit.collector.limited import Limited
from affidavit.collector.log_evidence import log_entries
from affidavit.collector.seen_events import left_out
from affidavit.model.canonical import plain_json
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.evidence import Evidence, Input
from affidavit.model.framework import Control, ControlSource, SourceType
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import GLOBAL_REGION, GapReason
from affidavit.model.run import Assessment
from affidavit.model.verdict import Standing, Verdict

UNMAPPED, NOT_DUE = "mapping-not-available", "not-due"
"""Checks of sources that nothing here collects, and that are not due today (WEEKLY, MONTHLY)."""

Judged = tuple[Judgement, str]
"""A judgement and its origin: direct or config."""


@dataclass(slots=True)
class EvidenceMaker:
    """Makes the evidence of one run; `account` is called once for each account."""

    catalogue: Catalogue
    assessment: Assessment
    run_id: str
    now: datetime
    only_new: bool = False
    """True for a run of activity alone: nothing is said where nothing is new."""
    randbits: Callable[[int], int] = secrets.randbits
    limited: Limited = field(default_factory=Limited)
    """Evaluates owners' rules; whoever gives it ends it."""
    _cache: dict[tuple[str, str, str], list[Judged]] = field(default_factory=dict)
    _answers: Collection[str] = ()
    _seen: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Events that earlier runs hold, by source."""

    def account(self, facts: Facts, places: tuple[Place, ...]) -> Iterator[Evidence]:
        """Yield all evidence of one account, control by control.

        Only what was really asked is cited, never a gap that we found without a question.
        """
        self._cache.clear()
        self._answers = {result.digest for result in facts}
        self._seen = left_out(facts)
        for control in self.catalogue.framework.controls():
            for source in control.sources:
                if source.type is not SourceType.MANUAL:
                    yield from self._source(control, source, facts, places)

    def unreached(self) -> Iterator[Evidence]:
        """Yield, for each account in scope that could not be entered, an open record a control.

        Otherwise a control could come out COMPLIANT that nobody looked at in that account.
        """
        for left in self.assessment.estate.left_out:
            if not left.unreached:
                continue
            for control in self.catalogue.framework.controls():
                sources = [s for s in control.sources if s.type is not SourceType.MANUAL]
                source = next((s for s in sources if s.check), next(iter(sources), None))
                if source is None:
                    continue
                check = self.catalogue.checks.get(source.check)
                yield self._evidence(
                    control,
                    source,
                    account_id=left.account_id,
                    region=GLOBAL_REGION,
                    reason=f"The account is in scope, but could not be entered. {left.why}",
                    gap=GapReason.DENIED.value,
                    standing=Standing.UNDECIDED if check else Standing.ACTIVITY,
                    check_id=check.id if check else "",
                    check_digest=check.digest if check else "",
                )

    def manual(self, account_id: str, region: str, states: Mapping[str, str]) -> Iterator[Evidence]:
        """Yield, once a run, whether each partial control's manual part is there (`manual`)."""
        for control in self.catalogue.framework.controls():
            source = next((s for s in control.sources if s.type is SourceType.MANUAL), None)
            reason = manual.words(control, states)
            if not reason or source is None:
                continue
            there = states.get(control.id) == manual.PRESENT
            yield self._evidence(
                control,
                source,
                account_id=account_id,
                region=region,
                reason=reason,
                gap="" if there else GapReason.NOTHING_TO_COLLECT.value,
                standing=Standing.ACTIVITY,
                origin="manual" if there else "",
            )

    def _source(
        self, control: Control, source: ControlSource, facts: Facts, places: tuple[Place, ...]
    ) -> Iterator[Evidence]:
        if source.check in (UNMAPPED, NOT_DUE):
            yield self._unasked(control, source, facts.account_id)
            return
        for place in places:
            if source.check in (RECORDED, FOUND):
                yield from self._recorded(control, source, facts, place)
                continue
            yield from self._shown(control, source, facts, place)
            if not source.check:
                continue
            check = self.catalogue.checks[source.check]
            if not judged_here(self.catalogue, check, place):
                continue
            parameters = effective_parameters(
                check, source.params, self.assessment.parameters.get(check.id, {})
            )
            text = plain_json(parameters).decode()
            for judgement, origin in self._judged(source, facts, place, parameters, text):
                yield self._from_judgement(
                    control, source, facts.account_id, judgement, origin, text
                )

    def _shown(
        self, control: Control, source: ControlSource, facts: Facts, place: Place
    ) -> Iterator[Evidence]:
        """Yield what carries no verdict: found in logs, configured, done."""
        if source.type is SourceType.INVOCATION_LOG:
            found = log_entries(facts, place, source.keyword)
            yield from self._without_verdict(control, source, facts, found)
        elif not source.check and source.type is SourceType.API_CALL:
            yield from self._configuration(control, source, facts, place)
        elif source.type is SourceType.CLOUDTRAIL:
            entries = [] if source.check else [*self._events(source, facts, place)]
            entries += trail_entries(facts, place, source.keyword)
            if source.check:  # what files lack or hide opens no check: LookupEvents is whole
                entries = [replace(entry, gap=None) for entry in entries]
            yield from self._without_verdict(control, source, facts, entries)

    def _events(self, source: ControlSource, facts: Facts, place: Place) -> Iterator[Entry]:
        known = self._seen.get(source.id, ())
        return activity(facts, place, source.keyword, known, only_new=self.only_new)

    def _judged(
        self,
        source: ControlSource,
        facts: Facts,
        place: Place,
        parameters: Mapping[str, Any],
        text: str,
    ) -> list[Judged]:
        narrowed = source.keyword if source.type is not SourceType.API_CALL else ""
        key = (f"{source.type}:{source.check}:{narrowed}", text, place.region)
        if key not in self._cache:
            self._cache[key] = list(self._judge(source, facts, place, parameters))
        return self._cache[key]

    def _judge(
        self, source: ControlSource, facts: Facts, place: Place, parameters: Mapping[str, Any]
    ) -> Iterator[Judged]:
        if source.type is SourceType.CONFIG:
            yield from config_judgements(
                self.catalogue, facts, place, source.keyword, parameters, self.now
            )
            return
        if source.type is SourceType.CLOUDTRAIL:
            place = replace(place, sets={**place.sets, "event": events_of(place, source.keyword)})
        rules: Evaluators = self.limited.of(source.check) if source.rule is not None else Rules
        for judgement in judge(self.catalogue, place, source.check, parameters, self.now, rules):
            yield judgement, "direct"

    def _recorded(
        self, control: Control, source: ControlSource, facts: Facts, place: Place
    ) -> Iterator[Evidence]:
        """Yield what AWS Config or Security Hub says by itself, in each Region."""
        if place.region == GLOBAL_REGION:
            return
        read = recorded_judgements if source.check == RECORDED else finding_judgements
        for judgement in read(self.catalogue, facts, place.region, source.keyword, self.now):
            origin = "" if judgement.gap else source.type.value
            yield self._from_judgement(
                control, source, facts.account_id, judgement, origin, plain_json({}).decode()
            )

    def _unasked(self, control: Control, source: ControlSource, account_id: str) -> Evidence:
        """Return the record that says why a source is not asked: not mapped, or not due today."""
        mapped = source.check != UNMAPPED
        gap = GapReason.NOTHING_TO_COLLECT if mapped else GapReason.NOT_CONFIGURED
        return self._evidence(
            control,
            source,
            account_id=account_id,
            region=GLOBAL_REGION,
            reason=source.note,
            gap=gap.value,
            standing=Standing.ACTIVITY if mapped else Standing.UNDECIDED,
            check_id="" if mapped else UNMAPPED,
            check_digest="" if mapped else self.catalogue.checks[UNMAPPED].digest,
        )

    def _configuration(
        self, control: Control, source: ControlSource, facts: Facts, place: Place
    ) -> Iterator[Evidence]:
        params = self.assessment.parameters
        for entry in configuration(
            self.catalogue, facts, place.region, source.keyword, now=self.now, params=params
        ):
            yield self._entry(control, source, facts.account_id, entry)

    def _without_verdict(
        self, control: Control, source: ControlSource, facts: Facts, entries: Iterable[Entry]
    ) -> Iterator[Evidence]:
        """Yield what logs hold, each thing for itself: activity, without a verdict.

        Of a source with a check it names the check, as all records of the source do.
        """
        check, text = self.catalogue.checks.get(source.check), plain_json({}).decode()
        if check is not None:
            own = self.assessment.parameters.get(check.id, {})
            parameters = effective_parameters(check, source.params, own)
            text = plain_json(parameters).decode()
        for entry in entries:
            yield self._entry(control, source, facts.account_id, entry, check=check, text=text)

    def _entry(
        self,
        control: Control,
        source: ControlSource,
        account_id: str,
        entry: Entry,
        check: Check | None = None,
        text: str = "{}",
    ) -> Evidence:
        gap = entry.gap.reason.value if entry.gap else ""
        if entry.narrowed:
            gap = GapReason.NOT_CONFIGURED.value
        elif entry.empty:
            gap = GapReason.NOTHING_TO_COLLECT.value
        return self._evidence(
            control,
            source,
            account_id=account_id,
            region=entry.region,
            arn=entry.arn,
            resource_type=entry.resource_type,
            reason=entry.reason,
            gap=gap,
            standing=Standing.ACTIVITY,
            origin="" if gap else "activity",
            inputs=entry.inputs,
            attributes=entry.attributes,
            synthetic=entry.synthetic,
            check_id=check.id if check else "",
            check_digest=check.digest if check else "",
            parameters=text,
        )

    def _from_judgement(
        self,
        control: Control,
        source: ControlSource,
        account_id: str,
        judgement: Judgement,
        origin: str,
        parameters: str,
    ) -> Evidence:
        check = self.catalogue.checks[judgement.check_id]
        return self._evidence(
            control,
            source,
            account_id=account_id,
            region=judgement.region,
            arn=judgement.arn,
            resource_type=judgement.resource_type,
            verdict=judgement.verdict,
            standing=judgement.standing,
            reason=judgement.reason,
            gap=judgement.gap.reason.value if judgement.gap else "",
            check_id=check.id,
            check_digest=check.digest,
            parameters=parameters,
            origin=origin,
            inputs=judgement.inputs,
            attributes=judgement.attributes,
            synthetic=judgement.synthetic,
        )

    def _evidence(  # noqa: PLR0913 - one keyword for each member of the record
        self,
        control: Control,
        source: ControlSource,
        *,
        account_id: str,
        region: str,
        reason: str,
        standing: Standing,
        verdict: Verdict = Verdict.NOT_APPLICABLE,
        gap: str = "",
        arn: str = "",
        resource_type: str = "",
        check_id: str = "",
        check_digest: str = "",
        parameters: str = "{}",
        origin: str = "",
        inputs: tuple[Input, ...] = (),
        attributes: Mapping[str, str] | None = None,
        synthetic: bool = False,
    ) -> Evidence:
        return Evidence(
            id=new_id(self.now, self.randbits),
            assessment_id=self.assessment.id,
            run_id=self.run_id,
            control_set_id=control.control_set,
            control_id=control.id,
            source_id=source.id,
            source_type=source.type.value,
            keyword=source.keyword,
            evidence_type=EVIDENCE_TYPES[source.type],
            time=self.now,
            account_id=account_id,
            region=region,
            resource_arn=arn,
            resource_type=resource_type,
            verdict=verdict,
            standing=standing,
            reason=reason,
            gap=gap,
            check_id=check_id,
            check_digest=check_digest,
            parameters=parameters,
            origin=origin,
            inputs=tuple(one for one in inputs if one.digest in self._answers),
            attributes=attributes or {},
            synthetic=synthetic,
            salt=new_salt(self.randbits),
        )
