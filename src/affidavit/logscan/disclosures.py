"""What texts disclose: personal data and profanity, each told without showing it."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, Final

from affidavit.logscan.detectors import PROFANITY, Detectors, ProfanityDetector, fingerprint
from affidavit.logscan.detectors.entities import Finding
from affidavit.logscan.findings import Part

Text = tuple[Part, str, str]
"""Where it stands, its path there, and the text."""
_NEAR: Final = 700
"""Characters around a finding whose other findings are masked in its excerpt, and more: no finding
is as long."""


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

    def find(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return the findings of each text, in order of place.

        One detector goes over all texts, then the other: each finds its own code and tables in the
        processor's cache.
        """
        found: list[list[Finding]] = [[] for _ in texts]
        for detector in (self.personal, self.profane):
            if detector is None:
                continue
            for (_, _, text), places in zip(texts, found, strict=True):
                places.extend(detector.find(text))
        for places in found:
            places.sort()
        return found

    def shown(self, place: Text, found: Finding, others: Sequence[Finding]) -> dict[str, Any]:
        """Return what a finding tells; `others` are all of its text, in order of place."""
        part, path, text = place
        excerpt = self._detectors.excerpt(text, found, _apart(found, others))
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


def _apart(found: Finding, others: Sequence[Finding]) -> list[Finding]:
    """Return the findings near one without those that overlap one before, in order: it wins.

    `others` are sorted. Only those near are looked at: a text may have any number of them.
    """
    kept: list[Finding] = []
    reach = 0
    first = bisect_left(others, found.start - _NEAR, key=attrgetter("start"))
    for number in range(first, len(others)):
        one = others[number]
        if one.start >= found.end + _NEAR:
            break
        if reach <= one.start and (one.end <= found.start or found.end <= one.start):
            kept.append(one)
            reach = one.end
    return sorted([found, *kept])
