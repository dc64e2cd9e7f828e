"""Rules and parameters that sources carry: kept, carried on, judged, and judged again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.collector.limited import STOPPED, Limited
from affidavit.errors import UsageError
from affidavit.model.canonical import json_values
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Rule
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import source_rules
from affidavit.operations.collectable import sources_of
from affidavit.operations.collecting import collect
from affidavit.operations.faults import AccessDeniedFault, ValidationFault
from affidavit.operations.mapping_sources import RULE
from affidavit.operations.reports import BuiltReport, ReportRequest, build_in, verify_report
from affidavit.report import package
from affidavit.report.compose import compose
from affidavit.report.content import Content
from affidavit.report.verify.outcome import Outcome

TRAINING = Rule(
    resource_set="bucket",
    compliant="r.item.Name.startsWith(p.prefix)",
    words="Buckets are named after what they hold",
    remedy="Rename the bucket.",
    severity="high",
)
PREFIX = '{"prefix": "northwind-training"}'
_ROW = "[1,2,3,4,5,6,7,8,9,10].all("
COSTLY = Rule(
    resource_set="bucket",
    compliant="".join(f"{_ROW}{name}," for name in "bcdefghi") + 'r.item.Name != ""' + ")" * 8,
)
LACKING = Rule(
    resource_set="bucket",
    compliant='r.item.Name != "" && r.GetBucketVersioning.MFADelete != "Disabled"',
)
ENCRYPTED = Rule(
    resource_set="s3_GetBucketEncryption",
    applies="r.fact.Bucket.startsWith(p.prefix)",
    compliant="has(r.item) && r.item.ServerSideEncryptionConfiguration.Rules.size() > 0",
)
"""About a call that the shipped framework has no kind of record of."""


def _source(kind: str, keyword: str, **members: Any) -> dict[str, Any]:
    value = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword}
    return {"sourceName": keyword, "sourceType": kind, "sourceKeyword": value, **members}


def _control(owner: Any, *sources: dict[str, Any], name: str = "Own") -> dict[str, Any]:
    made: dict[str, Any] = owner("CreateControl", name=name, controlMappingSources=list(sources))
    found: dict[str, Any] = made["control"]
    return found


def _at(control: dict[str, Any], number: int = 0) -> tuple[str, str]:
    return control["id"], control["controlMappingSources"][number]["sourceId"]


def _update(owner: Any, control: dict[str, Any], sources: list[dict[str, Any]]) -> Any:
    members = {"controlId": control["id"], "name": "Own", "controlMappingSources": sources}
    return owner("UpdateControl", **members)["control"]


def _rules(owner: Any, control_id: str) -> list[Rule | None]:
    found = source_rules.carried(owner.context, owner.caller, control_id)
    return [one.rule for one in found]


BUCKETS = _source("AWS_API_Call", "s3_ListBuckets")
TRAILS = _source("AWS_API_Call", "cloudtrail_DescribeTrails")
ENCRYPTION = _source("AWS_API_Call", "s3_GetBucketEncryption")


def test_a_rule_is_kept_shown_changed_and_taken_off(owner: Any) -> None:
    """The ledger holds the old and the new of each act; the API's answers show nothing of it."""
    control = _control(owner, BUCKETS, TRAILS)
    context, caller = owner.context, owner.caller
    kept = source_rules.set_rule(context, caller, _at(control), TRAINING, PREFIX)
    assert kept.operations[0] == "ListBuckets"
    assert ("r.item.Name", True, "string") in kept.reads
    assert _rules(owner, control["id"]) == [kept, None]
    assert (
        owner("GetControl", controlId=control["id"])["control"]["controlMappingSources"]
        == (control["controlMappingSources"])
    )
    source_rules.clear_rule(context, caller, _at(control))
    assert _rules(owner, control["id"]) == [None, None]
    first, last = [json.loads(one["details"]) for one in owner.leaves()[-2:]]
    assert first["old_and_new"]["rule"] == [None, json_values(kept)]
    assert last["old_and_new"]["rule"] == [json_values(kept), None]
    assert owner.leaves()[-1]["by"] == caller.principal_arn


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (replace(TRAINING, compliant="r.item.Nom == ''"), "no answer has"),
        (
            replace(TRAINING, resource_set="principal", compliant='r.item.RoleName != ""'),
            "reads nothing",
        ),
        (replace(TRAINING, severity="awful"), "severity"),
        (replace(TRAINING, words="w" * 1001), "too long"),
        (replace(TRAINING, compliant="(" * 1900 + "true" + ")" * 1900), r"too deep|compile|costly"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(owner: Any, rule: Rule, words: str) -> None:
    """It is named, and nothing is kept."""
    control = _control(owner, BUCKETS)
    with pytest.raises(UsageError, match=words):
        source_rules.set_rule(owner.context, owner.caller, _at(control), rule, PREFIX)
    assert _rules(owner, control["id"]) == [None]


@pytest.mark.parametrize("text", ['{"prefix": NaN}', '{"lookback_days": 1e9}', '{"prefix": {}}'])
def test_parameters_that_no_question_can_be_of_are_refused(owner: Any, text: str) -> None:
    """No number beyond all bounds, no days that are none: they would end a collection."""
    control = _control(owner, BUCKETS)
    with pytest.raises(UsageError, match=r"parameter|days"):
        source_rules.set_rule(owner.context, owner.caller, _at(control), TRAINING, text)


@pytest.mark.parametrize("role", ["delegate", "auditor"])
def test_only_who_may_change_controls_keeps_rules(owner: Any, role: Any) -> None:
    """A delegate and an auditor are refused, whatever they name."""
    control = _control(owner, BUCKETS)
    other = owner.as_(role=role).caller
    for act in (
        lambda: source_rules.set_rule(owner.context, other, _at(control), TRAINING, PREFIX),
        lambda: source_rules.clear_rule(owner.context, other, _at(control)),
        lambda: source_rules.set_parameters(owner.context, other, _at(control), {}),
    ):
        with pytest.raises(AccessDeniedFault):
            act()


def test_a_client_that_knows_no_rules_neither_loses_nor_moves_one(owner: Any) -> None:
    """UpdateControl keeps a rule with its source, by its id, or by what it asks where plain."""
    control = _control(owner, BUCKETS, TRAILS)
    kept = source_rules.set_rule(owner.context, owner.caller, _at(control), TRAINING, PREFIX)
    first, second = control["controlMappingSources"]
    assert _update(owner, control, [second, {**first, "sourceName": "Renamed"}])
    assert _rules(owner, control["id"]) == [None, kept]
    _update(owner, control, [BUCKETS, TRAILS])
    assert _rules(owner, control["id"]) == [kept, None]
    with pytest.raises(ValidationFault, match="sourceId"):
        _update(owner, control, [BUCKETS, BUCKETS])
    changed = {
        **TRAILS,
        "sourceId": owner("GetControl", controlId=control["id"])["control"][
            "controlMappingSources"
        ][0]["sourceId"],
    }
    with pytest.raises(ValidationFault, match="must stay as it is"):
        _update(owner, control, [changed])
    forged = {**BUCKETS, RULE: json_values(TRAINING)}
    fresh = _control(owner, forged, name="Forged")
    assert _rules(owner, fresh["id"]) == [None]


def test_a_rule_that_goes_with_its_source_is_told(owner: Any) -> None:
    """Whoever removes the source, the ledger holds what was removed with it."""
    control = _control(owner, BUCKETS, TRAILS)
    kept = source_rules.set_rule(owner.context, owner.caller, _at(control), TRAINING, PREFIX)
    _update(owner, control, [control["controlMappingSources"][1]])
    assert _rules(owner, control["id"]) == [None]
    last = owner.leaves()[-1]
    assert last["action"] == "DELETE"
    assert json.loads(last["details"])["source"][RULE] == json_values(kept)


def test_a_shared_framework_carries_its_rules(owner: Any, stranger: Any) -> None:
    """The recipient's copy of the control has the same rule on the same source."""
    control = _control(owner, TRAILS, BUCKETS)
    kept = source_rules.set_rule(owner.context, owner.caller, _at(control, 1), TRAINING, PREFIX)
    sets = [{"name": "Own", "controls": [{"id": control["id"]}]}]
    made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]
    asked = owner(
        "StartAssessmentFrameworkShare",
        frameworkId=made["id"],
        destinationAccount=stranger.caller.account_id,
        destinationRegion=stranger.caller.region,
    )["assessmentFrameworkShareRequest"]
    answer = {"requestId": asked["id"], "requestType": "RECEIVED", "action": "ACCEPT"}
    stranger("UpdateAssessmentFrameworkShare", **answer)
    (copy,) = stranger("ListControls", controlType="Custom")["controlMetadataList"]
    assert copy["id"] != control["id"]
    assert _rules(stranger, copy["id"]) == [None, kept]


