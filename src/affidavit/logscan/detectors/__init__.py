"""Detectors over text: personal data, profanity, refusals. See docs/reference/detectors.md."""

from affidavit.logscan.detectors.entities import ENTITY_TYPES, QUIET_TYPES, Finding, mask_of
from affidavit.logscan.detectors.personal import Allowed, Detectors, DetectorSettings, fingerprint
from affidavit.logscan.detectors.profanity import PROFANITY, ProfanityDetector, Words
from affidavit.logscan.detectors.refusals import Refusal, refusal

__all__ = [
    "ENTITY_TYPES",
    "PROFANITY",
    "QUIET_TYPES",
    "Allowed",
    "DetectorSettings",
    "Detectors",
    "Finding",
    "ProfanityDetector",
    "Refusal",
    "Words",
    "fingerprint",
    "mask_of",
    "refusal",
]
