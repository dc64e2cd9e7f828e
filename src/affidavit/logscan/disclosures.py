"""What texts disclose: personal data and profanity, each told without showing it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.logscan.detectors import PROFANITY, Detectors, ProfanityDetector, fingerprint
from affidavit.logscan.detectors.entities import Finding, apart
from affidavit.logscan.findings import Part

Text = tuple[Part, str, str]
"""Where it stands, its path there, and the text."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What one text discloses."""

    places: list[Finding] = field(default_factory=list)
    """In order of place."""
    own: list[tuple[Finding, str]] = field(default_factory=list)
    """What is no finding, as it is on the list of the company's own, and its entry there."""

    def add_own(self, found: Finding, entry: str) -> None:
        """Take what is the company's own."""
        self.own.append((found, entry))


class Disclosures:
    """Finds what texts disclose; build one in each process and keep it."""

    def __init__(
        self,
        detectors: Detectors,
        profanity: ProfanityDetector,
        key: bytes,
        kinds: Collection[str],
    ) -> None:
        self._detectors, self._profanity, self._key = detectors, profanity, key
        self.personal = detectors if "pii" in kinds else None
        self.profane = profanity if "profanity" in kinds else None
        """What is looked for; excerpts mask both, whatever is looked for."""

    def worth_reading(self, texts: Sequence[Text]) -> Sequence[Text]:
        """Return the texts if one of them may hold anything, else none: quick."""
        joined = "\n".join([text for _, _, text in texts])
        personal = self.personal is not None and self.personal.may_find(joined)
        profane = self.profane is not None and self.profane.may_find(joined)
        return texts if personal or profane else ()

    def find(self, texts: Sequence[Text]) -> list[Disclosed]:
        """Return what each text discloses.

        One detector goes over all texts, then the other: each finds its own code and tables in the
        processor's cache.
        """
        found = [Disclosed() for _ in texts]
        if self.personal is not None:
            for (_, _, text), one in zip(texts, found, strict=True):
                one.places.extend(self.personal.find(text, one.add_own))
        if self.profane is not None:
            for (_, _, text), one in zip(texts, found, strict=True):
                one.places.extend(self.profane.find(text))
        for one in found:
            one.places.sort()
        return found

    def shown(self, place: Text, found: Finding, others: Sequence[Finding]) -> dict[str, Any]:
        """Return what a finding tells; `others` are all of its text, in order of place."""
        part, path, text = place
        excerpt = self._detectors.excerpt(text, found, apart(found, others))
        return {
            "kind": "profanity" if found.entity_type == PROFANITY else "pii",
            "entity_type": found.entity_type,
            "part": part,
            "path": path,
            "start": found.start,
            "end": found.end,
            "hash": fingerprint(text, found, self._key),
            "excerpt": self._profanity.mask(excerpt),
        }
