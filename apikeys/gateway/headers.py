"""Reading a request's headers: the presented key, and what a trusted proxy says about the original request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from apikeys.gateway.memory import Remembered
from apikeys.gateway.refusals import KeysContradict
from apikeys.restrictions import AddressList
from config.common.addresses import parse_address, without_port
from config.common.errors import (
    DomainError,
    FieldError,
    HeadersTooLarge,
    InvalidInput,
    MalformedRequest,
)

Headers = Sequence[tuple[bytes, bytes]]
Named = dict[bytes, bytes]
MAX_HEAD_BYTES: Final = 16 * 1024
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_MAX_REMEMBERED = 4096
_MAX_HOPS = 50

# Of these a second line with another value would let a client contradict its proxy.
_SINGLE = frozenset(
    {
        b"authorization", b"host", b"origin", b"x-api-key", b"x-forwarded-host", b"x-forwarded-method",
        b"x-forwarded-proto", b"x-forwarded-uri", b"x-original-host", b"x-original-method",
        b"x-original-proto", b"x-original-uri", b"x-request-id",
    }
)  # fmt: skip


def wrong_with_head(version: str, url: bytes, headers: Headers) -> DomainError | None:
    """Return what uvicorn would let pass but should not be trusted."""
    if version not in _VERSIONS:
        return MalformedRequest("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if sum(len(name) + len(value) + 4 for name, value in headers) + len(url) > MAX_HEAD_BYTES:
        return HeadersTooLarge()
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
            return MalformedRequest("The transfer coding is not one of ours.")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return MalformedRequest("There must be exactly one Host header.")
    return None


def waits_to_be_called(version: str, headers: Headers) -> bool:
    """Whether a client sends its body only when it is called for; HTTP/1.0 knows no such call."""
    return version == "1.1" and any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in headers
    )


def merged(headers: Headers) -> Named:
    """Return headers of which some are repeated by name; lists are joined.

    Raises InvalidInput for a repeated one that contradicts itself.
    """
    named: Named = {}
    for name, value in headers:
        known = named.get(name)
        if known is None or known == value:
            named[name] = value
        elif name in {b"authorization", b"x-api-key"}:
            raise KeysContradict
        elif name in _SINGLE:
            raise InvalidInput(errors=[_contradiction(name)])
        else:
            named[name] = known + b", " + value
    return named


def _contradiction(name: bytes) -> FieldError:
    return FieldError(
        pointer=f"#/{name.decode('latin-1')}",
        location="header",
        code="repeated",
        message="The header is there twice with different values.",
        fix="Send it once; a proxy replaces what the client sent.",
    )


def presented_key(named: Named) -> bytes:
    """Return the key of `Authorization: Bearer` or `X-API-Key`, empty when there is none.

    Raises KeysContradict when both are there and differ.
    """
    plain = named.get(b"x-api-key")
    authorization = named.get(b"authorization")
    if authorization is None or authorization[:7].lower() != b"bearer ":
        return plain.strip() if plain is not None else b""
    bearer = authorization[7:].strip()
    if plain is not None and plain.strip() not in {b"", bearer}:
        raise KeysContradict
    return bearer


@dataclass(slots=True)
class Proxies:
    """Whom we believe about the original request; answers are remembered, the table is bounded."""

    trusted: AddressList
    _is_trusted: dict[str | None, bool] = field(default_factory=dict)
    _clients: Remembered[tuple[str | None, bytes], str | None] = field(default_factory=Remembered)

    def trust(self, peer: str | None) -> bool:
        """Whether the peer is a proxy of ours. A peer without an address came through a socket file, which only
        those may open whom the file system lets.
        """
        known = self._is_trusted.get(peer)
        if known is None:
            if len(self._is_trusted) >= _MAX_REMEMBERED:
                self._is_trusted.clear()
            known = self._is_trusted[peer] = peer is None or self.trusted.contains(peer)
        return known

    def client_of(self, peer: str | None, forwarded_for: bytes) -> str | None:
        """Return the client's address: the first from the right of X-Forwarded-For that is not a trusted proxy."""
        question = (peer, forwarded_for)
        if question in self._clients:
            return self._clients[question]
        return self._clients.keep(question, self._walk(peer, forwarded_for))

    def _walk(self, peer: str | None, forwarded_for: bytes) -> str | None:
        address = parse_address(peer) if peer else None
        if not self.trust(peer):
            return str(address) if address else None
        for text in reversed(forwarded_for.decode("latin-1").split(",")[-_MAX_HOPS:]):
            hop = parse_address(without_port(text))
            if hop is None:
                break
            address = hop
            if not self.trusted.contains(str(hop)):
                break
        return str(address) if address else None
