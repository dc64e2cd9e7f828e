"""A guardrail: it masks personal data, blocks profanity, and says so in Bedrock's form."""

from dataclasses import dataclass
from typing import Any, Final

from affidavit.logscan.detectors import Detectors, ProfanityDetector

GUARDRAIL_ID: Final = "demoguardrail"
BLOCKED: Final = "Sorry, the guardrail of this demonstration blocks that."
_DETECTORS: Final = Detectors()
_PROFANITY: Final = ProfanityDetector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the guardrail made of a text."""

    action: str
    """`NONE`, `ANONYMIZED` or `BLOCKED`."""
    text: str
    """What goes on."""
    assessment: dict[str, Any]


def judge(text: str, *, masks: bool = True) -> Judged:
    """Return what becomes of `text`; a prompt (`masks` false) is blocked or goes on as it is."""
    profane = _PROFANITY.find(text)
    if profane:
        words = [
            {"match": text[f.start : f.end], "type": "PROFANITY", "action": "BLOCKED"}
            for f in profane
        ]
        return Judged(action="BLOCKED", text=BLOCKED, assessment={"wordPolicy": _words(words)})
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