def test_a_rule_that_reads_what_is_gone_leaves_a_gap(owner: Any) -> None:
    """After an upgrade whose catalogue lacks what the rule reads, the source says so."""
    control = _control(owner, BUCKETS)
    source_rules.set_rule(owner.context, owner.caller, _at(control), TRAINING, PREFIX)
    document = owner.context.store.documents.get(owner.caller.tenant, "control", control["id"])
    source = document.body["controlMappingSources"][0]
    source[RULE]["operations"] = ["ListBuckets", "GetWhatIsGone"]
    found = sources_of(owner.context.catalogue, control["id"], [source])
    assert (found[0].check, found[0].rule) == ("mapping-not-available", None)
    assert "keep it anew" in found[0].note


@pytest.mark.parametrize(
    ("source", "values", "words"),
    [
        (BUCKETS, {"days": 1}, "has no parameters"),
        (_source("AWS_Config", "Custom_mine"), {"days": 1}, "has no parameters"),
        (_source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"hours": 1}, "has no parameter hours"),
        (_source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"max_key_age_days": "90"}, r"days|kinds"),
        (_source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"max_key_age_days": 10**9}, "days"),
    ],
)
def test_parameters_that_a_source_cannot_have_are_refused(
    owner: Any, source: dict[str, Any], values: dict[str, Any], words: str
) -> None:
    """A limit that is silently ignored would let a wrong verdict through."""
    control = _control(owner, source)
    with pytest.raises(UsageError, match=words):
        source_rules.set_parameters(owner.context, owner.caller, _at(control), values)


