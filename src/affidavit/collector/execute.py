"""Ask every question of a plan once in one account: all its Regions and the global place together.

An operation's questions follow from its parents' answers, so it waits until they are answered in
all places (a trail seen in three Regions is asked in one), and then asks in all places at once.
Operations that do not wait for each other run side by side: a slow Region holds up only what needs
its answer. Results come in whatever order; they are put into the facts in the order of asking, so
that the same answers give the same evidence.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from affidavit.aws.door import Door
from affidavit.aws.limits import is_slow
from affidavit.checks.facts import Facts
from affidavit.checks.fanout import FAN_OUTS, FanOut, FanOutContext
from affidavit.collector.plan import Plan
from affidavit.errors import CatalogueError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GLOBAL_REGION, Result, Unit
from affidavit.sources import not_configured
from affidavit.sources.api_call import ApiCallSource
from affidavit.sources.not_configured import NotConfiguredSource
from affidavit.sources.source import Scope, Source

MAX_ROUNDS = 12
"""A fan-out that still has new questions after as many rounds of answers never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How far an account is, after each result."""

    account_id: str
    region: str
    service: str
    done: int
    total: int
    """Questions known so far; grows as answers lead to more."""


def execute(  # noqa: PLR0913 - agreed between the modules; all but four are given by name
    plan: Plan,
    door: Door,
    account_id: str,
    regions: tuple[str, ...],
    *,
    now: datetime,
    params: Mapping[str, Mapping[str, Any]],
    sink: Callable[[Result], None],
    known: Callable[[Unit], Result | None],
    flush: Callable[[], None] = lambda: None,
    on_progress: Callable[[Asked], None] = lambda _asked: None,
    fan_outs: Mapping[str, FanOut] = FAN_OUTS,
    recorded: Sequence[Unit] = (),
    sources: Mapping[str, Source] = MappingProxyType({}),
) -> Facts:
    """Ask everything in one account and return the facts.

    `known` is asked before AWS (a resumed run) and wins; every new result goes to `sink` as it
    arrives; `recorded` are questions of sources that ask nothing here and whose answers `known`
    has; `sources` answer the operations of their fan-outs, AWS itself the others; `flush` is called
    before questions that follow from results are sent, and at the end.
    All callbacks are called from the caller's thread; what they raise ends the execution.
    """
    execution = _Execution(
        plan=plan,
        facts=Facts(account_id, regions),
        now=now,
        params=params,
        pool=_Pool(door, sources),
        sink=sink,
        known=known,
        flush=flush,
        on_progress=on_progress,
        fan_outs=fan_outs,
        recorded=recorded,
    )
    try:
        return execution.run()
    finally:
        execution.pool.stop()
        door.leave(account_id)


_Tasks = queue.SimpleQueue[tuple[Operation, Unit] | None]


class _Pool:
    """Threads that ask. They are daemons: a call under way never keeps the process from ending.

    Operations with a slow quota of their own (LookupEvents: two a second in each Region) have a
    lane for each Region, with one thread: waiting for the quota keeps nobody else from asking.
    """

    def __init__(self, door: Door, sources: Mapping[str, Source]) -> None:
        self._api_call = ApiCallSource(door)
        nothing = NotConfiguredSource()
        unset = dict.fromkeys(not_configured.FAN_OUTS, nothing)
        self._sources: dict[str, Source] = {**unset, **sources}
        self._concurrency = door.concurrency
        self._lanes: dict[str, _Tasks] = {}
        self._threads: list[_Tasks] = []
        """Each thread's lane."""
        self.results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def put(self, operation: Operation, unit: Unit) -> None:
        """Have one question asked."""
        slow = is_slow(operation.service, operation.operation)
        name = f"{operation.key}/{unit.region}" if slow else ""
        if name not in self._lanes:
            self._open(name, 1 if slow else self._concurrency)
        self._lanes[name].put((operation, unit))

    def stop(self) -> None:
        """Ask nothing more; calls under way are left to their own timeouts."""
        self._stopped.set()
        for lane in self._threads:
            lane.put(None)

    def _open(self, name: str, threads: int) -> None:
        lane: _Tasks = queue.SimpleQueue()
        self._lanes[name] = lane
        for _ in range(threads):
            self._threads.append(lane)
            threading.Thread(target=self._work, args=(lane,), name="ask", daemon=True).start()

    def _work(self, lane: _Tasks) -> None:
        while (task := lane.get()) is not None and not self._stopped.is_set():
            try:
                self.results.put(self._ask(*task))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                self.results.put(error)

    def _ask(self, operation: Operation, unit: Unit) -> Result:
        source: Source = self._sources.get(operation.fan_out, self._api_call)
        (result,) = source.observe(Scope(operation=operation, units=(unit,)))
        return result


@dataclass(slots=True)
class _Node:
    """One operation in all its places."""

    operation: Operation
    places: tuple[str, ...]
    waits_for: set[str]
    children: list["_Node"] = field(default_factory=list)
    asked: dict[str, Unit] = field(default_factory=dict)
    """Questions by id, in the order of asking."""
    open: set[str] = field(default_factory=set)
    arrived: dict[str, Result] = field(default_factory=dict)
    """Results of the present round by question id."""
    rounds: int = 0


