"""Presidio on texts from standard input; run by bench/detectors.py with the peers' Python.

Reads a JSON array of texts, writes {"seconds": …, "findings": [[[start, end, type], …], …]}. Its
pattern recognisers over a blank spaCy pipeline: no model for names, its quickest way to run.
"""

import json
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

TYPES = {
    "CREDIT_CARD": "CREDIT_DEBIT_CARD_NUMBER",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS": "IP_ADDRESS",
    "PHONE_NUMBER": "PHONE",
    "URL": "URL",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER",
}
THRESHOLD = 0.35


class BlankEngine(SpacyNlpEngine):  # type: ignore[misc]  # the peers' environment has the types
    """Splits into words and knows nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def main() -> None:
    """Analyse the texts on standard input."""
    engine = AnalyzerEngine(nlp_engine=BlankEngine(), supported_languages=["en"])
    texts = json.load(sys.stdin)
    engine.analyze("warm up 415-555-0132", "en")
    started = time.perf_counter()
    found = [
        engine.analyze(text, "en", entities=list(TYPES), score_threshold=THRESHOLD)
        for text in texts
    ]
    seconds = time.perf_counter() - started
    rows = [[[r.start, r.end, TYPES[r.entity_type]] for r in results] for results in found]
    json.dump({"seconds": seconds, "findings": rows}, sys.stdout)


if __name__ == "__main__":
    main()
