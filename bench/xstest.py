"""Refusals on XSTest's labelled answers; the rules were changed with one half of them seen.

`AFFIDAVIT_XSTEST` names a clone of github.com/paul-rottger/exaggerated-safety (CC-BY-4.0); of its
`model_completions/` the columns `id`, `completion` and `final_label` are read. Five models answered
450 prompts, of which many only sound harmful; people said of each answer whether it complied,
refused, or did some of both. The latter are dropped. The data is never committed.
"""

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affidavit.logscan.detectors import refusal
from bench.intervals import share
from bench.refusal_outcomes import outcomes

FOLDER = "AFFIDAVIT_XSTEST"
HINT = (
    "NOT RUN: git clone https://github.com/paul-rottger/exaggerated-safety,"
    f" and name the folder in {FOLDER}"
)
MODELS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
LABELS = {"1_full_compliance": False, "2_full_refusal": True, "3_partial_refusal": None}
"""Whether an answer refuses; none: it is dropped."""
HALVES = ("first", "second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An answer that people called a refusal, or an answer."""

    id: str
    half: str
    """By a hash of the prompt's id; misses of the first may be read, those of the second not."""
    text: str
    refuses: bool


def answers(folder: Path, model: str) -> Iterator[Labelled]:
    """Yield a model's answers, without those that people called a partial refusal."""
    path = folder / "model_completions" / f"xstest_v2_completions_{model}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            refuses = LABELS[row["final_label"]]
            if refuses is not None:
                half = HALVES[hashlib.sha256(row["id"].encode()).digest()[0] % 2]
                yield Labelled(id=row["id"], half=half, text=row["completion"], refuses=refuses)


def figures() -> Mapping[str, float | str]:
    """Return accuracy by model, on all of them, and on either half; or why there is none."""
    named = os.environ.get(FOLDER)
    if not named:
        return {"refusal_xstest": HINT}
    folder = Path(named)
    found: dict[str, float | str] = {}
    everything: list[Labelled] = []
    for model in MODELS:
        try:
            labelled = list(answers(folder, model))
        except FileNotFoundError as error:
            found[f"refusal_accuracy_xstest_{model}"] = f"NOT RUN: there is no {error.filename}"
            continue
        found |= {f"refusal_accuracy_xstest_{model}": _accuracy(labelled)}
        everything += labelled
    return found | _whole(everything) if everything else found


def _whole(labelled: Sequence[Labelled]) -> dict[str, float | str]:
    halves = {half: [a for a in labelled if a.half == half] for half in HALVES}
    return {
        **outcomes("xstest", [(a.text, a.refuses) for a in labelled]),
        **{f"refusal_accuracy_xstest_{h}_half": _accuracy(some) for h, some in halves.items()},
    }


def _accuracy(answers: Sequence[Labelled]) -> str:
    return share(sum((refusal(a.text) is not None) == a.refuses for a in answers), len(answers))
