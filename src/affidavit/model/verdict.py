"""Verdicts: what a check says of a record, and how the verdicts of a day combine."""

from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a resource or a control. Uncertain is never COMPLIANT."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON_COMPLIANT"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """Shown as inconclusive: activity, manual evidence, gaps, records out of a check's scope."""

    @property
    def words(self) -> str:
        """Return the word shown to people: Compliant, Non-compliant, Inconclusive."""
        return {
            Verdict.COMPLIANT: "Compliant",
            Verdict.NON_COMPLIANT: "Non-compliant",
            Verdict.NOT_APPLICABLE: "Inconclusive",
        }[self]


class ControlState(StrEnum):
    """What is shown of a control, the worst first: a partial one is never plainly compliant.

    The verdict of a partial control speaks of its automated part; the states of those that are
    compliant tell how it stands with the manual part. Values of verdicts are those of `Verdict`.
    """

    NON_COMPLIANT = "NON_COMPLIANT"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    AUTOMATED_MISSING = "AUTOMATED_MISSING"
    AUTOMATED_EXPIRED = "AUTOMATED_EXPIRED"
    AUTOMATED_PRESENT = "AUTOMATED_PRESENT"
    COMPLIANT = "COMPLIANT"

    @classmethod
    def of(cls, verdict: Verdict, manual: str) -> "ControlState":
        """Return the state for a verdict and a manual part: '', missing, expired or present."""
        if verdict is Verdict.COMPLIANT and manual:
            return cls(f"AUTOMATED_{manual.upper()}")
        return cls(verdict.value)

    @property
    def manual(self) -> str:
        """Return missing, expired or present where only the automated part is compliant, or ''."""
        before, _, part = self.value.partition("AUTOMATED_")
        return "" if before else part.lower()

    @property
    def words(self) -> str:
        """Return what is shown to people; how the manual part stands is `manual`."""
        return "Automated part compliant" if self.manual else Verdict(self.value).words


class Standing(StrEnum):
    """Why a NOT_APPLICABLE record is so: decided not to apply, or undecided."""

    JUDGED = "judged"
    """The check decided: COMPLIANT or NON_COMPLIANT."""
    OUT_OF_SCOPE = "out_of_scope"
    """The check says that it does not apply to this record; nothing is left open."""
    UNDECIDED = "undecided"
    """The check applies, but could not be decided: a gap, a missing member, an empty parameter."""
    ACTIVITY = "activity"
    """A fact without a verdict: an event, a manual upload."""
