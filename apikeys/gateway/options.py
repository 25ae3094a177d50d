"""What the gate is told from outside."""

from dataclasses import dataclass
from typing import Any

from apikeys.restrictions import AddressList
from apikeys.secrets import Pepper


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the gate is told from outside."""

    redis_url: str
    redis_prefix: str
    database: dict[str, Any]
    peppers: tuple[Pepper, ...]
    brand: str
    public_url: str
    trusted_proxies: AddressList
    secret_key: str
    signing_keys: tuple[str, ...] = ()
    processes: int = 1
    security_headers: tuple[tuple[str, str], ...] = ()
