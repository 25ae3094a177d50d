"""Endpoints for tests, made by the product's own service, so that their secret and their log are real."""

from typing import Any

from factory.base import Factory
from factory.declarations import Sequence

from webhooks.models import Webhook
from webhooks.services import endpoints


class WebhookFactory(Factory[Webhook]):
    """An endpoint of an organization that wants everything; `secret` holds what its owner was shown."""

    class Meta:
        model = Webhook

    url = Sequence(lambda number: f"http://127.0.0.1:8099/hooks/{number}")

    @classmethod
    def _create(cls, model_class: type[Webhook], *_args: Any, **settings: Any) -> Webhook:
        organization, created_by = settings.pop("organization"), settings.pop("created_by", None)
        webhook, secret = endpoints.create_webhook(
            organization=organization,
            created_by=created_by,
            settings=settings,  # type: ignore[arg-type]
        )
        webhook.secret = secret  # type: ignore[attr-defined]
        return webhook