@dataclass(slots=True, kw_only=True)
class _Execution:
    plan: Plan
    facts: Facts
    now: datetime
    params: Mapping[str, Mapping[str, Any]]
    pool: _Pool
    sink: Callable[[Result], None]
    known: Callable[[Unit], Result | None]
    flush: Callable[[], None]
    on_progress: Callable[[Asked], None]
    fan_outs: Mapping[str, FanOut]
    recorded: Sequence[Unit]
    nodes: dict[str, _Node] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    under_way: int = 0

    def run(self) -> Facts:
        """Ask until no fan-out has a new question, and return the facts."""
        self._build()
        self._advance(list(self.nodes.values()))
        while True:
            while self.under_way:
                self._receive()
            # Nothing is open: a last look whether any answer leads to a question after all.
            if not self._advance(list(self.nodes.values())):
                break
        self.flush()
        return self._in_order()

    def _build(self) -> None:
        for operation in self.plan.operations:
            places = (GLOBAL_REGION,) if operation.per_account else self.facts.regions
            parents = {key for key in operation.parents if key != operation.key}
            node = _Node(operation=operation, places=places, waits_for=parents)
            self.nodes[operation.key] = node
            for key in parents:
                self.nodes[key].children.append(node)

    def _advance(self, nodes: list[_Node]) -> int:
        """Ask what is new at nodes that are ready; settle those with nothing open, and so on down.

        Returns how many new questions there were.
        """
        new = 0
        waiting = list(nodes)
        while waiting:
            node = waiting.pop(0)
            if node.waits_for or node.open:
                continue
            units = self._new_units(node)
            new += len(units)
            for unit in units:
                self._ask(node, unit)
            if node.open:
                continue
            if units:
                waiting.insert(0, node)  # all were known: they may lead to more
                self._absorb(node)
                continue
            waiting.extend(self._settle(node))
        return new

    def _new_units(self, node: _Node) -> list[Unit]:
        found = [unit for place in node.places for unit in self._fan_out(node, place)]
        new = [unit for unit in found if unit.id not in node.asked]
        node.rounds += bool(new)
        if node.rounds > MAX_ROUNDS:
            raise CatalogueError(
                f"The questions of {node.operation.key} do not end",
                why=f"After {MAX_ROUNDS} rounds its fan-out {node.operation.fan_out} has new ones.",
                todo="Correct the fan-out.",
            )
        return new

    def _fan_out(self, node: _Node, place: str) -> Iterator[Unit]:
        operation = node.operation
        if operation.fan_out == not_configured.FAN_OUT:
            account_id = self.facts.account_id
            answered = [u for u in self.recorded if (u.key, u.region) == (operation.key, place)]
            if answered:
                yield from answered
                return
            yield Unit(key=operation.key, account_id=account_id, region=place, parameters={})
            return
        context = FanOutContext(
            catalogue=self.plan.catalogue,
            operation=operation,
            facts=self.facts,
            region=place,
            now=self.now,
            params=self.params,
        )
        yield from self.fan_outs[operation.fan_out](context)
        yield from (u for u in self.recorded if (u.key, u.region) == (operation.key, place))

    def _ask(self, node: _Node, unit: Unit) -> None:
        node.asked[unit.id] = unit
        self.total += 1
        result = self.known(unit)
        if result is not None:
            node.arrived[unit.id] = result
            self._progress(node, unit)
            return
        node.open.add(unit.id)
        self.under_way += 1
        self.pool.put(node.operation, unit)

    def _receive(self) -> None:
        result = self.pool.results.get()
        if isinstance(result, BaseException):
            raise result
        self.sink(result)
        self.under_way -= 1
        node = self.nodes[result.unit.key]
        node.open.remove(result.unit.id)
        node.arrived[result.unit.id] = result
        self._progress(node, result.unit)
        if not node.open:
            self._absorb(node)
            self.flush()
            self._advance([node])

    def _absorb(self, node: _Node) -> None:
        """Put a round's results into the facts, in the order of asking."""
        for unit_id in node.asked:
            if unit_id in node.arrived:
                self.facts.add(node.arrived[unit_id])
        node.arrived.clear()

    def _settle(self, node: _Node) -> list[_Node]:
        """Tell the children that this operation is answered; return those that are ready now."""
        ready = []
        for child in node.children:
            if node.operation.key in child.waits_for:
                child.waits_for.remove(node.operation.key)
                if not child.waits_for:
                    ready.append(child)
        return ready

    def _progress(self, node: _Node, unit: Unit) -> None:
        self.done += 1
        self.on_progress(
            Asked(
                account_id=unit.account_id,
                region=unit.region,
                service=node.operation.service,
                done=self.done,
                total=self.total,
            )
        )

    def _in_order(self) -> Facts:
        """Return the facts in the plan's order of operations and places."""
        ordered = Facts(self.facts.account_id, self.facts.regions)
        for node in self.nodes.values():
            for place in node.places:
                for result in self.facts.results(node.operation.key, place):
                    ordered.add(result)
        return ordered
