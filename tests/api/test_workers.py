"""The worker threads: results and errors come back, and stopping finishes what was begun."""

import asyncio
import threading
import time

import pytest

from affidavit.api.workers import Workers


def test_results_and_errors_come_back() -> None:
    """What the work returns is returned where it is awaited; what it raises is raised there."""
    workers = Workers(2)

    async def main() -> None:
        """Run the case on an event loop."""
        assert await asyncio.gather(*(workers.run(pow, 2, n) for n in range(50))) == [
            2**n for n in range(50)
        ]
        for error in (ZeroDivisionError, SystemExit):
            with pytest.raises(error):
                await workers.run(_raise, error)
        assert await workers.run(threading.current_thread) is not threading.current_thread()

    asyncio.run(main())
    workers.close()


def _raise(error: type[BaseException]) -> None:
    raise error


def test_closing_finishes_what_was_begun() -> None:
    """Work that waits in the queue is done before the threads end."""
    workers, done = Workers(1), []

    def work() -> None:
        time.sleep(0.05)
        done.append(1)

    async def main() -> None:
        """Run the case on an event loop."""
        for _ in range(3):
            workers.run(work)
        workers.close()

    asyncio.run(main())
    assert done == [1, 1, 1]


def test_work_that_blocks_does_not_hold_up_the_rest() -> None:
    """As many threads as allowed wake up when work blocks, and no more."""
    workers, gate, under_way = Workers(3), threading.Event(), []
    begun = threading.Barrier(4, timeout=60)

    def block() -> None:
        under_way.append(threading.get_ident())
        if len(under_way) <= 3:
            begun.wait()
        gate.wait(60)

    async def main() -> None:
        """Run the case on an event loop."""
        blocked = [workers.run(block) for _ in range(5)]
        await asyncio.to_thread(begun.wait)
        await asyncio.sleep(0.1)
        assert len(set(under_way)) == len(under_way) == 3
        gate.set()
        await asyncio.gather(*blocked)
        assert len(under_way) == 5

    asyncio.run(main())
    workers.close()


def test_nobody_waits_any_more() -> None:
    """Work whose future was cancelled ends without a word."""
    workers = Workers(1)

    async def main() -> None:
        """Run the case on an event loop."""
        future = workers.run(time.sleep, 0.05)
        future.cancel()
        assert await workers.run(abs, -1) == 1

    asyncio.run(main())
    workers.close()
    Workers(1).close()
