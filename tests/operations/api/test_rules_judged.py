"""A day's evidence is judged by the rules that sources carry, and judged again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.operations.api.rule_sources import (
    BUCKETS,
    COSTLY,
    ENCRYPTED,
    ENCRYPTION,
    LACKING,
    PREFIX,
    TRAINING,
    control_of,
    place_of,
    source,
)

from affidavit.aws.door import Door
from affidavit.collector.limited import STOPPED, Limited
from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import source_rules
from affidavit.operations.collecting import collect
from affidavit.operations.reports import BuiltReport, ReportRequest, build_in, verify_report
from affidavit.report import package
from affidavit.report.compose import compose
from affidavit.report.content import Content
from affidavit.report.verify.outcome import Outcome


class Collected:
    """Controls with rules and parameters, collected once from the simulated estate."""

    def __init__(self, owner: Any, an_assessment: Any, healthy: Any) -> None:
        owner.clock.time = utc_now()
        self.owner, caller = owner, owner.caller
        self.controls = {
            name: control_of(owner, carrying, name=name)
            for name, carrying in (
                ("Training", BUCKETS),
                ("Costly", BUCKETS),
                ("Lacking", BUCKETS),
                ("Encrypted", ENCRYPTION),
                ("Keys", source("AWS_Config", "ACCESS_KEYS_ROTATED")),
            )
        }
        context = owner.context
        rules = {"Training": TRAINING, "Costly": COSTLY, "Lacking": LACKING, "Encrypted": ENCRYPTED}
        for name, rule in rules.items():
            given = PREFIX if "p.prefix" in rule.applies + rule.compliant else ""
            source_rules.set_rule(context, caller, place_of(self.controls[name]), rule, given)
        at = place_of(self.controls["Keys"])
        source_rules.set_parameters(
            context, caller, at, {"max_key_age_days": 1}, "keys are short-lived"
        )
        sets = [{"name": "Own", "controls": [{"id": c["id"]} for c in self.controls.values()]}]
        made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]
        scope = {"awsAccounts": [{"id": healthy.accounts[0]}]}
        self.id = str(an_assessment(frameworkId=made["id"], scope=scope)["metadata"]["id"])
        _collect(owner, self.id, healthy)
        day = context.now().date()
        self.evidence = [one for _, one in context.store.evidence(self.id, day, day)]

    def of(self, name: str) -> list[Evidence]:
        """Return the evidence of a control."""
        return [one for one in self.evidence if one.control_id == self.controls[name]["id"]]

    def report(self, out: Path) -> BuiltReport:
        """Build a report."""
        return _report(self.owner, self.id, out)


def _collect(owner: Any, identifier: str, estate: Any) -> None:
    context = owner.context
    assessment = context.store.assessment(identifier)
    with Door(estate.aws, clock=context.now) as door:
        collect(context.store, context.catalogue, assessment, door, now=context.now)


def _report(owner: Any, identifier: str, out: Path, **members: Any) -> BuiltReport:
    store = owner.context.store
    request = ReportRequest(assessment=identifier, out=out, **members)
    return build_in(store, store.assessment(identifier), request, owner.context.now())


@pytest.mark.timeout(400)  # a rule is stopped after seconds of CPU: long where many tests run
def test_a_days_evidence_is_judged_by_the_rules_and_judged_again(  # noqa: PLR0915 - one story
    owner: Any, an_assessment: Any, healthy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts with the rule's version; what is lacking or too costly is undecided; all verifies.

    Parameters of a Config rule's source stand in its records and in the report. A report whose
    rule says that it reads less than it does is refused.
    """
    story = Collected(owner, an_assessment, healthy)
    training = story.of("Training")
    assert {one.verdict for one in training} == {Verdict.COMPLIANT, Verdict.NON_COMPLIANT}
    for one in training:
        assert (one.verdict is Verdict.COMPLIANT) is ("northwind-training" in one.resource_arn)
        assert one.check_id.startswith("rule-")
        assert one.check_digest
        assert one.inputs
        assert json.loads(one.parameters) == {"prefix": "northwind-training"}
        assert "Buckets are named after what they hold" in one.reason
    costly, lacking = story.of("Costly"), story.of("Lacking")
    assert len(costly) == len(lacking) == len(training) > 5
    assert {(one.standing, one.reason) for one in costly} == {(Standing.UNDECIDED, STOPPED)}
    without = [one for one in lacking if "lacks GetBucketVersioning.MFADelete" in one.reason]
    assert without
    assert {one.standing for one in without} == {Standing.UNDECIDED}
    encrypted = story.of("Encrypted")
    assert len(encrypted) > len(training)  # all buckets, not those of generative AI alone
    for one in encrypted:
        judged = "northwind-training" in one.resource_arn
        assert one.standing is (Standing.JUDGED if judged else Standing.OUT_OF_SCOPE)
        assert (one.verdict is Verdict.COMPLIANT) is judged
    keys = story.of("Keys")
    assert {json.loads(one.parameters)["max_key_age_days"] for one in keys if one.resource_arn} == {
        1
    }
    contents: list[Content] = []

    def composed(*given: Any) -> Content:
        contents.append(compose(*given))
        return contents[-1]

    monkeypatch.setattr(package, "compose", composed)
    built = story.report(tmp_path / "r.zip")
    outcome = verify_report(built.path, str(built.key), again=True)
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None, outcome.failure
    (said,) = contents[0].deviations
    assert (said.name, said.catalogue, said.value) == ("max_key_age_days", "90", "1")
    assert (said.by, said.why) == (owner.caller.principal_arn, "keys are short-lived")
    assert said.check == "keys-rotated (Keys: ACCESS_KEYS_ROTATED)"
    assert f"{len(costly)} records say that a rule" in outcome.notes[0]
    read = Limited.read
    monkeypatch.setattr(Limited, "read", lambda *given: replace(read(*given), reads=()))
    outcome = verify_report(built.path, str(built.key), again=True)
    assert isinstance(outcome, Outcome)
    assert outcome.failure is not None
    assert "reads otherwise than it says" in outcome.failure.what


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_run_is_judged_again_by_the_rule_that_it_had(
    owner: Any, an_assessment: Any, healthy: Any, tmp_path: Path
) -> None:
    """A rule that was changed counts from the next run; a report of both days verifies."""
    owner.clock.time = utc_now()
    control = control_of(owner, BUCKETS)
    at = place_of(control)
    first = source_rules.set_rule(owner.context, owner.caller, at, TRAINING, PREFIX)
    sets = [{"name": "Own", "controls": [{"id": control["id"]}]}]
    made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]
    scope = {"awsAccounts": [{"id": healthy.accounts[0]}]}
    identifier = an_assessment(frameworkId=made["id"], scope=scope)["metadata"]["id"]
    days = [owner.context.now().date()]
    _collect(owner, identifier, healthy)
    second = source_rules.set_rule(owner.context, owner.caller, at, TRAINING, '{"prefix": "no"}')
    assert second != first
    owner.clock.forward(days=1)
    days.append(owner.context.now().date())
    _collect(owner, identifier, healthy)
    found = [[e for _, e in owner.context.store.evidence(identifier, d, d)] for d in days]
    texts = [{json.loads(one.parameters)["prefix"] for one in day} for day in found]
    assert texts == [{"northwind-training"}, {"no"}]
    built = _report(owner, identifier, tmp_path / "r.zip", first_day=days[0], last_day=days[1])
    outcome = verify_report(built.path, str(built.key), again=True)
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None, outcome.failure
