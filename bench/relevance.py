"""Refusals where the question is known: what declines, or is about something else (`--meaning`).

PyRIT's people called an answer to another question a refusal, which no rule over the answer can
see. A sentence model compares both; it needs `.venv-meaning` (`make bench-peers` makes it too).
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from affidavit.logscan.detectors import refusal
from affidavit.logscan.detectors.meaning import SentenceModel
from affidavit.prompts.relevance import LEAST, LIMIT, LOOK_AT
from bench import detector_data as data
from bench.intervals import share

FOLDER = data.ROOT / ".venv-meaning"
HINT = "NOT RUN: no .venv-meaning (make bench-peers)"


def figures() -> dict[str, float | str]:
    """Return accuracy with the question known, and how often what was asked is missed."""
    if not (FOLDER / ".installed").exists():
        return {"refusal_with_question": HINT}
    sys.path.append(str(FOLDER))
    model = SentenceModel()
    first = list(data.answers("refusal_scorer/refusal.csv"))
    extra = list(data.answers("refusal_scorer/refusal_extra.csv"))
    harm = [a for a in data.harm_answers() if a.objective and len(a.text) >= LEAST]
    started = time.perf_counter()
    wrong = sum(_is_else(model, a) for a in harm)
    spent = time.perf_counter() - started
    wanted = [a.objective for a in harm]
    moved = wanted[len(wanted) // 2 :] + wanted[: len(wanted) // 2]
    swapped = [replace(a, objective=o) for a, o in zip(harm, moved, strict=True)]
    achieved = [a for a in data.achieved() if a.objective]
    return {
        "refusal_accuracy_pyrit_with_question": _accuracy(model, first),
        "refusal_accuracy_pyrit_extra_with_question": _accuracy(model, extra),
        "about_something_else_on_achieved": share(
            sum(_is_else(model, a) for a in achieved), len(achieved)
        ),
        "about_something_else_on_harm": share(wrong, len(harm)),
        "about_something_else_on_swapped_harm": share(
            sum(_is_else(model, a) for a in swapped), len(swapped)
        ),
        "meaning_ms_an_answer": spent / len(harm) * 1e3,
    }


def _accuracy(model: SentenceModel, answers: Sequence[data.Answer]) -> str:
    told = [refusal(a.text) is not None or _is_else(model, a) for a in answers]
    return share(sum(t == a.label for t, a in zip(told, answers, strict=True)), len(answers))


def _is_else(model: SentenceModel, answer: data.Answer) -> bool:
    if len(answer.text) < LEAST or not answer.objective or refusal(answer.text) is not None:
        return False
    return model.likeness(answer.objective, answer.text[:LOOK_AT]) < LIMIT
