"""Reading addresses and networks, and how proxies write them. Knows no framework, so that the gate reads the same."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# `203.0.113.7:1234` and `[2001:db8::7]:1234`, as some proxies write it; the port is of no interest.
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def without_port(text: str) -> str:
    """Return the address of one member of `X-Forwarded-For`, without brackets and port."""
    bare = text.strip()
    found = _WITH_PORT.fullmatch(bare)
    return found[1].strip("[]") if found else bare


def parse_address(text: str) -> Address | None:
    """Read an address; IPv4 written as IPv6 becomes IPv4, and zones are left out. None for what is no address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def parse_network(text: str) -> Network:
    """Read an address or network; IPv4 written as IPv6 becomes IPv4. Raises ValueError."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


@lru_cache(maxsize=256)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Read a list of networks. Raises ValueError on one that is not."""
    return tuple(parse_network(text) for text in texts)


def is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )
