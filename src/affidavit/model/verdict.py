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
