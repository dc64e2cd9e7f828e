"""The models of language that a run of prompts names: they look for more than rules do."""

from dataclasses import dataclass
from pathlib import Path

from affidavit.logscan.detectors import Detectors
from affidavit.logscan.detectors.meaning import SentenceModel
from affidavit.logscan.detectors.names import SpacyNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Aids:
    """What a run looks with besides rules; each needs an extra of its own."""

    names: bool = False
    """Whether names and addresses of people are looked for, and masked (extra `names`)."""
    meaning: bool = False
    """Whether what prompt and answer are about is compared (extra `meaning`)."""
    folder: str = ""
    """Of the sentence model's files; empty: of the installed package."""

    @property
    def named(self) -> list[str]:
        """Return what a kept run says of them."""
        return [name for name in ("names", "meaning") if getattr(self, name)]

    def detectors(self) -> Detectors:
        """Return the detectors; raise `UsageError` where the extra is not installed."""
        return Detectors(names=SpacyNames() if self.names else None)

    def sentence_model(self) -> SentenceModel | None:
        """Return the model that is wanted, or none; raise `UsageError` where it is not there."""
        folder = Path(self.folder).expanduser() if self.folder else None
        return SentenceModel(folder) if self.meaning else None
