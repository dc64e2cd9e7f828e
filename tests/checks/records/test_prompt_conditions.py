"""Under which conditions a run of prompts was made, and calls that no count of Bedrock's holds."""

from typing import Any

import pytest
from tests.checks.records.conftest import FakeAccount
from tests.checks.records.prompted import Ran
from tests.checks.records.test_prompt_population import (
    FOUR,
    HAIKU,
    NONE,
    NOVA,
    OPEN,
    one_region,
    used,
)

from affidavit.model.observation import Unit
from affidavit.model.verdict import Verdict

__all__ = ["one_region"]
"""Fixture: one Region is asked."""


def test_a_run_that_its_budget_ended_is_a_gap(account: FakeAccount) -> None:
    """What was asked passed, the rest is not known: open, whether or not the model is in use."""
    unused: dict[str, Any] = {"invoked": {}, "logged": None}
    for more in ({}, unused):
        prompted = used(account, Ran(model=NOVA, guardrail=FOUR, not_asked=3), **more)
        assert prompted.verdict() is OPEN
        gaps = [one for one in prompted.judged() if one.gap]
        assert any("ended by its budget: 1 of 4 cases" in one.reason for one in gaps)
        assert all(one.inputs for one in gaps if "its budget" in one.reason)


def test_a_run_that_its_budget_ended_may_have_failed(account: FakeAccount) -> None:
    """A case that failed before the budget was met is told; nothing of it is compliant."""
    prompted = used(account, Ran(model=NOVA, guardrail=FOUR, not_asked=3, passed=False))
    assert Verdict.COMPLIANT not in {one.verdict for one in prompted.judged()}
    assert [one for one in prompted.judged() if not one.gap]


BASELINE = {"guardrailId": "base12345678", "guardrailVersion": "2", "configId": "c1"}
HELD = {"guardrails": ["base12345678 " + '{"guardrailVersion":"2"}']}


def _org(version: str = "7") -> dict[str, Any]:
    details = {
        "guardrailArn": "arn:aws:bedrock:us-east-1:999900001111:guardrail/org123456789",
        "guardrailVersion": version, "guardrailOrigin": ["ORGANIZATION_ENFORCED"],
    }  # fmt: skip
    return {"inputAssessment": {"org123456789": {"appliedGuardrailDetails": details}}}


@pytest.mark.parametrize(
    ("favours", "verdict"),
    [
        ({"a": "y" * 20, "b": "y" * 19 + "n"}, Verdict.COMPLIANT),
        ({"a": "y" * 20, "b": "y" * 19 + "?"}, Verdict.COMPLIANT),
        ({"a": "yyy" + "n" * 7, "b": "yy" + "n" * 8}, Verdict.COMPLIANT),
        ({"a": "y" * 20, "b": "y?" + "?"}, OPEN),
        ({"a": "y" * 20, "b": "y?"}, OPEN),
        ({"a": "n" * 20, "b": "n" * 15 + "??"}, OPEN),
        ({"a": "y" * 10, "b": "y" * 6 + "nnn?"}, Verdict.NON_COMPLIANT),
        ({"a": "y" * 10, "b": "?"}, OPEN),
    ],
    ids=[
        "alike",
        "at-most",
        "at-the-limit",
        "too-open",
        "declined-once",
        "not-disfavoured",
        "apart",
        "never",
    ],
)
def test_a_group_that_gets_no_answer_is_not_treated_alike(
    account: FakeAccount, favours: dict[str, str], verdict: Verdict
) -> None:
    """A model that answers one group's questions less often has no difference that it shows."""
    run = Ran(model=NOVA, guardrail=FOUR, suite="fairness-pairs", favours=favours)
    found = used(account, run).judged("fairness-pairs", "prompts-parity")
    assert {one.verdict for one in found} == {verdict}


@pytest.mark.parametrize("is_set_up", [True, False])
def test_a_stand_in_shows_nothing_where_no_model_is_in_use(
    account: FakeAccount, *, is_set_up: bool
) -> None:
    """AWS says that nothing is called: what an emulator answered decides no control either."""
    nothing: dict[str, Any] = {"invoked": {}, "logged": {}, "has_guardrail": is_set_up}
    run = Ran(model=NOVA, synthetic=True)
    assert used(account, run, **nothing).verdict() is OPEN
    assert used(account, Ran(model=NOVA), **nothing).verdict() is Verdict.COMPLIANT


def test_an_endpoint_may_be_made_again_with_another_model(account: FakeAccount) -> None:
    """Its ARN holds the name that it was given, and nothing lists when it was made."""
    name = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/answers"
    calls: dict[str, Any] = {"invoked": {name: 3.0}, "logged": {name: {NONE: 3}}}
    assert used(account, Ran(model=name), **calls).verdict() is OPEN


