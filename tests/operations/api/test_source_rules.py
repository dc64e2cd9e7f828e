"""Rules and parameters that sources carry: kept, refused, and carried on."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.operations.api.rule_sources import (
    BUCKETS,
    PREFIX,
    TRAILS,
    TRAINING,
    control_of,
    place_of,
    source,
)

from affidavit.checks.own_rules import to_keep
from affidavit.errors import UsageError
from affidavit.model.framework import Rule
from affidavit.operations import source_rules
from affidavit.operations.collectable import sources_of
from affidavit.operations.faults import AccessDeniedFault, ValidationFault
from affidavit.operations.mapping_sources import RULE


def _update(owner: Any, control: dict[str, Any], sources: list[dict[str, Any]]) -> Any:
    members = {"controlId": control["id"], "name": "Own", "controlMappingSources": sources}
    return owner("UpdateControl", **members)["control"]


def _rules(owner: Any, control_id: str) -> list[Rule | None]:
    found = source_rules.carried(owner.context, owner.caller, control_id)
    return [one.rule for one in found]


def test_a_rule_is_kept_shown_changed_and_taken_off(owner: Any) -> None:
    """The ledger holds the old and the new of each act; the API's answers show nothing of it."""
    control = control_of(owner, BUCKETS, TRAILS)
    context, caller = owner.context, owner.caller
    kept = source_rules.set_rule(context, caller, place_of(control), TRAINING, PREFIX)
    assert kept.operations[0] == "ListBuckets"
    assert ("r.item.Name", True, "string") in kept.reads
    assert _rules(owner, control["id"]) == [kept, None]
    assert (
        owner("GetControl", controlId=control["id"])["control"]["controlMappingSources"]
        == (control["controlMappingSources"])
    )
    source_rules.clear_rule(context, caller, place_of(control))
    assert _rules(owner, control["id"]) == [None, None]
    first, last = [json.loads(one["details"]) for one in owner.leaves()[-2:]]
    assert first["old_and_new"]["rule"] == [None, to_keep(kept)]
    assert last["old_and_new"]["rule"] == [to_keep(kept), None]
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
    control = control_of(owner, BUCKETS)
    with pytest.raises(UsageError, match=words):
        source_rules.set_rule(owner.context, owner.caller, place_of(control), rule, PREFIX)
    assert _rules(owner, control["id"]) == [None]


@pytest.mark.parametrize("text", ['{"prefix": NaN}', '{"lookback_days": 1e9}', '{"prefix": {}}'])
def test_parameters_that_no_question_can_be_of_are_refused(owner: Any, text: str) -> None:
    """No number beyond all bounds, no days that are none: they would end a collection."""
    control = control_of(owner, BUCKETS)
    with pytest.raises(UsageError, match=r"parameter|days"):
        source_rules.set_rule(owner.context, owner.caller, place_of(control), TRAINING, text)


@pytest.mark.parametrize("role", ["delegate", "auditor"])
def test_only_who_may_change_controls_keeps_rules(owner: Any, role: Any) -> None:
    """A delegate and an auditor are refused, whatever they name."""
    control = control_of(owner, BUCKETS)
    other = owner.as_(role=role).caller
    for act in (
        lambda: source_rules.set_rule(owner.context, other, place_of(control), TRAINING, PREFIX),
        lambda: source_rules.clear_rule(owner.context, other, place_of(control)),
        lambda: source_rules.set_parameters(owner.context, other, place_of(control), {}),
    ):
        with pytest.raises(AccessDeniedFault):
            act()


def test_a_client_that_knows_no_rules_neither_loses_nor_moves_one(owner: Any) -> None:
    """UpdateControl keeps a rule with its source, by its id, or by what it asks where plain."""
    control = control_of(owner, BUCKETS, TRAILS)
    kept = source_rules.set_rule(owner.context, owner.caller, place_of(control), TRAINING, PREFIX)
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
    forged = {**BUCKETS, RULE: to_keep(TRAINING)}
    fresh = control_of(owner, forged, name="Forged")
    assert _rules(owner, fresh["id"]) == [None]


def test_a_rule_that_goes_with_its_source_is_told(owner: Any) -> None:
    """Whoever removes the source, the ledger holds what was removed with it."""
    control = control_of(owner, BUCKETS, TRAILS)
    kept = source_rules.set_rule(owner.context, owner.caller, place_of(control), TRAINING, PREFIX)
    _update(owner, control, [control["controlMappingSources"][1]])
    assert _rules(owner, control["id"]) == [None]
    last = owner.leaves()[-1]
    assert last["action"] == "DELETE"
    assert json.loads(last["details"])["source"][RULE] == to_keep(kept)


def test_a_shared_framework_carries_its_rules(owner: Any, stranger: Any) -> None:
    """The recipient's copy of the control has the same rule on the same source."""
    control = control_of(owner, TRAILS, BUCKETS)
    kept = source_rules.set_rule(
        owner.context, owner.caller, place_of(control, 1), TRAINING, PREFIX
    )
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
    """A source whose rule reads what an upgrade lacks, or was held to less, says so."""
    control = control_of(owner, BUCKETS)
    source_rules.set_rule(owner.context, owner.caller, place_of(control), TRAINING, PREFIX)
    document = owner.context.store.documents.get(owner.caller.tenant, "control", control["id"])
    source = document.body["controlMappingSources"][0]
    gone = {**source[RULE], "operations": ["ListBuckets", "GetWhatIsGone"]}
    older = {name: each for name, each in source[RULE].items() if name != "reader"}
    for rule, words in (
        (gone, "not collected any more"),
        (older, "older than what rules are held"),
    ):
        (found,) = sources_of(owner.context.catalogue, control["id"], [{**source, RULE: rule}])
        assert (found.check, found.rule) == ("mapping-not-available", None)
        assert words in found.note


@pytest.mark.parametrize(
    ("source", "values", "words"),
    [
        (BUCKETS, {"days": 1}, "has no parameters"),
        (source("AWS_Config", "Custom_mine"), {"days": 1}, "has no parameters"),
        (source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"hours": 1}, "has no parameter hours"),
        (source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"max_key_age_days": "90"}, r"days|kinds"),
        (source("AWS_Config", "ACCESS_KEYS_ROTATED"), {"max_key_age_days": 10**9}, "days"),
    ],
)
def test_parameters_that_a_source_cannot_have_are_refused(
    owner: Any, source: dict[str, Any], values: dict[str, Any], words: str
) -> None:
    """A limit that is silently ignored would let a wrong verdict through."""
    control = control_of(owner, source)
    with pytest.raises(UsageError, match=words):
        source_rules.set_parameters(owner.context, owner.caller, place_of(control), values)
