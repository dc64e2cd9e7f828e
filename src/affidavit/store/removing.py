"""Removing objects: after the transaction that gave them up, and again until it is done."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from affidavit.errors import StoreBusyError, StoreError
from affidavit.model.times import utc_now
from affidavit.store import todos
from affidavit.store.database import Database
from affidavit.store.objects import Objects

_AT_ONCE: Final = 100
_ENOUGH: Final = 3
"""Failures after which the others wait too: the place does not answer."""
_POLL: Final = 0.1


@dataclass(slots=True)
class Removed:
    """What was removed, and why others were not."""

    names: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Removals:
    """The objects that are to be removed."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._database, self._objects = database, objects

    def carry_out(self, names: Sequence[str] | None = None, *, patient: bool = False) -> Removed:
        """Remove what is to be removed, only `names` if given; what cannot be stays to be done.

        No transaction is open meanwhile. `patient`: not yet what failed a short time ago.
        """
        began, told = utc_now(), Removed()
        for some in [None] if names is None else todos.parts(names):
            while len(told.problems) < _ENOUGH:
                asked = todos.Asked(names=some, before=began, patient=patient)
                taken = todos.take(self._database, todos.REMOVE, _AT_ONCE, asked)
                if not taken:
                    break
                self._remove(taken, told)
        return told

    def settle(self, names: Sequence[str]) -> None:
        """Wait until none of these is to be removed any more; help where nobody is at it.

        `StoreBusyError` where that takes too long.
        """
        deadline = time.monotonic() + self._database.busy_seconds
        while True:
            told = self.carry_out(names)
            with self._database.read() as connection:
                if not todos.removed_since(connection, names, todos.latest(connection)):
                    return
            if time.monotonic() > deadline:
                raise StoreBusyError(
                    "Objects that are needed again are still being removed",
                    why=" ".join(told.problems[:1]) or "Another process is at it.",
                    todo="Run the same command again.",
                )
            time.sleep(_POLL)

    def _remove(self, taken: Sequence[tuple[str, int]], told: Removed) -> None:
        done: list[tuple[str, int]] = []
        failed: list[tuple[str, int, str]] = []
        end = time.monotonic() + todos.LEASE.total_seconds() / 2
        for name, mark in taken:
            if len(told.problems) >= _ENOUGH or time.monotonic() > end:
                failed.append((name, mark, ""))
                continue
            try:
                self._objects.remove(name)
            except StoreError as error:
                told.problems.append(error.in_a_line)
                failed.append((name, mark, told.problems[-1]))
            else:
                done.append((name, mark))
        todos.finish(self._database, todos.REMOVE, done, failed)
        told.names += [name for name, _ in done]
