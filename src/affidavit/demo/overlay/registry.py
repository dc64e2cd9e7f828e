"""Answers by operation: how they are declared, asked, refused and paged."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affidavit.demo.world import Caller, Place

Answer = dict[str, Any]


class AwsError(Exception):
    """An error as AWS answers it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NotOursError(Exception):
    """The request is about something that the estate does not hold: moto answers it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: where it goes, who sends it, and its members."""

    place: Place
    caller: Caller
    operation: str
    request: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member of the request; an empty list or text counts as absent."""
        value = self.request.get(name)
        return default if value is None or value in ([], "") else value

    def need(self, name: str) -> Any:
        """Return a required member, or refuse as AWS does."""
        value = self.get(name)
        if value is None:
            raise AwsError("ValidationException", f"{name} is required")
        return value


@dataclass(frozen=True, slots=True)
class Paging:
    """How an operation pages: its members for token and size, and the size without one."""

    token: str
    size: str
    most: int
    answer_token: str = ""
    """Member of the answer, where it is not the request's."""
    more: str = ""
    """Member of the answer that says whether there is more (IAM: IsTruncated)."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """What answers an operation."""

    answer: Callable[[Call], Answer]
    honours: frozenset[str]
    """Members of the request that it takes notice of."""
    paging: Paging | None
    ours: Callable[[Call], bool]
    """Whether a request is about something that the estate holds; moto answers any other."""


ANSWERERS: dict[tuple[str, str], Answerer] = {}
"""By botocore's names of service and operation."""


def answers(
    service: str,
    operation: str,
    *,
    honours: Sequence[str] = (),
    paging: Paging | None = None,
    ours: Callable[[Call], bool] = lambda _: True,
) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Declare that the decorated function answers `operation`, taking notice of `honours`."""

    def declare(function: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        members = {*honours, *((paging.token, paging.size) if paging else ())}
        ANSWERERS[service, operation] = Answerer(function, frozenset(members), paging, ours)
        return function

    return declare


def ask(answerer: Answerer, call: Call) -> Answer:
    """Return the answer; refuse members that nothing takes notice of, rather than ignore them."""
    if not answerer.ours(call):
        raise NotOursError
    ignored = [n for n in call.request if n not in answerer.honours and call.get(n) is not None]
    if ignored:
        raise AwsError(
            "SimulationGap",
            f"The simulated estate does not take notice of {', '.join(ignored)}"
            f" in {call.operation}",
            501,
        )
    answer = answerer.answer(call)
    return _cut(answer, call, answerer.paging) if answerer.paging else answer


def _cut(answer: Answer, call: Call, paging: Paging) -> Answer:
    """Return the page that is asked for: each list of the answer is cut, in the answer's order."""
    size = min(int(call.get(paging.size, paging.most)), paging.most)
    start = _offset(call, paging)
    page: Answer = {}
    position = 0
    for name, value in answer.items():
        if not isinstance(value, list):
            page[name] = value
            continue
        first, last = start - position, start + size - position
        page[name] = value[max(first, 0) : max(last, 0)]
        position += len(value)
    truncated = start + size < position
    if truncated:
        token = f"{call.operation}:{start + size}"
        page[paging.answer_token or paging.token] = base64.urlsafe_b64encode(
            token.encode()
        ).decode()
    if paging.more:
        page[paging.more] = truncated
    return page


def _offset(call: Call, paging: Paging) -> int:
    token = call.get(paging.token)
    if token is None:
        return 0
    try:
        operation, _, start = base64.urlsafe_b64decode(str(token)).decode().rpartition(":")
        offset = int(start)
    except (ValueError, binascii.Error) as error:
        raise AwsError("ValidationException", f"{paging.token} is not one of ours") from error
    if operation != call.operation:
        raise AwsError("ValidationException", f"{paging.token} is of another operation")
    return offset
