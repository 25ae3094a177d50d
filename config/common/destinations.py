"""Which addresses of the network we talk to on a customer's behalf: the deny table, and what a URL must look like.

`ipaddress.is_global` is no guard: it takes multicast, NAT64 and 6to4 for global. So the table is explicit, IPv4-mapped
addresses are read as IPv4 first, and of IPv6 only what is allocated for global unicast is let through at all.
"""

import ipaddress
import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from config.common.addresses import Address, is_within, parse_address, parse_networks

_DENIED = parse_networks(
    (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16",  # what every machine in Azure reaches its host by
        "169.254.0.0/16",  # link-local, metadata services of clouds among them
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Below 1024 only the web's own; above, what databases and the like listen on, which speak no HTTP but may act on it.
_WEB_PORTS = {80, 443}
_OTHER_SERVICES = {
    1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4190, 4369, 5060,
    5061, 5432, 5601, 5672, 5984, 5985, 5986, 6000, 6379, 6380, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    7000, 7001, 9000, 9042, 9092, 9100, 9200, 9300, 10080, 10250, 10255, 11211, 15672, 16379, 26379, 27017, 27018, 50000,
}  # fmt: skip
MAX_URL = 2048
_PLAIN = re.compile(r"[\x21-\x7e]+")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
# An IPv6 address, whole; what stands before or behind it would be shown, and not called.
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]+)?")
# What resolvers read as an IPv4 address though people do not: `127.1`, `2130706433`, `0x7f.1`, `0177.0.0.1`.
_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")
_LOOKUP_SECONDS = 2.0


class AddressRefused(Exception):
    """We do not connect there; `reason` says why without telling what a name led to."""

    def __init__(self, code: str, reason: str, fix: str = "") -> None:
        self.code, self.reason, self.fix = code, reason, fix
        super().__init__(reason)


def is_allowed(address: Address | None) -> bool:
    """Whether the operator named the address's network in WEBHOOK_ALLOW_CIDRS."""
    return is_within(address, parse_networks(tuple(settings.WEBHOOK_ALLOW_CIDRS)))


def require_address(text: str, *, is_encrypted: bool) -> None:
    """Raise AddressRefused unless we may connect to this address; without TLS, only to those the operator named."""
    address = None if "%" in text else parse_address(text)
    if address is None:
        raise _private()
    if is_allowed(address):
        return
    if is_within(address, _DENIED):
        raise _private()
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        raise _private()
    if not is_encrypted:
        raise _without_tls()


def require_addresses(texts: list[str], *, is_encrypted: bool) -> None:
    """Raise AddressRefused unless every address of a name may be connected to: one bad record taints all."""
    for text in texts:
        require_address(text, is_encrypted=is_encrypted)


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL that is written as it should be. Raises AddressRefused; nothing is looked up."""
    if len(url) > MAX_URL or not _PLAIN.fullmatch(url) or "\\" in url:
        fix = "Write a URL in ASCII, names of other scripts in their xn-- form, without spaces."
        raise AddressRefused("url", "This is not a URL that we can read.", fix)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("url", "This is not a URL that we can read.") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise AddressRefused("scheme", "The URL does not begin with https://.", "Use https.")
    if "@" in parts.netloc:
        fix = "Put credentials into a custom header."
        raise AddressRefused("userinfo", "The URL has a user name or a password in it.", fix)
    if parts.netloc.endswith(":"):
        raise AddressRefused("port", "The URL has a colon and no port.", "Leave out the colon.")
    if "#" in url:
        raise AddressRefused("fragment", "The URL has a fragment.", "Leave out everything from #.")
    _require_host(parts)
    _require_port(port)
    return parts


def _require_host(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if ":" in host or "[" in parts.netloc:
        if not _BRACKETED.fullmatch(parts.netloc) or parse_address(host) is None:
            raise AddressRefused("host", "This is not an address.")
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(
            "host", "The URL names no host.", "Write one such as hooks.example.com."
        )
    if _NUMERIC.fullmatch(labels[-1]) and str(parse_address(host)) != host:
        fix = "Write an IPv4 address as four decimal numbers."
        raise AddressRefused("host", "The host is a number in an unusual form.", fix)


def _require_port(port: int | None) -> None:
    if port is None or port in _WEB_PORTS or (port > 1023 and port not in _OTHER_SERVICES):
        return
    raise AddressRefused(
        "port", f"We do not call port {port}.", "Use 443, or a port of yours above 1023."
    )


def require_url(url: str) -> None:
    """Raise AddressRefused unless we would connect to this URL as things are now.

    A name that cannot be looked up within two seconds is let through: it is checked again whenever it is called.
    """
    parts = parsed(url)
    is_encrypted = parts.scheme.lower() == "https"
    host = parts.hostname or ""
    if parse_address(host) is not None:
        require_address(host, is_encrypted=is_encrypted)
        return
    addresses = _looked_up(host)
    require_addresses(addresses, is_encrypted=is_encrypted)
    if not addresses and not is_encrypted:
        raise _without_tls()


def _looked_up(host: str) -> list[str]:
    search: Future[list[str]] = _lookups.submit(addresses_of, host)
    try:
        return search.result(timeout=_LOOKUP_SECONDS)
    except (OSError, UnicodeError, TimeoutError):
        return []


def addresses_of(host: str) -> list[str]:
    """Return every address that a name has. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _private() -> AddressRefused:
    return AddressRefused(
        "address_denied",
        "The address is private, local or reserved.",
        "Use an address that the public internet reaches.",
    )


def _without_tls() -> AddressRefused:
    return AddressRefused("scheme", "The URL does not begin with https://.", "Use https.")


# A resolver that hangs keeps a thread, never a request.
_lookups = ThreadPoolExecutor(max_workers=16, thread_name_prefix="lookup")