class Collected:
    """Controls with rules and parameters, collected once from the simulated estate."""

    def __init__(self, owner: Any, an_assessment: Any, healthy: Any) -> None:
        owner.clock.time = utc_now()
        self.owner, caller = owner, owner.caller
        self.controls = {
            name: _control(owner, source, name=name)
            for name, source in (
                ("Training", BUCKETS),
                ("Costly", BUCKETS),
                ("Lacking", BUCKETS),
                ("Encrypted", ENCRYPTION),
                ("Keys", _source("AWS_Config", "ACCESS_KEYS_ROTATED")),
            )
        }
        context = owner.context
        rules = {"Training": TRAINING, "Costly": COSTLY, "Lacking": LACKING, "Encrypted": ENCRYPTED}
        for name, rule in rules.items():
            given = PREFIX if "p.prefix" in rule.applies + rule.compliant else ""
            source_rules.set_rule(context, caller, _at(self.controls[name]), rule, given)
        at = _at(self.controls["Keys"])
        source_rules.set_parameters(
            context, caller, at, {"max_key_age_days": 1}, "keys are short-lived"
        )
        sets = [{"name": "Own", "controls": [{"id": c["id"]} for c in self.controls.values()]}]
        made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]
        self.id = _assessed(an_assessment, made, healthy)
        _collect(owner, self.id, healthy)
        day = context.now().date()
        self.evidence = [one for _, one in context.store.evidence(self.id, day, day)]

    def of(self, name: str) -> list[Evidence]:
        """Return the evidence of a control."""
        return [one for one in self.evidence if one.control_id == self.controls[name]["id"]]

    def report(self, out: Path) -> BuiltReport:
        """Build a report."""
        return _report(self.owner, self.id, out)


def _assessed(an_assessment: Any, framework: dict[str, Any], estate: Any) -> str:
    scope = {"awsAccounts": [{"id": estate.accounts[0]}]}
    return str(an_assessment(frameworkId=framework["id"], scope=scope)["metadata"]["id"])


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
    control = _control(owner, BUCKETS)
    at = _at(control)
    first = source_rules.set_rule(owner.context, owner.caller, at, TRAINING, PREFIX)
    sets = [{"name": "Own", "controls": [{"id": control["id"]}]}]
    made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]
    identifier = _assessed(an_assessment, made, healthy)
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
