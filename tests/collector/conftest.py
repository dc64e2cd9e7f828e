"""A small catalogue and a fake door for the collector's tests."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.framework import (
    ActionPlan,
    Control,
    ControlSet,
    ControlSource,
    Framework,
    SourceType,
)
from affidavit.model.observation import (
    Gap,
    GapReason,
    JsonObject,
    Observation,
    Proof,
    Result,
    Unit,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def operation(key: str, *parents: str, **more: Any) -> Operation:
    """Return an operation of bedrock, asked once a Region unless told otherwise."""
    given: dict[str, Any] = {
        "key": key,
        "service": "bedrock",
        "operation": key,
        "per_account": False,
        "fan_out": "once",
        "inputs": {},
        "parents": parents,
        "absent_on": frozenset(),
        "iam_action": f"bedrock:{key}",
        "redact": (),
        "note": "",
    }
    return Operation(**(given | more))


def source(kind: SourceType, keyword: str) -> ControlSource:
    """Return a source without a check: its keyword says what is asked."""
    return ControlSource(
        id=f"{kind}:{keyword}",
        type=kind,
        keyword=keyword,
        name="",
        check="",
        params={},
        frequency="DAILY",
        scoping="",
    )


def control(name: str, *sources: ControlSource) -> Control:
    """Return a control with these sources."""
    return Control(
        id=name,
        uuid=name,
        title=name,
        control_set="SET",
        statement="",
        basis_kind="own",
        basis=(),
        automation="full",
        severity="low",
        sources=sources,
        testing_information="",
        action_plan=ActionPlan(title="", instructions=""),
        manual_evidence=None,
        crosswalk={},
    )


def make_catalogue(operations: list[Operation], controls: list[Control]) -> Catalogue:
    """Return a catalogue of operations and controls, without checks."""
    control_set = ControlSet(id="SET", uuid="SET", name="", principle="", controls=tuple(controls))
    return Catalogue(
        framework=Framework(
            id="small",
            uuid="small",
            name="",
            description="",
            compliance_type="",
            version="1",
            control_sets=(control_set,),
            caveats=(),
        ),
        operations={o.key: o for o in operations},
        metrics={},
        resource_sets={},
        checks={},
        config_rules={},
        digest="0" * 64,
    )


Answer = Callable[[Operation, Unit], JsonObject]


class FakeDoor:
    """Answers from a function, notes what was asked and when, takes a little time if told so."""

    def __init__(
        self, answer: Callable[[Operation, Unit], JsonObject], concurrency: int = 4
    ) -> None:
        self.concurrency = concurrency
        self.asked: list[Unit] = []
        self.left: list[str] = []
        self.delays: dict[str, float] = {}
        self._answer = answer
        self._lock = threading.Lock()

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Return the answer as an observation; an answer {"Gap": reason} as a gap."""
        time.sleep(self.delays.get(unit.region, 0.0))
        with self._lock:
            self.asked.append(unit)
        body = self._answer(operation, unit)
        if "Gap" in body:
            return Gap(
                unit=unit,
                service=operation.service,
                operation=operation.operation,
                reason=GapReason(body["Gap"]),
                code="",
                message="",
                proof=None,
            )
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent="",
            body=body,
            proof=PROOF,
        )

    def leave(self, account_id: str) -> None:
        """Note that the account is done."""
        self.left.append(account_id)


PROOF = Proof(
    endpoint="http://127.0.0.1",
    synthetic=True,
    caller_arn="",
    request_ids=("",),
    pages=1,
    attempts=1,
    started_at=NOW,
    finished_at=NOW,
    tool="test",
)


class Making:
    """What tests build their catalogues and doors with."""

    NOW = NOW
    operation = staticmethod(operation)
    source = staticmethod(source)
    control = staticmethod(control)
    catalogue = staticmethod(make_catalogue)
    door = FakeDoor


@pytest.fixture
def making() -> type[Making]:
    """Return the makers of small catalogues and fake doors."""
    return Making
