"""The one reading of a client's address. Proxies are believed only when they are on the list."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from config.common.addresses import without_port

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Read an address; an IPv4 address written as IPv6 becomes IPv4, and zones are left out. None when it is no address."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


@lru_cache(maxsize=256)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Read a list of networks. Raises ValueError on one that is not."""
    return tuple(_network(text) for text in texts)


def _network(text: str) -> Network:
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


def client_ip(request: HttpRequest) -> str | None:
    """Return the client's address.

    `X-Forwarded-For` is walked from its right end as long as the hop is in TRUSTED_PROXIES; the first address that
    is not trusted is the client's, so whatever a client wrote itself is never reached.
    """
    trusted = parse_networks(tuple(settings.TRUSTED_PROXIES))
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    if not is_within(peer, trusted):
        return str(peer) if peer else None
    for text in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        hop = parse_address(without_port(text))
        if hop is None:
            break
        peer = hop
        if not is_within(hop, trusted):
            break
    return str(peer)
