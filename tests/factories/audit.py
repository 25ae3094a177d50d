"""Security events as tests need them: noted just now, looked at by nobody."""

import factory
from django.utils import timezone

from audit.models import SecurityEvent


class SecurityEventFactory(factory.django.DjangoModelFactory[SecurityEvent]):
    """A refused permission."""

    class Meta:
        model = SecurityEvent

    name = "authz_fail"
    severity = "WARNING"
    ip = "203.0.113.7"
    user_agent = "curl/8"
    request_id = "request-0001"
    last_seen_at = factory.LazyFunction(timezone.now)
