"""Which kinds of alerts go through which channels: all through all, unless an administrator chose.

One document (kind alert_route) for each kind of alert that was chosen for. A choice whose channels
were all removed counts no more: nothing is ever silenced by a channel that is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from affidavit.errors import UsageError
from affidavit.operations import alert_channels, looking
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act_by
from affidavit.operations.context import Context
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "alert_route"
OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the tenant's settings may route its alerts."""
KINDS: Final[Mapping[str, str]] = {
    "disclosure": "Personal data in an answer",
    "profanity": "Profanity in an answer",
    "unguarded": "A call without a guardrail",
    "spike": "More of something than the day before",
    "groups": "Groups of people are answered differently",
    "unlogged": "Calls that no log holds",
    "logging": "The invocation log is lost",
    "scan": "Objects of the log cannot be read",
    "canary": "A canary does not pass",
}
"""Kinds of alerts that can be routed, and what they are about."""


def channels_for(store: Store, tenant: str, kind: str) -> list[str]:
    """Return the names of the channels that an alert of a kind goes through."""
    every = [one.id for one in store.documents.every(tenant, alert_channels.KIND)]
    route = store.documents.get(tenant, KIND, kind)
    chosen = [] if route is None else [one for one in every if one in route.body["channels"]]
    return chosen or every


def routes(store: Store, tenant: str) -> Mapping[str, Sequence[str]]:
    """Return kind -> channels that were chosen; no entry: all."""
    found = store.documents.every(tenant, KIND)
    return {one.id: one.body["channels"] for one in found}


def choose(context: Context, caller: Caller, kind: str, channels: Sequence[str]) -> None:
    """Send a kind of alert through these channels only; through all where none is named."""
    looking.require(context, caller, OPERATION)
    route(context.store, caller.tenant, kind, channels, by=caller.principal_arn)


def route(store: Store, tenant: str, kind: str, channels: Sequence[str], *, by: str) -> None:
    """Send a kind of alert of a tenant through these channels only; through all for none."""
    known = {one.id for one in store.documents.every(tenant, alert_channels.KIND)}
    if kind not in KINDS or not set(channels) <= known:
        raise UsageError(
            "There is no such kind of alert, or no such channel",
            why=f"Kinds are {', '.join(KINDS)}; channels {', '.join(sorted(known)) or 'none'}.",
        )
    found = store.documents.get(tenant, KIND, kind)
    change = Change(
        action="UPDATE_METADATA" if found else "CREATE",
        object_type="ALERT_ROUTE",
        object_id=kind,
        object_name=kind,
        details={"channels": sorted(channels)},
    )
    body = {"channels": sorted(channels)}
    put = replace(found, body=body) if found else Document(kind=KIND, id=kind, sort=kind, body=body)
    if channels:
        act_by(store, tenant, by, change, puts=[put])
    elif found:
        act_by(store, tenant, by, change, deletes=[found])
