"""Lists that go past the serializer write what it would have written, to the byte."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework import serializers

from apikeys import selectors
from apikeys.api.serializers import ApiKeySerializer
from apikeys.models import ApiKey, KeyActivity
from apikeys.services import keys
from config.common.jsonparser import as_json
from config.common.lists import CompiledRows, FollowsRelations, compiled
from organizations.models import OrganizationMember
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def varied(organization, olivia):
    """Make keys of every kind: limits and none, switched off, ended, revoked, used, with awkward texts."""
    now = timezone.now()
    made = [
        ApiKeyFactory.create(organization=organization),
        ApiKeyFactory.create(
            organization=organization,
            created_by=olivia,
            name='"Naïve" \u2028 \\ 日本',
            environment="test",
            scopes=["orders:read", "*"],
            rate_limit=5,
            rate_per_seconds=60,
            rate_burst=9,
            quota_limit=1000,
            quota_period="month",
            credits_micro=1_500_000,
            credits_refill="daily",
            ip_allowlist=["203.0.113.0/24"],
            allowed_origins=["https://app.example.com"],
            metadata={"a": [1, 2.5, None, {"b": True}]},
            external_id="x",
            expires_at=now + timedelta(days=3),
        ),
    ]
    keys.update_key(key=made[0], settings={"enabled": False}, at=now)
    keys.revoke_key(key=ApiKeyFactory.create(organization=organization), at=now)
    KeyActivity.objects.create(api_key=made[1], first_used_at=now, last_used_at=now)
    ApiKey.objects.filter(pk=made[0].pk).update(created_at=now.replace(microsecond=0))


def test_the_bytes_are_the_serializers(varied):
    rows = selectors.keys().order_by("id")
    fast = compiled(ApiKeySerializer)

    written = as_json(fast.write(fast.query(rows)))

    assert written == as_json(ApiKeySerializer(rows, many=True).data)
    assert len(written) > 1000


def test_it_is_one_query(varied, django_assert_num_queries):
    fast = compiled(ApiKeySerializer)

    with django_assert_num_queries(1):
        assert len(fast.write(fast.query(selectors.keys()))) == 3


class WithRelation(serializers.ModelSerializer[OrganizationMember]):
    name = serializers.CharField(source="user.full_name")

    class Meta:
        model = OrganizationMember
        fields = ("id", "name")


def test_what_follows_relations_is_refused():
    with pytest.raises(FollowsRelations):
        CompiledRows(WithRelation)


class Shouting(serializers.CharField):
    def to_representation(self, value):
        return str(value).upper()


class OwnField(serializers.ModelSerializer[ApiKey]):
    name = Shouting()
    tags = serializers.ListField(child=Shouting(), source="scopes")

    class Meta:
        model = ApiKey
        fields = ("id", "name", "tags")


def test_fields_of_ones_own_are_asked(varied):
    rows = ApiKey.objects.order_by("id")
    fast = CompiledRows(OwnField)

    assert as_json(fast.write(fast.query(rows))) == as_json(OwnField(rows, many=True).data)
