"""What happens to credentials and to the APIs they open."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCreated(DomainEvent):
    """A key was made."""

    name = "api_key.created"
    summary = "API key {key_name} created"
    is_public = True
    target_type = "api_key"
    is_change = True

    api_key_id: int
    key_name: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUpdated(ChangeEvent):
    """A key's settings changed."""

    name = "api_key.updated"
    summary = "API key {key_name} changed"
    is_public = True
    target_type = "api_key"

    api_key_id: int
    key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(DomainEvent):
    """A key got a new secret; the old one works until the overlap ends."""

    name = "api_key.rotated"
    summary = "API key {key_name} rotated, overlap {overlap_seconds} s"
    is_public = True
    target_type = "api_key"
    is_change = True

    api_key_id: int
    key_name: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(DomainEvent):
    """A key was ended for good."""

    name = "api_key.revoked"
    summary = "API key {key_name} revoked"
    is_public = True
    target_type = "api_key"
    is_change = True

    api_key_id: int
    key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAddressRefused(DomainEvent):
    """A key was presented from an address that is not on its list: it may be in the wrong hands."""

    name = "api_key.address_refused"
    summary = "API key {api_key_id} presented from an address that it does not allow"
    target_type = "api_key"
    security_name = "authz_fail"
    is_counted = True

    api_key_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeyCreated(DomainEvent):
    """A platform credential was made."""

    name = "service_key.created"
    summary = "service key {key_name} created"
    target_type = "service_key"
    security_name = "authz_admin"
    is_change = True

    service_key_id: int
    key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeyRotated(DomainEvent):
    """A platform credential got a new secret."""

    name = "service_key.rotated"
    summary = "service key {key_name} rotated, overlap {overlap_seconds} s"
    target_type = "service_key"
    security_name = "authz_admin"
    is_change = True

    service_key_id: int
    key_name: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeyRevoked(DomainEvent):
    """A platform credential was ended for good."""

    name = "service_key.revoked"
    summary = "service key {key_name} revoked"
    target_type = "service_key"
    security_name = "authz_admin"
    is_change = True

    service_key_id: int
    key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiChanged(ChangeEvent):
    """An API or its route rules were described anew."""

    name = "api.changed"
    summary = "API {slug} changed"
    target_type = "api"

    api_id: int
    slug: str