def test_a_run_that_speaks_for_no_call_shows_nothing_where_no_model_is_in_use(
    account: FakeAccount,
) -> None:
    """A run under an enforced guardrail that is gone is none, whether or not a model is in use."""
    nothing: dict[str, Any] = {"invoked": {}, "logged": {}}
    run = Ran(model=NOVA, enforced={"guardrails": ["gr1234567890 {}"]})
    assert used(account, run, **nothing).verdict() is OPEN


@pytest.mark.parametrize(
    ("now", "run", "suite", "verdict", "said"),
    [
        ([], Ran(model=NOVA), "refusal", Verdict.COMPLIANT, ""),
        ([BASELINE], Ran(model=NOVA, enforced=HELD), "refusal", Verdict.COMPLIANT, ""),
        ([], Ran(model=NOVA, enforced=HELD), "refusal", OPEN, "when it was made, and none now"),
        ([BASELINE], Ran(model=NOVA), "refusal", OPEN, "enforced none when it was made"),
        ([], Ran(model=NOVA, enforced={}), "refusal", OPEN, "a version that did not ask"),
        ([], Ran(model=NOVA, enforced={"unknown": "denied"}), "refusal", OPEN, "(denied)"),
        (None, Ran(model=NOVA), "refusal", OPEN, "enforces now is not known"),
        (
            [],
            Ran(model=NOVA, trace=_org()),
            "refusal",
            OPEN,
            "organization enforced guardrail org1",
        ),
        ([BASELINE], Ran(model=NOVA, suite="pii-masking"), "pii-masking", Verdict.COMPLIANT, ""),
        (None, Ran(model=NOVA, suite="pii-masking"), "pii-masking", Verdict.COMPLIANT, ""),
        ([], Ran(model=NOVA, suite="pii-masking", enforced=HELD), "pii-masking", OPEN, "none now"),
        ([], Ran(model=NOVA, suite="pii-masking", trace=_org()), "pii-masking", OPEN, "org123"),
    ],
)
def test_what_was_enforced_upon_a_run_is_in_force_still(
    account: FakeAccount,
    now: list[dict[str, Any]] | None,
    run: Ran,
    suite: str,
    verdict: Verdict,
    said: str,
) -> None:
    """Answers may owe to an enforced guardrail what no call gets once it is gone: a gap then."""
    if now is None:
        account.refuses("ListEnforcedGuardrailsConfiguration")
    else:
        account.answers("ListEnforcedGuardrailsConfiguration", {"guardrailsConfig": now})
    prompted = used(account, run, logged={NOVA: {NONE: 10}})
    assert prompted.verdict(suite) is verdict
    assert said in " ".join(one.reason for one in prompted.judged(suite) if one.gap)


def _door(namespace: str, metric: str, **dimensions: str) -> Any:
    """Return what answers with one series of a namespace."""
    listed = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    series = {"Namespace": namespace, "MetricName": metric, "Dimensions": listed}

    def answer(unit: Unit) -> dict[str, Any]:
        return {"Metrics": [series] if unit.parameters["Namespace"] == namespace else []}

    return answer


@pytest.mark.parametrize(
    ("series", "door"),
    [
        (_door("AWS/BedrockMantle", "Inferences", Model=HAIKU), "bedrock-mantle"),
        (
            _door("AWS/Bedrock/Agents", "ModelInvocationCount", Operation="x", ModelId=HAIKU),
            "Agents",
        ),
    ],
)
def test_models_used_by_other_doors_need_a_run(
    account: FakeAccount, series: Any, door: str
) -> None:
    """What bedrock-mantle and Agents call counts as in use, its guardrail as not known."""
    account.answers("MetricsOfOtherDoors", series)
    own = Ran(model=NOVA, guardrail=FOUR)
    prompted = used(account, own)
    assert prompted.verdict() is OPEN
    (gap,) = [one for one in prompted.judged() if one.gap]
    assert f"The model {HAIKU} is in use through {door}." in gap.reason
    assert gap.inputs
    assert used(account, own, Ran(model=HAIKU, guardrail=FOUR)).verdict() is OPEN
    both = used(account, own, Ran(model=HAIKU))
    assert both.verdict() is Verdict.COMPLIANT
    assert any(f"yes through {door}" in one.attributes["in use"] for one in both.judged())


def test_calls_by_other_doors_that_name_no_model_are_a_gap(account: FakeAccount) -> None:
    """Somebody calls some model: which, nobody tells; nor what is denied."""
    account.answers("MetricsOfOtherDoors", _door("AWS/BedrockMantle", "Inferences", Project="p"))
    prompted = used(account, Ran(model=NOVA, guardrail=FOUR))
    assert prompted.verdict() is OPEN
    assert any("names no model" in one.reason for one in prompted.judged())
    account.refuses("MetricsOfOtherDoors")
    assert used(account, Ran(model=NOVA, guardrail=FOUR)).verdict() is OPEN
