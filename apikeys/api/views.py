"""Keys over REST. Each view reads the request, makes one call into the domain and answers."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.permissions import RecentlyAuthenticated
from apikeys import selectors
from apikeys.api import examples
from apikeys.api.serializers import (
    ApiKeySerializer,
    ApiKeyWithSecretSerializer,
    CreateApiKeySerializer,
    ListApiKeysSerializer,
    RotateApiKeySerializer,
    UpdateApiKeySerializer,
    WhoAmISerializer,
)
from apikeys.authentication import ApiKeyAuthentication
from apikeys.models import ApiKey
from apikeys.services import keys
from apikeys.throttles import ApiKeyThrottle
from config.common.listing import Listing
from config.common.problem_answers import conflict
from config.common.views import ApiView
from organizations.roles import Permission
from organizations.scoping import HasGrant, OrganizationScoped

_ONCE = {"Cache-Control": "no-store"}
_NO_ROOM = conflict("The plan allows no further key.")
_REVOKED = conflict("The key is revoked.")


@extend_schema_view(
    list=extend_schema(
        operation_id="api_keys_list",
        summary="List keys",
        parameters=[ListApiKeysSerializer],
        examples=[examples.KEY, examples.EXPANDED_KEY],
    ),
    retrieve=extend_schema(
        operation_id="api_keys_retrieve",
        summary="Read a key",
        examples=[examples.KEY, examples.EXPANDED_KEY],
    ),
)
class ApiKeyViewSet(Listing, OrganizationScoped, GenericViewSet[ApiKey]):  # type: ignore[misc]
    """Credentials of the organization. A key's secret is in one answer only: that of its creation or rotation."""

    serializer_class = shape = ApiKeySerializer
    filters = ListApiKeysSerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}
    volatile_members = frozenset({"last_used_at", "is_outdated"})
    permission_classes = (IsAuthenticated, HasGrant, RecentlyAuthenticated)
    # Creating and rotating: what brings a new secret into the world.
    recent_methods = frozenset({"POST"})
    granted_on = ApiKey
    lookup_value_converter = "int"
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.KEYS_READ,
        "POST": Permission.KEYS_WRITE,
        "PATCH": Permission.KEYS_WRITE,
        "DELETE": Permission.KEYS_WRITE,
    }

    def get_queryset(self) -> QuerySet[ApiKey]:
        """Return the organization's keys."""
        return self.rows(selectors.keys())

    def list(self, request: Request) -> Response:
        """List the organization's keys, newest first unless asked."""
        rows = selectors.filtered(self.get_queryset(), at=timezone.now(), **self.asked())
        return self.listed(rows)

    def retrieve(self, request: Request, pk: int) -> Response:
        """Return one key."""
        return self.shown(lambda: self._key(pk))

    @extend_schema(
        operation_id="api_keys_create",
        summary="Create a key",
        request=CreateApiKeySerializer,
        responses={201: ApiKeyWithSecretSerializer, **_NO_ROOM},
        examples=[examples.NEW_KEY, examples.KEY_WITH_SECRET],
    )
    def create(self, request: Request) -> Response:
        """Create a key and return its secret, which is shown this once.

        It needs a proof of who you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        body = self.sent(CreateApiKeySerializer)
        key, secret = keys.create_key(
            organization=self.tenant.organization,
            created_by=self.tenant.user,
            settings=body.settings(),
            at=timezone.now(),
        )
        return self._reveal(key, secret, status=201)

    @extend_schema(
        operation_id="api_keys_update",
        summary="Change a key",
        request=UpdateApiKeySerializer,
        responses={200: ApiKeySerializer, **_REVOKED},
        examples=[examples.CHANGES, examples.KEY],
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is sent; the gates follow within two seconds."""
        key = self._key(pk)
        body = self.sent(UpdateApiKeySerializer)
        keys.update_key(key=key, settings=body.settings(), at=timezone.now(), by=self.tenant.user)
        return Response(self.get_serializer(self._key(pk)).data)

    @extend_schema(operation_id="api_keys_revoke", summary="Revoke a key")
    def destroy(self, request: Request, pk: int) -> Response:
        """End a key for good; the gates refuse it within two seconds. A revoked key can be revoked again."""
        keys.revoke_key(key=self._key(pk), at=timezone.now(), by=self.tenant.user)
        return Response(status=204)

    @extend_schema(
        operation_id="api_keys_rotate",
        summary="Rotate a key",
        request=RotateApiKeySerializer,
        responses={200: ApiKeyWithSecretSerializer, **_REVOKED},
        examples=[examples.ROTATION, examples.KEY_WITH_SECRET],
    )
    def rotate(self, request: Request, pk: int) -> Response:
        """Give the key a new secret and return it; older ones work for the overlap at most.

        It needs a proof of who you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        key = self._key(pk)
        body = self.body(RotateApiKeySerializer)
        key, secret = keys.rotate_key(key=key, at=timezone.now(), by=self.tenant.user, **body)
        return self._reveal(key, secret, status=200)

    def _key(self, pk: int) -> ApiKey:
        return self.row(selectors.keys(), pk=pk)

    def _reveal(self, key: ApiKey, secret: str, *, status: int) -> Response:
        shown = self._key(key.pk)
        shown.key = secret  # type: ignore[attr-defined]
        data = ApiKeyWithSecretSerializer(shown).data
        return Response(data, status=status, headers=_ONCE)


class WhoAmIView(ApiView):
    """Tells whoever presents a key what that key is; needs no scope."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (IsAuthenticated,)
    throttle_classes = (ApiKeyThrottle,)

    @extend_schema(
        operation_id="whoami",
        summary="Read the presented key",
        responses=WhoAmISerializer,
        examples=[examples.PRESENTED],
    )
    def get(self, request: Request) -> Response:
        """Return the presented key, its organization and what holds for it now."""
        credentials: Any = request.auth
        record = credentials.record
        secret = selectors.presented(record.secret_id)
        facts = {
            "id": record.key_id,
            "name": record.name,
            "environment": record.environment,
            "prefix": secret.prefix,
            "last4": secret.last4,
            "organization": {"id": secret.organization_id, "name": secret.organization_name},
            "plan": record.plan,
            "scopes": record.scope_names,
            "rate": record.rate,
            "expires_at": secret.ends_at,
            "last_used_at": secret.last_used_at,
        }
        return Response(WhoAmISerializer(facts).data)
