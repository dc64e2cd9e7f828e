"""A guardrail is judged at its newest version: another one in use leaves it open."""

from typing import Any

import pytest

from affidavit.model.observation import GapReason

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
def test_another_version_in_use_is_unknown(account: Any, version: str, by: str) -> None:
    """What an agent or an enforced configuration names counts, not what is newest."""
    if by == "agent":
        account.answers("ListAgents", _agents(version))
    else:
        body = {"guardrailsConfig": [{**ENFORCED, "guardrailVersion": version}]}
        account.answers("ListEnforcedGuardrailsConfiguration", body)
    (record,) = account.place().sets["guardrail"].records
    assert record.gaps["GetGuardrail"].reason is GapReason.NOT_CONFIGURED
    assert f"Version {version} is in use" in record.gaps["GetGuardrail"].message
    assert record.values["fact"] == {"inUse": True}


def test_the_newest_version_in_use_is_judged(account: Any) -> None:
    """Where everything names the newest version there is no gap."""
    account.answers("ListAgents", _agents("10"))
    (record,) = account.place().sets["guardrail"].records
    assert "GetGuardrail" not in record.gaps
