"""What really went over the wire during one question: counted by hooks in botocore's events.

A question runs in one thread from its first page to its last, so the trace of a thread is the trace
of its question. The hooks are registered on each session and inherited by its clients.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.session import Session

from affidavit.aws import answers
from affidavit.aws.limits import StoppedError

HTTP_INTERNAL_ERROR = 500
HTTP_NOT_IMPLEMENTED = 501
REFUSED_ATTEMPTS = 2
"""A refused connection is tried once more, not five times: it rarely mends within seconds."""


Pace = Callable[[str, str], None]
"""Returns when a request of the named operation to the URL may go out."""


@dataclass(slots=True, kw_only=True)
class Trace:
    """The requests and answers of one question."""

    pace: Pace
    sent: int = 0
    """HTTP requests sent, retries and redirects included."""
    url: str = ""
    """URL of the last request."""
    peers: set[str] = field(default_factory=set)
    """Scheme, user, host and port of every request: pages may come from several hosts."""
    html: bool = False
    """The last answer was a web page."""
    request_ids: list[str] = field(default_factory=list)
    """One for each page, and one for the error that ended the question."""
    under_way_since: float = 0.0
    """Monotonic time when the request under way was sent; 0 while there is none."""
    given_up: bool = False
    """Nobody waits for the answer any more: nothing further is sent."""


_threads = threading.local()


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Make `trace` the one that this thread's requests are noted in, until the block ends.

    Blocks nest: a role's credentials may be renewed in the midst of a question.
    """
    outer: Trace | None = getattr(_threads, "trace", None)
    _threads.trace = trace
    try:
        yield trace
    finally:
        _threads.trace = outer


def install(session: Session) -> None:
    """Register the hooks on `session`; clients made by it from now on have them."""
    emitter = session.get_component("event_emitter")
    emitter.register("before-send", _on_send)
    # More specific names run first: an answer is looked at before S3's own handler turns what it
    # cannot read into a retry, and a "no" comes before the retry handler's "yes".
    emitter.register_first("before-parse.*.*", _on_answer)
    emitter.register_first("needs-retry.*.*", _on_retry)


def _on_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> None:
    trace: Trace | None = getattr(_threads, "trace", None)
    if trace is not None:
        trace.pace(event_name.rsplit(".", 1)[-1], request.url)
        trace.sent += 1
        trace.url = request.url
        trace.peers.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url)))
        trace.html = False
        if trace.given_up:
            raise StoppedError
        trace.under_way_since = time.monotonic()


def _on_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    trace: Trace | None = getattr(_threads, "trace", None)
    if trace is not None:
        trace.under_way_since = 0.0
        trace.html = answers.is_html(response_dict["body"])
    answers.check(operation_model, response_dict)


def _on_retry(
    response: tuple[Any, Any] | None, attempts: int, caught_exception: Any, **_: Any
) -> bool | None:
    """Return False where another attempt cannot help; None leaves it to botocore."""
    trace: Trace | None = getattr(_threads, "trace", None)
    if trace is not None:
        trace.under_way_since = 0.0
    if isinstance(caught_exception, (ReadTimeoutError, ConnectTimeoutError)):
        return False
    if isinstance(caught_exception, EndpointConnectionError) and attempts >= REFUSED_ATTEMPTS:
        return False
    if response is None:
        return None
    http, _parsed = response
    if http.status_code == HTTP_NOT_IMPLEMENTED:
        return False
    if http.status_code == HTTP_INTERNAL_ERROR and answers.is_html(http.content):
        return False
    return None
