"""What a guardrail did: only what is all masking counts as masking."""

from typing import Any

import pytest

from affidavit.prompts.targets_guardrail import action


def _trace(*actions: str) -> dict[str, Any]:
    entities = [{"type": "PHONE", "action": a} for a in actions]
    return {"outputAssessments": {"g": [{"sensitiveInformationPolicy": {"piiEntities": entities}}]}}


@pytest.mark.parametrize(
    ("trace", "intervened", "expected"),
    [
        ({}, False, ""),
        ({}, True, "INTERVENED"),
        (_trace("NONE"), False, "NONE"),
        (_trace("NONE"), True, "INTERVENED"),
        (_trace("ANONYMIZED", "NONE"), True, "ANONYMIZED"),
        (_trace("ANONYMIZED", "BLOCKED"), True, "INTERVENED"),
        (_trace("ANONYMIZED", "SOMETHING_NEW"), True, "INTERVENED"),
        (_trace("BLOCKED"), False, "INTERVENED"),
        (_trace("ANONYMIZED"), False, "ANONYMIZED"),
    ],
)
def test_actions(trace: dict[str, Any], intervened: bool, expected: str) -> None:
    """Blocking, or what we do not know, outweighs masking; no trace means withholding."""
    assert action(trace, intervened=intervened) == expected


def test_depth() -> None:
    """A trace too deep to read to its end does not pass for masking."""
    trace: dict[str, Any] = {"action": "ANONYMIZED"}
    for _ in range(60):
        trace = {"x": trace, "action": "ANONYMIZED"}
    assert action(trace, intervened=True) == "INTERVENED"
