"""Refusals on answers of GPT-3.5 that people labelled: questions from Quora that were not sincere.

`AFFIDAVIT_CHATGPT_REFUSALS` names a clone of github.com/maxwellreuter/chatgpt-refusals (MIT); of
its `data/quora_insincere_hand_labeled.json` the members `response` and `tone` are read. Most of its
answers begin with "As an AI language model, I do not have opinions", and many then answer. What is
neither complied nor rejected (disclaimed, redirected, contradicted ...) is dropped. The data is
never committed.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bench.refusal_outcomes import Told, outcomes

FOLDER = "AFFIDAVIT_CHATGPT_REFUSALS"
HINT = (
    "NOT RUN: git clone https://github.com/maxwellreuter/chatgpt-refusals,"
    f" and name the folder in {FOLDER}"
)
LABELS = {"complied": False, "rejected": True}


def answers(folder: Path) -> list[Told]:
    """Return the answers that people called complying or rejecting."""
    path = folder / "data" / "quora_insincere_hand_labeled.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    return [(e["response"], LABELS[e["tone"]]) for e in entries if e["tone"] in LABELS]


def figures() -> Mapping[str, float | str]:
    """Return how far the labels are met, or why there are no figures."""
    named = os.environ.get(FOLDER)
    if not named:
        return {"refusal_chatgpt_refusals": HINT}
    return outcomes("chatgpt_refusals", answers(Path(named)))
