"""Execution: every question once, in waves that follow from the answers, resumable, stoppable."""

import threading
from typing import Any

import pytest

from affidavit.checks.fanout import FAN_OUTS, FanOutContext
from affidavit.collector.execute import Asked, execute
from affidavit.collector.plan import plan
from affidavit.errors import CatalogueError, StoreFullError
from affidavit.model.catalogue import Operation
from affidavit.model.framework import SourceType
from affidavit.model.observation import GLOBAL_REGION, JsonObject, Result, Unit

REGIONS = ("eu-west-1", "us-east-1")
PATIENCE = 100.0
"""Seconds after which a thread does not wait any longer for what should have come."""


def _guardrail(name: str, version: str = "DRAFT") -> JsonObject:
    return {
        "id": name,
        "arn": f"arn:aws:bedrock:r:1:guardrail/{name}",
        "version": version,
        "name": name,
        "status": "READY",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
    }


def _answer(operation: Operation, unit: Unit) -> JsonObject:
    """Return two guardrails in each Region, with one numbered version each."""
    if operation.key == "ListGuardrails":
        wanted = unit.parameters.get("guardrailIdentifier")
        names = [wanted.rpartition("/")[2]] if wanted else ["g1", "g2"]
        listed = [_guardrail(name) for name in names]
        return {"guardrails": listed + ([_guardrail(names[0], "7")] if wanted else [])}
    return {}


@pytest.fixture
def catalogue(making: Any) -> Any:
    """Return a catalogue of guardrails, something global, and prompts."""
    return making.catalogue(
        [
            making.operation("ListGuardrails", fan_out="list_guardrails"),
            making.operation("GetGuardrail", "ListGuardrails", fan_out="get_guardrail"),
            making.operation("GetAccountSummary", service="iam", per_account=True),
            making.operation("Converse", service="bedrock-runtime", fan_out="not_configured"),
        ],
        [
            making.control(
                "X",
                making.source(SourceType.API_CALL, "bedrock_GetGuardrail"),
                making.source(SourceType.API_CALL, "iam_GetAccountSummary"),
                making.source(SourceType.API_CALL, "bedrock-runtime_Converse"),
            )
        ],
    )


def _run(making: Any, catalogue: Any, door: Any, **more: Any) -> tuple[Any, list[Result]]:
    sunk: list[Result] = []
    given: dict[str, Any] = {
        "now": making.NOW,
        "params": {},
        "sink": sunk.append,
        "known": lambda _unit: None,
    }
    facts = execute(plan(catalogue), door, "111122223333", REGIONS, **(given | more))
    return facts, sunk


def test_questions_follow_from_answers(making: Any, catalogue: Any) -> None:
    """Lists are asked first, then each guardrail's versions, then the highest version of each."""
    door = making.door(_answer)
    facts, sunk = _run(making, catalogue, door)
    for region in REGIONS:
        lists = facts.results("ListGuardrails", region)
        assert sorted(bool(r.unit.parameters) for r in lists) == [False, True, True]
        details = facts.results("GetGuardrail", region)
        assert [r.unit.parameters["guardrailVersion"] for r in details] == ["7", "7"]
    assert len(facts.results("GetAccountSummary", GLOBAL_REGION)) == 1
    assert len(door.asked) == len({u.id for u in door.asked}) == 11
    assert len(sunk) == len(list(facts)) == 13
    assert door.left == ["111122223333"]


def test_what_is_not_configured_is_one_gap_a_region(making: Any, catalogue: Any) -> None:
    """Operations of unconfigured sources give a gap in each Region and are never asked."""
    door = making.door(_answer)
    facts, sunk = _run(making, catalogue, door)
    gaps = [facts.results("Converse", region) for region in REGIONS]
    assert [len(found) for found in gaps] == [1, 1]
    assert not any(unit.key == "Converse" for unit in door.asked)
    assert sum(result.unit.key == "Converse" for result in sunk) == 2


def test_a_gap_of_a_parent_asks_no_children(making: Any, catalogue: Any) -> None:
    """Where the list is denied nothing is asked of its items, and the gap stands in the facts."""
    door = making.door(lambda o, _: {"Gap": "denied"} if o.key == "ListGuardrails" else {})
    facts, _ = _run(making, catalogue, door)
    assert not facts.results("GetGuardrail", "us-east-1")
    assert facts.results("ListGuardrails", "us-east-1")[0].reason == "denied"


def test_known_answers_are_not_asked_again(making: Any, catalogue: Any) -> None:
    """A resumed run asks only what is open, sinks only what is new; the facts are the same."""
    first, _ = _run(making, catalogue, making.door(_answer))
    kept = {r.unit.id: r for r in first if r.unit.region != "us-east-1"}
    door = making.door(_answer)
    second, sunk = _run(making, catalogue, door, known=lambda unit: kept.get(unit.id))
    assert {unit.region for unit in door.asked} == {"us-east-1"}
    assert len(sunk) + len(kept) == len(list(first))
    assert [r.unit for r in second] == [r.unit for r in first]
    again = making.door(_answer)
    every = {r.unit.id: r for r in first}
    third, sunk = _run(making, catalogue, again, known=lambda unit: every.get(unit.id))
    assert (again.asked, sunk, list(third)) == ([], [], list(first))


