"""Worker threads for operations, which block on the database; cheaper a call than a thread pool.

The standard pool and anyio's cost more CPU a call than the whole protocol (measured by
`bench/api.py`), because every call wakes another thread, and all of them then wait for Python's
lock. Here one thread is awake as long as it keeps up; another is woken only when the oldest work
has not moved for a millisecond, that is, when an operation really blocks.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

Result = TypeVar("Result")
_PATIENCE: Final = 0.001
"""Seconds that work may lie without moving before one more thread is woken."""

_GO: Final = True
_END: Final = False
"""What wakes a thread, and what ends it."""


class _Item(NamedTuple):
    future: asyncio.Future[Any]
    work: Callable[..., Any]
    args: tuple[Any, ...]


class Workers:
    """A fixed number of threads that take work in order; `run` belongs to one event loop."""

    def __init__(self, threads: int) -> None:
        self._limit = threads
        self._started: list[threading.Thread] = []
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: deque[_Item] = deque()
        self._awake = 0
        self._watching = False
        self._oldest: _Item | None = None

    def run(self, work: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
        """Return the future of `work(*args)`, of the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        item = _Item(future, work, args)
        with self._lock:
            self._waiting.append(item)
            if not self._awake:
                self._wake_one()
        if not self._watching:
            self._watching = True
            self._oldest = item
            loop.call_later(_PATIENCE, self._watch, loop)
        return future

    def close(self) -> None:
        """Finish what is under way or waiting, and end the threads."""
        for _ in self._started:
            self._wake.put(_END)
        for thread in self._started:
            thread.join()

    def _wake_one(self) -> None:
        """Wake a thread, or start one; holding the lock."""
        self._awake += 1
        if len(self._started) < self._awake:
            thread = threading.Thread(
                target=self._live, name=f"affidavit-api-{self._awake}", daemon=True
            )
            self._started.append(thread)
            thread.start()
        self._wake.put(_GO)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look whether the oldest work has moved since the last time.

        Not while all threads are awake: none goes to sleep before nothing waits.
        """
        with self._lock:
            oldest = self._waiting[0] if self._waiting else None
            stuck = oldest is not None and oldest is self._oldest
            if stuck and self._awake < self._limit:
                self._wake_one()
            all_awake = self._awake >= self._limit
        self._oldest = oldest
        if oldest is None or all_awake:
            self._watching = False
        else:
            loop.call_later(_PATIENCE, self._watch, loop)

    def _live(self) -> None:
        while self._wake.get():
            while (item := self._next()) is not None:
                _do(item)

    def _next(self) -> _Item | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._awake -= 1
            return None


def _do(item: _Item) -> None:
    result, error = None, None
    try:
        result = item.work(*item.args)
    except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
        error = raised
    item.future.get_loop().call_soon_threadsafe(_settle, item.future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
