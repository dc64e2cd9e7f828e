"""Yesterday's invocation logs and trail files, made from the estate's counts when first asked.

The records are those of Bedrock, as `demo.bedrock.logs` writes them: as many as CloudWatch counts
for the model, spread over the day, with what the estate says of the Region's traffic. The files of
the account's trail know of the same calls. Every name and number in them is made up.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from affidavit.demo.bedrock.logs import Invocation, InvocationLog
from affidavit.demo.overlay import trail_files
from affidavit.demo.overlay.cloudwatch import invocations_of
from affidavit.demo.overlay.guardrails import newest_version
from affidavit.demo.overlay.trail_files import Objects
from affidavit.demo.schema_region import Logging, Traffic
from affidavit.demo.world import Place, World

_LEAKS: Final = (
    "The customer's file says: e-mail maria.sample@mail.northwind-post.com.",
    "You can call the customer at +49 30 901820.",
    "The card on file is 4111 1111 1111 1111.",
)
_PROFANE: Final = "Honestly, that is bullshit."
_REFUSED: Final = "I'm sorry, but I can't help with that request."
_CLEAN: Final = "You can return the item within thirty days, with the receipt."
_ASKED: Final = "How long can a customer return an item?"
_BLOCKED: Final = "This request was blocked by our guidelines."
_RUNTIME: Final = "role/AssistantRuntime"
_LAB: Final = "role/LabNotebook"
LOG_PREFIX: Final = "invocations"
"""Of the logging configuration's S3 destination."""
_lock: Final = threading.Lock()
_made: Final[dict[tuple[int, str], dict[str, dict[str, bytes]]]] = {}


def objects(place: Place, bucket: str) -> Mapping[str, bytes]:
    """Return the objects of a log bucket of the account by key; empty for other buckets."""
    key = (id(place.world), place.account.id)
    with _lock:
        if key not in _made:
            _made[key] = _account(place.world, place.account.id)
        return _made[key].get(bucket, {})


def _account(world: World, account_id: str) -> dict[str, dict[str, bytes]]:
    made = Objects()
    for region in world.estate.regions.enabled:
        place = world.place(account_id, region)
        calls = _region(place, made) if place.region.bedrock.models_in_use else []
        trail_files.write(place, calls, made)
    return dict(made.by_bucket)


def _region(place: Place, made: Objects) -> list[tuple[Invocation, datetime]]:
    """Write a Region's invocation log; return all of its calls, the unlogged ones too."""
    logging = place.region.bedrock.logging
    traffic = logging.traffic if logging else Traffic()
    log = _Log(logging, made)
    calls = list(_calls(place, traffic))
    for call, moment in calls[traffic.unlogged :]:
        log.write(call, moment)
    return calls


class _Log:
    """The log of one Region; without a bucket nothing is written."""

    def __init__(self, logging: Logging | None, made: Objects) -> None:
        self._moment = datetime.now(UTC)
        self._bucket = (logging and logging.bucket) or ""
        self._made = made
        self._writer = InvocationLog(
            self._put, bucket=self._bucket, prefix=LOG_PREFIX, clock=lambda: self._moment
        )

    def write(self, call: Invocation, moment: datetime) -> None:
        """Write one record."""
        self._moment = moment
        if self._bucket:
            self._writer.write(call)

    def _put(self, key: str, content: bytes) -> None:
        folder = key.rpartition("/")[0]
        stamp = f"{self._moment:%Y%m%dT%H}0000000Z"
        mark = hashlib.sha256(folder.encode()).hexdigest()[:16]
        self._made.add(self._bucket, f"{folder}/{stamp}_{mark}.json.gz", content)


def _calls(place: Place, traffic: Traffic) -> Iterator[tuple[Invocation, datetime]]:
    """Yield yesterday's calls of a Region in order of time."""
    end = place.world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=1)
    counted = invocations_of(place, start, end)
    total = sum(counted.values())
    made: list[tuple[str, int]] = [
        (model, n) for model, count in counted.items() for n in range(count)
    ]
    step = timedelta(days=1) / (total + 1)
    made.sort(key=lambda one: place.names.hexadecimal(8, *place.id("order", *one)))
    for number, (model, n) in enumerate(made):
        moment = start + step * (number + 1)
        yield _call(place, model, n, _nature(traffic, number, total)), moment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nature:
    """What one call is like."""

    answer: str
    intervened: bool
    guarded: bool
    group: str


def _nature(traffic: Traffic, number: int, total: int) -> _Nature:
    """Return what the call of this number is like: the special ones come from the middle on."""
    kinds = [
        *(_LEAKS[i % len(_LEAKS)] for i in range(traffic.leaks)),
        *[_PROFANE] * traffic.profane,
        *[_REFUSED] * traffic.refused,
        *[_BLOCKED] * traffic.intervened,
    ]
    at = number - total // 2
    answer = kinds[at] if 0 <= at < len(kinds) else _CLEAN
    groups = traffic.groups
    return _Nature(
        answer=answer,
        intervened=answer == _BLOCKED,
        guarded=not traffic.unguarded or bool(number % traffic.unguarded),
        group=groups[number % len(groups)] if groups else "",
    )


def _call(place: Place, model: str, number: int, nature: _Nature) -> Invocation:
    guardrail = next(iter(place.region.bedrock.guardrails), None)
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": _ASKED}]}]}
    if nature.guarded and guardrail is not None:
        identifier = place.names.lower(12, *place.id("guardrail", guardrail.name))
        version = newest_version(place, guardrail.name)
        asked["guardrailConfig"] = {
            "guardrailIdentifier": identifier,
            "guardrailVersion": version,
        }
    said: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": [{"text": nature.answer}]}},
        "stopReason": "guardrail_intervened" if nature.intervened else "end_turn",
        "usage": {"inputTokens": 12, "outputTokens": 18, "totalTokens": 30},
    }
    return Invocation(
        operation="Converse",
        model_id=model,
        request_id=place.names.uuid(*place.id("call", model, number)),
        identity=_caller(place),
        region=place.region_name,
        account_id=place.account.id,
        input=asked,
        output=said,
        input_tokens=12,
        output_tokens=18,
        metadata={"group:language": nature.group} if nature.group else None,
    )


def _caller(place: Place) -> str:
    roles = {role.name for role in place.account.roles}
    role = _RUNTIME if "AssistantRuntime" in roles else _LAB
    name = role.partition("/")[2]
    return f"arn:aws:sts::{place.account.id}:assumed-role/{name}/assistant"
