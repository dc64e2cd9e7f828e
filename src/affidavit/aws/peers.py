"""Is an endpoint the real AWS? Derived from the URL that was really called, never from a flag.

Real is: HTTPS, with the peer's certificate verified, and a host that botocore's own endpoint rules
give for the service in some Region (or a name below such a host: S3 and S3 Control put bucket and
account before it). Verified is: against the certificate authorities that botocore itself takes; an
authority named by whoever runs us (AWS_CA_BUNDLE, ca_bundle) vouches for any host that he likes.
Everything else is synthetic: emulators, proxies that look inside, loopback.
"""

import ipaddress
import re
import socket
from collections.abc import Collection, Iterator
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError, UnknownServiceError

from affidavit.aws.models import loader

HTTPS_PORT = 443


def synthetic(url: str, service: str, *, verified: bool) -> bool:
    """Return whether what `url` answered must be marked synthetic."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port_is_usual = parts.port in (None, HTTPS_PORT)
    real = parts.scheme == "https" and verified and port_is_usual and not parts.username
    return not (real and is_aws_host(host, service))


def not_aws(peers: Collection[str], service: str, *, verified: bool) -> bool:
    """Return whether any of the peers of one question, or none at all, makes it synthetic."""
    return not peers or any(synthetic(peer, service, verified=verified) for peer in peers)


@cache
def is_aws_host(host: str, service: str) -> bool:
    """Return whether botocore's endpoint rules give `host`, or a parent of it, for `service`."""
    partitions = loader().load_data("partitions")["partitions"]
    for partition in partitions:
        regions = [partition["outputs"]["implicitGlobalRegion"]]
        regions += [x for x in host.split(".") if re.match(partition["regionRegex"], x)]
        regions += [x for x in host.split(".") if x in partition["regions"]]
        for region in dict.fromkeys(regions):
            if any(host == h or host.endswith(f".{h}") for h in _hosts(service, region)):
                return True
    return False


@cache
def _hosts(service: str, region: str) -> frozenset[str]:
    """Return the hosts of `service` in `region`: plain, FIPS, dual stack, and the global one."""
    return frozenset(_resolved(service, region))


def _resolved(service: str, region: str) -> Iterator[str]:
    try:
        rules = loader().load_service_model(service, "endpoint-rule-set-1")
    except UnknownServiceError:
        return
    provider = EndpointProvider(rules, loader().load_data("partitions"))
    known = rules["parameters"]
    for fips, dual, global_ in product((False, True), repeat=3):
        given: dict[str, Any] = {
            "Region": region,
            "UseFIPS": fips,
            "UseDualStack": dual,
            "UseGlobalEndpoint": global_,
        }
        try:
            endpoint = provider.resolve_endpoint(**{k: v for k, v in given.items() if k in known})
        except EndpointProviderError:
            continue  # the service has no such variant
        host = urlsplit(endpoint.url).hostname
        if host:
            yield host.lower()


def regional_sts(region: str) -> tuple[str, ...]:
    """Return the hosts of STS in `region`: every Region of AWS has one."""
    return tuple(sorted(host for host in _hosts("sts", region) if region in host.split(".")))


def is_local(url: str) -> bool:
    """Return whether `url` names an IP address or this machine: names before it do not resolve."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def origin(url: str) -> str:
    """Return scheme, host and port of `url`: what a proof names."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def resolves(host: str) -> bool:
    """Return whether the name service knows `host`."""
    try:
        return bool(socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False
