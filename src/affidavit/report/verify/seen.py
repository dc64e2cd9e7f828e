"""Events of CloudTrail that a run leaves out: each must stand in the earlier run that is named.

Runs ask for periods that overlap, and record an event once. What a run left out for that reason is
an answer of it, made by the program itself: account, source, event, and the number of the run that
holds it. Where the report has that run's evidence, the event is looked up there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .failure import VerificationError

KEY = "SeenEvents"
_SERVICE = "affidavit"
_EVENT = "eventId"
_MEMBERS = 3
Listed = tuple[tuple[str, str, int], ...]
"""Source, event, number of the run that holds it."""


def is_list(said: Mapping[str, Any]) -> bool:
    """Tell whether an observation is the program's own list, and not an answer of AWS."""
    return said.get("key") == KEY and said.get("service") == _SERVICE


def read_list(body: Any, where: str) -> Listed:
    """Return the list in an observation's body."""
    listed = body.get("events") if isinstance(body, dict) and set(body) == {"events"} else None
    if not isinstance(listed, list) or not all(_is_event(one) for one in listed):
        raise VerificationError(where, "does not list events by source, id and run")
    found = tuple((source, event, run) for source, event, run in listed)
    if not found or list(found) != sorted(set(found)):
        raise VerificationError(where, "lists events out of order or twice, or none")
    return found


def check_proof(proof: Mapping[str, Any], where: str) -> None:
    """Check that a list does not pretend to come from AWS."""
    said = [proof[name] for name in ("endpoint", "caller_arn", "request_ids", "redacted")]
    if any(said) or proof["pages"] or proof["attempts"] or proof["synthetic"]:
        raise VerificationError(where, "lists events left out, and says that AWS was asked for it")


@dataclass(slots=True)
class Seen:
    """The events that the report's runs hold."""

    events: set[tuple[int, str, str, str]] = field(default_factory=set)
    """Number of the run, account, source, event."""
    elsewhere: int = 0
    """Events left out that stand in runs whose evidence is not in the report, as is said."""

    def add(self, run: int, record: Mapping[str, Any]) -> None:
        """Note a record, if it is of an event."""
        event = record["attributes"].get(_EVENT)
        if event and not record["check_id"] and not record["gap"]:
            self.events.add((run, record["account_id"], record["source_id"], event))

    def check(
        self, run: tuple[int, str], account: str, listed: Listed, held: Collection[int]
    ) -> None:
        """Check what a run (its number, where it stands) left out; `held`: runs with evidence."""
        number, where = run
        for source, event, holder in listed:
            if not 0 < holder < number:
                raise VerificationError(where, f"leaves out {event}, said to be in run {holder}")
            if holder not in held:
                self.elsewhere += 1
            elif (holder, account, source, event) not in self.events:
                raise VerificationError(
                    where,
                    f"omitted: it leaves out the event {event} of {account}, as if run {holder} "
                    "held it, which does not",
                )


def _is_event(value: Any) -> bool:
    kinds = [type(one) for one in value] if isinstance(value, list) else []
    return len(kinds) == _MEMBERS and kinds == [str, str, int]
