"""Worker threads for operations, which block on the database: fewer costs a request than a pool.

The standard thread pool and anyio's cost 60 to 100 µs of CPU a call on the event loop, more than
the whole protocol; a plain queue and one wake-up of the loop cost 10 to 20 (measured by
`bench/api.py`, eight connections).
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Workers:
    """A fixed number of threads that take work in order."""

    def __init__(self, threads: int) -> None:
        self._queue: SimpleQueue[tuple[asyncio.Future[Any], Callable[..., Any], Any] | None] = (
            SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"affidavit-api-{number}", daemon=True)
            for number in range(threads)
        ]

    def run(self, work: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
        """Return the future of `work(*args)`, of the running event loop."""
        if not self._threads[0].is_alive():
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put((future, work, args))
        return future

    def close(self) -> None:
        """Finish what is under way or waiting, and end the threads."""
        alive = [thread for thread in self._threads if thread.is_alive()]
        for _ in alive:
            self._queue.put(None)
        for thread in alive:
            thread.join()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            future, work, args = item
            result, error = None, None
            try:
                result = work(*args)
            except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
                error = raised
            future.get_loop().call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
