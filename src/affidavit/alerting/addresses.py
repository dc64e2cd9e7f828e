"""Which addresses outside may be reached: resolved, checked, and connected to as checked.

A name that an administrator wrote may lead to this machine, to its neighbours or to the cloud's
metadata service, today or after its record was changed. So it is resolved here, every address that
it has must be public or explicitly allowed, and the connection goes to a checked address, not to
the name once more.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from affidavit.errors import AlertError, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NOT_OUT: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("::/96", "64:ff9b:1::/48", "fec0::/10", "5f00::/16", "3fff::/20"),
        "168.63.129.16/32",  # Azure's own service for its machines
    )
)
"""What Python's `is_global` lets out, and leads inside: carried, local and documentation ones."""
CONNECT_SECONDS: Final = 10.0
MAX_PORT: Final = 65535


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks as an administrator allows them; `UsageError` for what is none."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise UsageError(
            f"{error}", why="Allowed are networks in CIDR form.", todo="Write 10.1.2.0/24."
        ) from error


def checked(
    host: str, port: int, allowed: Sequence[Network], *, only_allowed: bool = False
) -> Address:
    """Return an address of a host that may be connected to; `AlertError` where one may not.

    All of its addresses must be let out, so that no answer of the name service chooses. With
    `only_allowed` no public address will do: for what is sent without encryption.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", "") or str(error)
        raise AlertError(
            f"{host} has no address", why=f"{why}.", todo="Correct the name, or try again later."
        ) from error
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    for address in addresses:
        if any(_within(address, net) for net in allowed):
            continue
        if only_allowed:
            raise AlertError(
                f"{host} leads to {address}, which is in no allowed network",
                why="Without encryption a mail server is spoken to in an allowed network only.",
                todo="Switch encryption on (--smtp-security), or allow its network.",
            )
        if not _is_out(address):
            raise AlertError(
                f"{host} leads to {address}, which is not a public address",
                why="Alerts are not sent to private, loopback or link-local addresses unasked.",
                todo=f"If that is meant: --allow-network {address}/{address.max_prefixlen}",
            )
    if not addresses:
        raise AlertError(f"{host} has no address")
    return addresses[0]


def connect(address: Address, port: int, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """Return a connection to a checked address; `AlertError` where there is none."""
    try:
        return socket.create_connection((str(address), port), timeout=seconds)
    except OSError as error:
        raise AlertError(f"{address} port {port} could not be reached", why=str(error)) from error


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def _is_out(address: Address) -> bool:
    """Tell whether an address is public, the IPv4 address that an IPv6 one carries too."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None and address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None and not _is_out(carried):
            return False
    if any(_within(address, network) for network in _NOT_OUT):
        return False
    return address.is_global and not address.is_multicast
