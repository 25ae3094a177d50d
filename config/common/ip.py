"""The one reading of a client's address. Proxies are believed only when they are on the list."""

from django.conf import settings
from django.http import HttpRequest

from config.common.addresses import is_within, parse_address, parse_networks, without_port


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
