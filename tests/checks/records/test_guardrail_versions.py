"""A guardrail is judged at its newest version, and at every other version that is in use."""

from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.checks.judge import judge
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Verdict

NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)

ENFORCED = {
    "configId": "c",
    "guardrailArn": "arn:aws:bedrock:us-east-1:111122223333:guardrail/gr1234567890",
    "guardrailId": "gr1234567890",
}
AGENT = {"guardrailIdentifier": "gr1234567890"}


def _agents(version: str) -> dict[str, Any]:
    """Return an answer of ListAgents with one agent on a version of the guardrail."""
    agent = {"agentId": "AGENT12345", "agentName": "bot", "agentStatus": "PREPARED"}
    named = {**AGENT, "guardrailVersion": version}
    times = {"updatedAt": "2026-03-01T00:00:00Z"}
    return {"agentSummaries": [{**agent, **times, "guardrailConfiguration": named}]}


@pytest.mark.parametrize("version", ["9", "DRAFT"])
@pytest.mark.parametrize("by", ["agent", "enforced"])
def test_another_version_in_use_is_judged_too(account: Any, version: str, by: str) -> None:
    """What an agent or an enforced configuration names counts, besides what is newest."""
    if by == "agent":
        account.answers("ListAgents", _agents(version))
    else:
        body = {"guardrailsConfig": [{**ENFORCED, "guardrailVersion": version}]}
        account.answers("ListEnforcedGuardrailsConfiguration", body)
    records = account.place().sets["guardrail"].records
    assert [r.values["GetGuardrail"]["version"] for r in records] == ["10", version]
    assert [r.attributes["version"] for r in records] == ["10", version]
    assert all(r.values["fact"] == {"inUse": True} for r in records)
    assert not any(r.gaps for r in records)


def test_the_newest_version_in_use_is_judged_once(account: Any) -> None:
    """Where everything names the newest version there is one record."""
    account.answers("ListAgents", _agents("10"))
    (record,) = account.place().sets["guardrail"].records
    assert "GetGuardrail" not in record.gaps


def test_a_weak_version_in_use_fails(account: Any) -> None:
    """A strong newest version does not hide the weak one that an agent uses."""
    account.answers("ListAgents", _agents("9"))
    strong = {"filters": [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH"}]}

    def guardrail(unit: Any) -> Any:
        version = unit.parameters["guardrailVersion"]
        weak = {"version": version, "status": "READY"}
        return weak | ({"contentPolicy": strong} if version == "10" else {})

    account.answers("GetGuardrail", guardrail)
    check = "guardrail-prompt-attack"
    found = judge(account.catalogue, account.place(), check, {"min_strength": 2}, NOW)
    verdicts = {one.attributes["version"]: one.verdict for one in found}
    assert verdicts == {"10": Verdict.COMPLIANT, "9": Verdict.NON_COMPLIANT}


def test_an_unnamed_version_in_use_is_unknown(account: Any) -> None:
    """A guardrail of which nobody says the version in use is not judged at a guess."""
    agents = _agents("10")
    del agents["agentSummaries"][0]["guardrailConfiguration"]["guardrailVersion"]
    account.answers("ListAgents", agents)
    (record,) = account.place().sets["guardrail"].records
    assert record.gaps["GetGuardrail"].reason is GapReason.MALFORMED


def test_a_guardrail_that_is_named_and_not_listed_is_unknown(account: Any) -> None:
    """A guardrail of another account, or a deleted one, is not left out where it is in use."""
    agents = _agents("1")
    agents["agentSummaries"][0]["guardrailConfiguration"]["guardrailIdentifier"] = "elsewhere"
    account.answers("ListAgents", agents)
    *_, record = account.place().sets["guardrail"].records
    assert record.arn.endswith("guardrail/elsewhere")
    assert record.gaps["GetGuardrail"].reason is GapReason.UNREACHABLE


@pytest.mark.parametrize("status", ["FAILED", "DELETING", "CREATING", "A_NEW_ONE"])
def test_a_guardrail_that_is_not_ready_is_unknown(account: Any, status: str) -> None:
    """What a guardrail in no good state, or in one not known to us, does is not known."""
    account.answers("GetGuardrail", {"version": "10", "status": status})
    (record,) = account.place().sets["guardrail"].records
    assert status in record.gaps["GetGuardrail"].message
