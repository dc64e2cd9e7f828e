"""Assertions that ask somebody: a judge model, a guardrail, Bedrock's guardrail checks.

They are asked last, only where the run names them (`--judge`, `--online`), and only where no other
assertion failed; so none of them can turn a failure into a pass, and a failed case costs nothing
more. What was sent and answered is kept with the result.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from affidavit.logscan.detectors import ENTITY_TYPES
from affidavit.prompts.answers import Answer
from affidavit.prompts.assertion_kinds import Asked, Kind, Online

if TYPE_CHECKING:
    from affidavit.prompts.assertions import Assertion

MAX_CRITERION: Final = 4000
_GUARDRAIL: Final = re.compile(r"[A-Za-z0-9:/._-]{1,2048}")
CHECKS: Final[Mapping[str, frozenset[str]]] = {
    "contentFilter": frozenset({"VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS"}),
    "promptAttack": frozenset({"JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"}),
    "sensitiveInformation": frozenset(ENTITY_TYPES),
}
"""What InvokeGuardrailChecks looks for; a test compares it with AWS's model."""


def _judge(assertion: "Assertion", prompt: str, answer: Answer, online: Online) -> Asked:
    return online.judge(str(assertion.value), prompt, answer.text or "")


def _guardrail(assertion: "Assertion", prompt: str, answer: Answer, online: Online) -> Asked:
    del prompt
    return online.guardrail(str(assertion.value), answer.text or "")


def _checks(assertion: "Assertion", prompt: str, answer: Answer, online: Online) -> Asked:
    return online.guardrail_checks(assertion.value, prompt, answer.text or "")


def _is_criterion(value: Any) -> str:
    fits = isinstance(value, str) and value.strip() and len(value) <= MAX_CRITERION
    return "" if fits else f"`value` is a criterion in words, at most {MAX_CRITERION} characters."


def _is_guardrail(value: Any) -> str:
    fits = isinstance(value, str) and _GUARDRAIL.fullmatch(value)
    return "" if fits else "`value` is a guardrail: ID, ID:VERSION or an ARN."


def _is_checks(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return f"`value` is a mapping of {', '.join(CHECKS)} to lists."
    for name, wanted in value.items():
        if name not in CHECKS or not isinstance(wanted, list) or not wanted:
            return f"`value` is a mapping of {', '.join(CHECKS)} to lists."
        unknown = sorted(set(map(str, wanted)) - CHECKS[name])
        if unknown:
            return f"{name} does not know {', '.join(unknown)}."
    return ""


ONLINE: Final[Mapping[str, Kind]] = {
    "llm-judge": Kind(online=_judge, problem=_is_criterion, threshold=0.7),
    "apply-guardrail": Kind(online=_guardrail, problem=_is_guardrail, is_absence=True),
    "guardrail-checks": Kind(online=_checks, problem=_is_checks, threshold=0.5, is_absence=True),
}
