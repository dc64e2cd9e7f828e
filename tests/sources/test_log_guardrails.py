"""Which guardrail a logged call had: named where the record names it, and never guessed."""

from typing import Any

import pytest
from tests.sources.test_log_counts import counted, record

ARN = "arn:aws:bedrock:us-east-1:111122223333:guardrail/gr1"
ASKED = {"messages": [{"content": [{"text": "Hi"}]}]}


def asked(**config: Any) -> dict[str, Any]:
    """Return the input of a Converse call with a guardrail."""
    return {"inputBodyJson": {**ASKED, "guardrailConfig": config}}


def answered(**more: Any) -> dict[str, Any]:
    """Return the output of a call with what a guardrail adds."""
    return {"outputBodyJson": {"content": [{"text": "Fine"}], **more}}


def details(origin: list[str] | None, version: str = "3", name: str = "gr1") -> dict[str, Any]:
    """Return a trace's assessment with the guardrail that was applied."""
    applied = {"guardrailId": name, "guardrailVersion": version, "guardrailArn": ARN[:-3] + name}
    if origin is not None:
        applied["guardrailOrigin"] = origin  # type: ignore[assignment]
    return {"appliedGuardrailDetails": applied}


def traced(*assessments: dict[str, Any], key: str = "trace") -> dict[str, Any]:
    """Return what stands in an answer whose trace is on."""
    by_id = {
        one["appliedGuardrailDetails"]["guardrailId"]: [one] if n else one
        for n, one in enumerate(assessments)
    }
    return {key: {"guardrail": {"inputAssessment": by_id}}}


ACTION = {"amazon-bedrock-guardrailAction": "NONE"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, ("", "")),
        ({"input": asked(guardrailIdentifier="gr1", guardrailVersion="4")}, ("gr1", "4")),
        ({"input": asked(guardrailIdentifier=ARN, guardrailVersion="DRAFT")}, ("gr1", "DRAFT")),
        ({"input": asked(guardrailIdentifier="gr1")}, ("gr1", "DRAFT")),
        ({"input": asked(guardrailIdentifier="")}, ("", "")),
        ({"output": answered(**ACTION)}, ("?", "?")),
        (
            {"output": answered(**ACTION, **{"amazon-bedrock-trace": {"guardrail": {
                "input": {"gr1": {}}, "outputs": [{"gr1": {}}]}}})},
            ("gr1", "?"),
        ),
        (
            {"output": answered(**ACTION, **{"amazon-bedrock-trace": {"guardrail": {
                "input": {"gr1": {}}, "outputs": [{"gr2": {}}]}}})},
            ("?", "?"),
        ),
        (
            {"operation": "InvokeModel",
             "input": asked(guardrailIdentifier="gr1", guardrailVersion="4")},
            ("?", "?"),
        ),
        (
            {"output": answered(trace={"guardrail": {"inputAssessment": {
                "gr1": details(["ACCOUNT_ENFORCED"]), "gr2": {}}}})},
            ("?", "?"),
        ),
        ({"output": answered(**traced(details(["REQUEST"])))}, ("gr1", "3")),
        ({"output": answered(**traced(details(None)))}, ("gr1", "3")),
        ({"output": answered(**traced(details(["ACCOUNT_ENFORCED"])))}, ("", "")),
        (
            {"output": answered(**traced(
                details(["ACCOUNT_ENFORCED"]), details(["REQUEST"], "7", "gr2")))},
            ("gr2", "7"),
        ),
        (
            {"output": answered(**traced(details(["REQUEST"]), details(["REQUEST"], "7", "gr2")))},
            ("?", "?"),
        ),
        (
            {"output": {"outputBodyJson": [
                {"contentBlockDelta": {"delta": {"text": "Fine"}}},
                {"metadata": traced(details(["REQUEST", "ORGANIZATION_ENFORCED"]))}]}},
            ("gr1", "3"),
        ),
    ],
)  # fmt: skip
def test_the_record_names_the_guardrail_or_does_not(
    more: dict[str, Any], named: tuple[str, str]
) -> None:
    """Converse in its request, others in a trace; an enforced one is none of the call's own."""
    counts = counted(("a.json.gz", [record("Fine", 1, **more)]))
    (model,) = counts.to_json()["models"]
    told = {"guardrailId": named[0], "guardrailVersion": named[1], "records": 1}
    assert model["guardrails"] == [told]


def test_a_call_whose_bodies_are_apart_is_of_an_unknown_guardrail() -> None:
    """Nothing in the record says it: the call is counted, and under no guardrail."""
    counts = counted(("a.json.gz", [record(None, 1), record("Fine", 2)]))
    (model,) = counts.to_json()["models"]
    assert model["records"] == 2
    assert [one["records"] for one in model["guardrails"]] == [1]


def test_a_request_beside_an_answer_kept_apart_names_its_guardrail() -> None:
    """The answer is kept apart, the request is not: what it names is known."""
    one = record(None, 1, input=asked(guardrailIdentifier="gr1", guardrailVersion="4"))
    (model,) = counted(("a.json.gz", [one])).to_json()["models"]
    assert [x["guardrailVersion"] for x in model["guardrails"]] == ["4"]


def test_errors_and_copies_are_no_calls_of_a_guardrail() -> None:
    """A call that failed has no answer, and a repeated record is the same call."""
    failed = record("x", 1, errorCode="ThrottlingException")
    counts = counted(("a.json.gz", [failed, record("Fine", 2), record("Fine", 2)]))
    (model,) = counts.to_json()["models"]
    assert [one["records"] for one in model["guardrails"]] == [1]
