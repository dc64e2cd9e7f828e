"""Patience with an answer that never ends: a server that sends a byte a second for ever.

A socket's own timeout starts anew with every byte. So what is asked is asked by a thread of its
own, and whoever waits for it gives up when one request has taken too long, or all of them together.
A thread that was given up sends nothing more; it ends with the connection it hangs on.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ReadTimeoutError

from affidavit.aws.settings import AwsSettings
from affidavit.aws.trace import Trace, tracing

REQUEST_FACTOR = 2
"""One request may take as many times the call's timeout: once to connect, once to be answered."""

T = TypeVar("T")


class OverdueError(ReadTimeoutError):
    """The answer was not whole in time, although something of it kept coming."""

    fmt = 'After {seconds:g} s the answer was still not whole: "{endpoint_url}"'


def within(settings: AwsSettings, trace: Trace, work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises; its requests are noted in `trace`.

    Raises `OverdueError` when one request takes longer than twice the call's timeout, or all of
    them, with the pauses between them, longer than the unit's.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            with tracing(trace):
                done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            done.put((None, error))

    threading.Thread(target=run, name="call", daemon=True).start()
    result, error = _wait(settings, trace, done)
    if error is not None:
        raise error
    return result  # type: ignore[return-value] # None only where T is


def _wait(
    settings: AwsSettings,
    trace: Trace,
    done: "queue.SimpleQueue[tuple[T | None, BaseException | None]]",
) -> tuple[T | None, BaseException | None]:
    request = settings.call_timeout * REQUEST_FACTOR
    end = time.monotonic() + settings.unit_timeout
    while True:
        since = trace.under_way_since
        now = time.monotonic()
        left = min(end, since + request if since else now + request) - now
        if left <= 0:
            trace.given_up = True
            seconds = settings.unit_timeout if now >= end else request
            raise OverdueError(endpoint_url=trace.url, seconds=seconds)
        try:
            return done.get(timeout=left)
        except queue.Empty:
            continue
