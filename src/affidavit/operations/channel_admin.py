"""Managing alert channels from within: what an administrator of a tenant may set.

Addresses in private networks and certificate authorities of one's own are for who runs the server
(`affidavit alert channel add`): otherwise an administrator of one tenant could look around in the
server's network. A topic must be bound to the tenant.
"""

from dataclasses import replace
from typing import Final

from affidavit.errors import AlertError, UsageError
from affidavit.operations import alert_channels, alerts, looking
from affidavit.operations.alert_channels import Channel
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.tenant_bindings import binding_of

OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the settings may manage the channels."""
KINDS: Final = ("webhook", "email", "sns")


def every(context: Context, caller: Caller) -> list[Channel]:
    """Return the channels of the caller's tenant, without their secrets."""
    looking.require(context, caller, OPERATION)
    return alert_channels.channels(context.store, caller.tenant)


def add(context: Context, caller: Caller, channel: Channel, *, by: str) -> Channel:
    """Keep a new channel of the tenant; `UsageError` for what is set on the server only."""
    looking.require(context, caller, OPERATION)
    if channel.allow or channel.authorities:
        raise UsageError(
            "Private networks and own authorities are set on the server",
            todo="There: affidavit alert channel add.",
        )
    binding = binding_of(context.store, caller.tenant)
    if channel.kind == "sns" and channel.target not in (binding.topics if binding else ()):
        raise UsageError(
            f"{channel.target!r} is not bound to this account",
            todo="On the server: affidavit tenant bind --topic.",
        )
    return alert_channels.add(context.store, replace(channel, tenant=caller.tenant), by=by)


def remove(context: Context, caller: Caller, name: str, *, by: str) -> None:
    """Forget a channel of the caller's tenant."""
    _require(context, caller, name)
    alert_channels.remove(context.store, caller.tenant, name, by=by)


def test(context: Context, caller: Caller, name: str) -> str:
    """Send a test through a channel now; return what the other side said."""
    channel = _require(context, caller, name)
    try:
        return alerts.send_test(context, channel)
    except AlertError as error:
        raise UsageError(error.what, why=error.why, todo=error.todo) from error


def _require(context: Context, caller: Caller, name: str) -> Channel:
    found = next((one for one in every(context, caller) if one.name == name), None)
    if found is None:
        raise NotFoundFault(name, "channel")
    return found
