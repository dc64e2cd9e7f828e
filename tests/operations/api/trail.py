"""A CloudTrail for tests: events that happen, are delivered late, and are looked up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from affidavit.model.catalogue import Operation
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Result, Unit
from affidavit.model.times import iso, parse

ACCOUNT = "111122223333"
_WITHOUT_TRAILS: dict[str, dict[str, Any]] = {
    "DescribeTrails": {"trailList": []},
    "ListPublicKeys": {"PublicKeyList": []},
}
KEYWORDS = ("bedrock_UpdateGuardrail", "bedrock_DeleteGuardrail")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done."""

    id: str
    name: str
    at: datetime
    delivered: datetime


@dataclass(slots=True)
class Trail:
    """Answers as the door does; `denied` makes it answer nothing."""

    now: Callable[[], datetime]
    events: list[Event] = field(default_factory=list)
    asked: list[Unit] = field(default_factory=list)
    denied: bool = False
    concurrency: int = 2

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def enter(self, account_id: str) -> str:
        """Enter any account."""
        return account_id

    def leave(self, account_id: str) -> None:
        """Nothing is open."""

    def happen(self, late: float = 0, name: str = "UpdateGuardrail") -> str:
        """Let an event happen now that is delivered so many minutes late; return its id."""
        event = Event(str(uuid4()), name, self.now(), self.now() + timedelta(minutes=late))
        self.events.append(event)
        return event.id

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Answer LookupEvents from what was delivered until now."""
        if operation.key in _WITHOUT_TRAILS:
            return self._answer(operation, unit, _WITHOUT_TRAILS[operation.key])
        self.asked.append(unit)
        if self.denied:
            return Gap(
                unit=unit,
                service=operation.service,
                operation=operation.operation,
                reason=GapReason.DENIED,
                code="AccessDenied",
                message="cloudtrail:LookupEvents is denied",
                proof=self._proof(),
            )
        assert operation.key == "LookupEvents"
        name = unit.parameters["LookupAttributes"][0]["AttributeValue"]
        since = parse(unit.parameters["StartTime"])
        found = [
            one
            for one in self.events
            if one.name == name and one.at >= since and one.delivered <= self.now()
        ]
        return self._answer(operation, unit, {"Events": [_as_json(one) for one in found]})

    def since(self) -> set[str]:
        """Return since when events were asked the last time, and forget it."""
        found = {unit.parameters["StartTime"] for unit in self.asked}
        self.asked.clear()
        return found

    def _answer(self, operation: Operation, unit: Unit, body: dict[str, Any]) -> Observation:
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent="",
            body=body,
            proof=self._proof(),
        )

    def _proof(self) -> Proof:
        return Proof(
            endpoint="https://cloudtrail.us-east-1.amazonaws.com",
            synthetic=False,
            caller_arn=f"arn:aws:iam::{ACCOUNT}:user/auditor",
            request_ids=(str(uuid4()),),
            pages=1,
            attempts=1,
            started_at=self.now(),
            finished_at=self.now(),
            tool="affidavit",
        )


def source(keyword: str) -> dict[str, Any]:
    """Return a mapping source of an event."""
    return {
        "sourceName": keyword,
        "sourceType": "AWS_Cloudtrail",
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
    }


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.id,
        "EventName": event.name,
        "EventTime": iso(event.at),
        "EventSource": "bedrock.amazonaws.com",
        "Username": "ms.owner",
        "Resources": [],
        "CloudTrailEvent": "{}",
    }
