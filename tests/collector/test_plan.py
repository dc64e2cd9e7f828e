"""The plan: each operation once, parents first, and nothing that no control needs."""

from collections.abc import Iterable
from typing import Any

import pytest

from affidavit import catalogue as shipped
from affidavit.collector.plan import Plan, plan
from affidavit.errors import CatalogueError, UsageError
from affidavit.model.framework import SourceType
from affidavit.model.observation import Gap, GapReason, Observation, Result, Unit


def _keys(the_plan: Plan) -> list[str]:
    return [operation.key for operation in the_plan.operations]


def test_parents_come_before_their_children(making: Any) -> None:
    """Whatever the order in the catalogue, a child follows all its parents, asked or not."""
    catalogue = making.catalogue(
        [making.operation("C", "B", "A"), making.operation("B", "A"), making.operation("A")],
        [making.control("X", making.source(SourceType.API_CALL, "bedrock_C"))],
    )
    assert _keys(plan(catalogue)) == ["A", "B", "C"]


def test_only_what_the_chosen_controls_need_is_asked(making: Any) -> None:
    """A chosen control brings its operations and no other's; events follow the choice."""
    catalogue = making.catalogue(
        [making.operation(key) for key in ("A", "B", "LookupEvents")],
        [
            making.control("X", making.source(SourceType.API_CALL, "bedrock_A")),
            making.control("Y", making.source(SourceType.CLOUDTRAIL, "bedrock_DeleteB")),
        ],
    )
    chosen = plan(catalogue, ["X"])
    assert (_keys(chosen), chosen.events) == (["A"], ())
    assert [c.id for c in chosen.catalogue.framework.controls()] == ["X"]
    assert plan(catalogue).events == ("bedrock_DeleteB",)
    with pytest.raises(UsageError, match="Z"):
        plan(catalogue, ["X", "Z"])


def test_cycles_and_missing_parents_are_refused(making: Any) -> None:
    """Operations that wait for each other are refused by name; asking oneself again is no cycle."""
    control = making.control("X", making.source(SourceType.API_CALL, "bedrock_A"))
    cycle = [making.operation("A", "B"), making.operation("B", "A")]
    with pytest.raises(CatalogueError, match="parents of each other"):
        plan(making.catalogue(cycle, [control]))
    with pytest.raises(CatalogueError, match="no operation B"):
        plan(making.catalogue([making.operation("A", "B")], [control]))
    assert _keys(plan(making.catalogue([making.operation("A", "A")], [control]))) == ["A"]


def test_activity_needs_trail_files() -> None:
    """A control with CloudTrail events asks for trail files, with all that they follow from."""
    keys = plan(shipped.load(), ["GENAI-SECU-08"]).by_control["GENAI-SECU-08"]
    trails = {"DescribeTrails", "GetTrailStatus", "GetEventSelectors", "ListPublicKeys"}
    assert {"LookupEvents", "TrailFiles", *trails} <= keys


def test_the_shipped_catalogue_has_a_plan() -> None:
    """All operations of the shipped catalogue are in order, and each control needs some."""
    catalogue = shipped.load()
    the_plan = plan(catalogue)
    seen: set[str] = set()
    for operation in the_plan.operations:
        assert set(operation.parents) - {operation.key} <= seen
        seen.add(operation.key)
    assert len(seen) == len(the_plan.operations) <= len(catalogue.operations)
    automated = [
        c.id
        for c in catalogue.framework.controls()
        if any(s.type is not SourceType.MANUAL for s in c.sources)
    ]
    assert all(the_plan.by_control[name] for name in automated)
    assert len(the_plan.events) >= 25


def _results(making: Any, *asked: tuple[str, dict[str, Any], dict[str, Any]]) -> Iterable[Result]:
    door = making.door(lambda _o, _u: {})
    for key, parameters, body in asked:
        unit = Unit(key=key, account_id="1", region="r", parameters=parameters)
        result = door.call(making.operation(key), unit)
        assert isinstance(result, Observation)
        yield Observation(
            unit=unit, service="", operation=key, absent="", body=body, proof=result.proof
        )


def test_naive_counts_what_each_control_alone_would_ask(making: Any) -> None:
    """Shared questions count for every control, events and Config rules for their own ones only."""
    catalogue = making.catalogue(
        [making.operation(key) for key in ("A", "LookupEvents", "DescribeConfigRules")]
        + [making.operation("GetComplianceDetailsByConfigRule", "DescribeConfigRules")],
        [
            making.control("X", making.source(SourceType.API_CALL, "bedrock_A")),
            making.control(
                "Y",
                making.source(SourceType.API_CALL, "bedrock_A"),
                making.source(SourceType.CLOUDTRAIL, "bedrock_DeleteB"),
            ),
            making.control("Z", making.source(SourceType.CONFIG, "SOME_RULE")),
        ],
    )
    event = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DeleteB"}]}
    other = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "Other"}]}
    rules = {"ConfigRules": [{"ConfigRuleName": "n", "Source": {"SourceIdentifier": "SOME_RULE"}}]}
    facts = _results(
        making,
        ("A", {}, {}),
        ("LookupEvents", event, {}),
        ("LookupEvents", other, {}),
        ("DescribeConfigRules", {}, rules),
        ("GetComplianceDetailsByConfigRule", {"ConfigRuleName": "n"}, {}),
        ("GetComplianceDetailsByConfigRule", {"ConfigRuleName": "m"}, {}),
    )
    # X: A; Y: A and its event; Z: the list of rules and its own rule's evaluations.
    assert plan(catalogue).naive(facts) == 1 + 2 + 2


def test_naive_does_not_count_what_is_not_configured(making: Any) -> None:
    """A gap of a source that nobody configured is no question."""
    catalogue = making.catalogue(
        [making.operation("A")],
        [making.control("X", making.source(SourceType.API_CALL, "bedrock_A"))],
    )
    gap = Gap(
        unit=Unit(key="A", account_id="1", region="r", parameters={}),
        service="",
        operation="A",
        reason=GapReason.NOT_CONFIGURED,
        code="",
        message="",
        proof=None,
    )
    assert plan(catalogue).naive([gap]) == 0