def test_the_facts_do_not_depend_on_the_order_of_arrival(making: Any, catalogue: Any) -> None:
    """With one worker or eight, slow Regions or not, the facts are the same in the same order."""
    orders = []
    for concurrency, delays in ((1, {}), (8, {"eu-west-1": 0.02}), (8, {"us-east-1": 0.02})):
        door = making.door(_answer, concurrency)
        door.delays = delays
        facts, _ = _run(making, catalogue, door)
        orders.append([(r.unit.key, r.unit.region, r.unit.id) for r in facts])
    assert orders[0] == orders[1] == orders[2]


def test_answers_are_durable_before_what_follows_is_asked(making: Any, catalogue: Any) -> None:
    """`flush` comes between a result and the questions that it leads to."""
    events: list[str] = []
    door = making.door(_answer, 1)
    inner = door.call

    def call(operation: Operation, unit: Unit) -> Result:
        events.append(f"ask {operation.key}")
        result: Result = inner(operation, unit)
        return result

    door.call = call
    _run(
        making,
        catalogue,
        door,
        sink=lambda r: events.append(f"sink {r.unit.key}"),
        flush=lambda: events.append("flush"),
    )
    first_child = events.index("ask GetGuardrail")
    last_parent = max(i for i, e in enumerate(events) if e == "sink ListGuardrails")
    assert "flush" in events[last_parent:first_child]
    assert events[-1] == "flush"


def test_callbacks_come_from_the_callers_thread(making: Any, catalogue: Any) -> None:
    """A store need not be thread-safe; progress counts up to the total."""
    threads = set()
    progress: list[Asked] = []

    def sink(_: Result) -> None:
        threads.add(threading.current_thread())

    def on_progress(asked: Asked) -> None:
        threads.add(threading.current_thread())
        progress.append(asked)

    _run(making, catalogue, making.door(_answer), sink=sink, on_progress=on_progress)
    assert threads == {threading.current_thread()}
    assert [p.done for p in progress] == list(range(1, 14))
    assert (progress[-1].total, progress[-1].account_id) == (13, "111122223333")


@pytest.mark.parametrize("error", [StoreFullError("No space is left"), KeyboardInterrupt()])
def test_what_a_callback_raises_ends_the_execution_at_once(
    error: BaseException, making: Any, catalogue: Any
) -> None:
    """A full store or a Ctrl-C ends it promptly, even while calls are under way."""
    ended = threading.Event()

    def answer(operation: Operation, unit: Unit) -> JsonObject:
        if unit.region == "us-east-1":
            assert ended.wait(PATIENCE)  # in vain, where the execution waits for it
        return _answer(operation, unit)

    door = making.door(answer)

    def sink(_: Result) -> None:
        raise error

    with pytest.raises(type(error)):
        _run(making, catalogue, door, sink=sink)
    ended.set()
    assert door.left == ["111122223333"]


def test_waiting_for_events_keeps_nobody_from_asking(making: Any) -> None:
    """LookupEvents has a lane in each Region: one thread of it, and none of the others'."""
    lookup = making.operation("LookupEvents", service="cloudtrail", fan_out="many")
    events = making.catalogue(
        [lookup, making.operation("Other")],
        [
            making.control(
                "X",
                making.source(SourceType.CLOUDTRAIL, "bedrock_DeleteGuardrail"),
                making.source(SourceType.API_CALL, "bedrock_Other"),
            )
        ],
    )
    door = making.door(_answer, 1)
    inner = door.call
    order: list[str] = []
    at_once: set[tuple[str, str]] = set()
    most = [0]
    begun, asked = threading.Event(), threading.Event()

    def call(operation: Operation, unit: Unit) -> Result:
        place = (operation.key, unit.region)
        assert place not in at_once or operation.key != "LookupEvents"
        at_once.add(place)
        most[0] = max(most[0], len(at_once))
        if operation.key == "LookupEvents":
            begun.set()
            asked.wait(PATIENCE)  # in vain, where the others wait for it
        else:
            begun.wait(PATIENCE)
        result: Result = inner(operation, unit)
        at_once.discard(place)
        order.append(operation.key)
        if operation.key == "Other":
            asked.set()
        return result

    def many(context: FanOutContext) -> list[Unit]:
        return [
            Unit(key="LookupEvents", account_id="1", region=context.region, parameters={"n": n})
            for n in range(5)
        ]

    door.call = call
    fan_outs = {**FAN_OUTS, "many": many}
    facts, _ = _run(making, events, door, fan_outs=fan_outs)
    assert len(list(facts)) == 12
    assert order.index("Other") == 0
    assert most[0] >= 2


def test_a_worker_that_fails_is_not_silence(making: Any, catalogue: Any) -> None:
    """An exception in a thread is raised again in the caller's."""

    def broken(_o: Operation, _u: Unit) -> JsonObject:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _run(making, catalogue, making.door(broken))


def test_a_fan_out_without_end_is_refused(making: Any) -> None:
    """Answers that always lead to new questions end in an error that names the operation."""
    catalogue = making.catalogue(
        [making.operation("Endless", fan_out="endless")],
        [making.control("X", making.source(SourceType.API_CALL, "bedrock_Endless"))],
    )

    def endless(context: FanOutContext) -> list[Unit]:
        asked = len(context.facts.results("Endless", context.region))
        return [
            Unit(key="Endless", account_id="1", region=context.region, parameters={"n": str(asked)})
        ]

    with pytest.raises(CatalogueError, match="Endless do not end"):
        _run(making, catalogue, making.door(_answer), fan_outs={"endless": endless})
