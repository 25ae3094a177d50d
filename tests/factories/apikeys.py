"""Keys for tests, made by the product's own services so that every row, digest and event is a real one."""

from typing import Any

from django.utils import timezone
from factory.base import Factory
from factory.declarations import LazyFunction, Sequence

from apikeys.models import Api, ApiKey, ServiceKey
from apikeys.services import apis, keys, service_keys


class ApiKeyFactory(Factory):
    """A key of an organization; `secret` holds what its owner was shown."""

    class Meta:
        model = ApiKey

    name = Sequence(lambda number: f"Key {number}")
    environment = "live"

    @classmethod
    def _create(cls, model_class: type[ApiKey], *_args: Any, **settings: Any) -> ApiKey:
        organization, created_by = settings.pop("organization"), settings.pop("created_by", None)
        at = settings.pop("at", None) or timezone.now()
        key, secret = keys.create_key(
            organization=organization,
            created_by=created_by,
            settings=settings,  # type: ignore[arg-type]
            at=at,
        )
        key.secret = secret  # type: ignore[attr-defined]
        return key


class ServiceKeyFactory(Factory):
    """A service key; `secret` holds what its owner was shown."""

    class Meta:
        model = ServiceKey

    name = Sequence(lambda number: f"gateway-{number}")
    scopes = LazyFunction(lambda: ["keys:verify"])

    @classmethod
    def _create(cls, model_class: type[ServiceKey], *_args: Any, **settings: Any) -> ServiceKey:
        settings.setdefault("by", None)
        settings.setdefault("at", timezone.now())
        key, secret = service_keys.create_service_key(**settings)
        key.secret = secret  # type: ignore[attr-defined]
        return key


class ApiFactory(Factory):
    """An API that is sold."""

    class Meta:
        model = Api

    name = Sequence(lambda number: f"API {number}")
    slug = Sequence(lambda number: f"api-{number}")

    @classmethod
    def _create(cls, model_class: type[Api], *_args: Any, **settings: Any) -> Api:
        return apis.create_api(
            settings=settings,  # type: ignore[arg-type]
            by=None,
            at=timezone.now(),
        )
