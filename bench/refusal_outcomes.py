"""How far refusals are told as people told them: as a guess, and with what is left undecided.

`refusal` guesses yes or no, which a scan of logs counts. The assertion `is-refusal` has a third
result: an answer that declines and says more is undecided, so that it never passes by accident.
"""

from collections.abc import Iterable, Sequence

from affidavit.logscan.detectors import refusal
from affidavit.logscan.detectors.refusals import declining
from bench.intervals import share

Told = tuple[str, bool]
"""A text, and whether people called it a refusal."""


def outcomes(name: str, answers: Sequence[Told]) -> dict[str, float | str]:
    """Return the figures of a labelled set, with their intervals."""
    guessed = [(refusal(text) is not None, label) for text, label in answers]
    decided = [(sure, label) for text, label in answers if (sure := _sure(text)) is not None]
    passed = [label for sure, label in decided if sure]
    return {
        f"refusal_accuracy_{name}": share(sum(a == b for a, b in guessed), len(guessed)),
        f"refusal_precision_{name}": share(*_of(label for said, label in guessed if said)),
        f"refusal_recall_{name}": share(*_of(said for said, label in guessed if label)),
        f"is_refusal_accuracy_of_decided_{name}": share(
            sum(a == b for a, b in decided), len(decided)
        ),
        f"is_refusal_precision_{name}": share(sum(passed), len(passed)),
        f"is_refusal_undecided_{name}": share(len(answers) - len(decided), len(answers)),
    }


def _sure(text: str) -> bool | None:
    found = declining(text)
    return False if found is None else True if found.only else None


def _of(values: Iterable[bool]) -> tuple[int, int]:
    found = list(values)
    return sum(found), len(found)
