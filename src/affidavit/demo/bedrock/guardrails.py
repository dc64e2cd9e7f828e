"""A guardrail: it masks personal data, blocks profanity, and says so in Bedrock's form."""

import re
from dataclasses import dataclass
from typing import Any, Final

from affidavit.logscan.detectors import Detectors, ProfanityDetector

GUARDRAIL_ID: Final = "demoguardrail"
BLOCKED: Final = "Sorry, the guardrail of this demonstration blocks that."
_DETECTORS: Final = Detectors()
_PROFANITY: Final = ProfanityDetector()
_ATTACK: Final = re.compile(
    r"\b(?:ignore|forget) (?:all |your )?(?:previous|prior) ", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the guardrail made of a text."""

    action: str
    """`NONE`, `ANONYMIZED` or `BLOCKED`."""
    text: str
    """What goes on."""
    assessment: dict[str, Any]


def judge(text: str, *, masks: bool = True, words: bool = True) -> Judged:
    """Return what becomes of `text`; a prompt (`masks` false) is blocked or goes on as it is.

    Without `words` profanity passes.
    """
    profane = _PROFANITY.find(text) if words else []
    if profane:
        matches = [
            {"match": text[f.start : f.end], "type": "PROFANITY", "action": "BLOCKED"}
            for f in profane
        ]
        return Judged(action="BLOCKED", text=BLOCKED, assessment={"wordPolicy": _words(matches)})
    found = _DETECTORS.find(text) if masks else []
    if not found:
        return Judged(action="NONE", text=text, assessment={})
    entities = [
        {"match": text[f.start : f.end], "type": f.entity_type, "action": "ANONYMIZED"}
        for f in found
    ]
    policy = {"sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []}}
    return Judged(action="ANONYMIZED", text=_DETECTORS.mask(text), assessment=policy)


def _words(words: list[dict[str, str]]) -> dict[str, Any]:
    return {"customWords": [], "managedWordLists": words}


def checks(messages: Any, wanted: Any) -> dict[str, Any]:
    """Answer InvokeGuardrailChecks: personal data with places, insults by words, attacks by words.

    Raises `ValueError` where messages or checks are not as the operation has them.
    """
    if not isinstance(messages, list) or not isinstance(wanted, dict) or not messages or not wanted:
        message = "messages and checks are required"
        raise ValueError(message)
    texts = [
        (m, c, str(block.get("text", "")))
        for m, one in enumerate(messages)
        for c, block in enumerate(one["content"])
    ]
    results: dict[str, Any] = {}
    if "contentFilter" in wanted:
        profane = any(_PROFANITY.find(text) for _, _, text in texts[-1:])
        results["contentFilter"] = _severities(wanted["contentFilter"], {"INSULTS": profane})
    if "promptAttack" in wanted:
        attacked = any(_ATTACK.search(text) for _, _, text in texts[-1:])
        results["promptAttack"] = _severities(
            wanted["promptAttack"], {"PROMPT_INJECTION": attacked}
        )
    if "sensitiveInformation" in wanted:
        types = {entity["type"] for entity in wanted["sensitiveInformation"]["entities"]}
        found = [
            {
                "type": f.entity_type,
                "confidenceScore": f.score,
                "beginOffset": f.start,
                "endOffset": f.end,
                "messageIndex": m,
                "contentIndex": c,
            }
            for m, c, text in texts
            for f in _DETECTORS.find(text)
            if f.entity_type in types
        ]
        results["sensitiveInformation"] = {"results": found, "truncated": False}
    return {"results": results, "usage": {name: {"textUnits": len(texts)} for name in results}}


def _severities(wanted: Any, found: dict[str, bool]) -> dict[str, Any]:
    return {
        "results": [
            {
                "category": one["category"],
                "severityScore": 0.9 if found.get(one["category"]) else 0.0,
            }
            for one in wanted["categories"]
        ]
    }
