"""Second factors over REST: setting an app up, giving codes, and the devices that are spared them."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import middleware, selectors, services
from accounts.api.examples import two_factor as examples
from accounts.api.serializers.devices import DeviceSerializer
from accounts.api.serializers.sign_in import SignedInSerializer
from accounts.api.serializers.two_factor import (
    EnrolmentSerializer,
    PasswordAndCodeSerializer,
    RecoveryCodesSerializer,
    TwoFactorStatusSerializer,
    VerifyCodeSerializer,
)
from accounts.api.users import PersonalView
from accounts.models import Session, User
from accounts.permissions import RecentlyAuthenticated
from accounts.services.sign_in import Door
from accounts.throttles import AddressThrottle
from config.common.errors import NotFound, Unauthenticated
from config.common.idempotency import Idempotency
from config.common.listing import Listing
from config.common.problem_answers import conflict, refusal

_IS_ON = conflict("Two-factor authentication is on already.")
_IS_OFF = conflict("Two-factor authentication is off.")
_REFUSED = refusal(401, "The code, or the sign-in it belongs to, is not good.")


class TwoFactorView(PersonalView):
    """Whether a second factor is asked for."""

    @extend_schema(
        operation_id="auth_two_factor_status",
        summary="Read my second factors",
        responses=TwoFactorStatusSerializer,
        examples=examples.STATUS,
    )
    def get(self, request: Request) -> Response:
        """Say whether a password alone signs you in, and what else you can give."""
        methods = services.factors.second_factors(self.person)
        status = {
            "enabled": bool({"totp", "passkey"} & set(methods)),
            "methods": methods,
            "recovery_codes_left": services.recovery_codes.left_of(self.person),
        }
        return Response(TwoFactorStatusSerializer(status).data)


class EnableView(PersonalView):
    """Begin to set an authenticator app up."""

    bodyless_methods = frozenset({"POST"})
    # The seed is not kept to be answered again once it counts; asking again gives another one.
    idempotency = Idempotency.NONE
    permission_classes = (IsAuthenticated, RecentlyAuthenticated)

    @extend_schema(
        operation_id="auth_two_factor_enable",
        summary="Begin to turn two-factor authentication on",
        request=None,
        responses={200: EnrolmentSerializer, **_IS_ON},
        examples=examples.ENABLE,
    )
    def post(self, request: Request) -> Response:
        """Return a new seed, also as a QR code. Nothing changes until `2fa/verify` gets a code made with it."""
        enrolment = services.two_factor.enable(user=self.person)
        return Response(EnrolmentSerializer(enrolment).data)


class VerifyView(PersonalView):
    """Give a code: to turn two-factor authentication on, or to complete a sign-in."""

    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    # Who asks is known only once the body is read: a recorded answer would be anybody's who sends the same key.
    idempotency = Idempotency.NONE
    paced_as = "login"

    def perform_authentication(self, request: Request) -> None:
        """Look for a person only where the body names no sign-in: its token says who it is."""

    @extend_schema(
        operation_id="auth_two_factor_verify",
        summary="Give a code",
        request=VerifyCodeSerializer,
        responses={
            200: PolymorphicProxySerializer(
                component_name="Verified",
                serializers=[RecoveryCodesSerializer, SignedInSerializer],
                resource_type_field_name=None,
            ),
            **_REFUSED,
            **_IS_ON,
        },
        examples=examples.VERIFY,
    )
    def post(self, request: Request) -> Response:
        """Complete a sign-in, or turn two-factor authentication on.

        With the `two_factor_token` of a sign-in: exchange it and a code of the app, or a recovery code, for a pair of
        tokens. Signed in, without one: confirm the app that `2fa/enable` began to set up; the answer has ten recovery
        codes, and other sessions end. After 5, 10 and 20 wrong codes within an hour codes are not looked at for
        1 minute, 15 minutes and 1 hour (429); nothing else of the account is held up by that.
        """
        given = self.body(VerifyCodeSerializer)
        if "two_factor_token" in given:
            return _completed(given)
        if not isinstance(request.user, User):
            raise Unauthenticated
        return self._turned_on(given["code"])

    def _turned_on(self, code: str) -> Response:
        codes = services.two_factor.confirm(
            user=self.person,
            session_id=middleware.session_id_of(self.request),
            code=code,
            at=timezone.now(),
        )
        return Response({"recovery_codes": codes})


def _completed(given: dict[str, Any]) -> Response:
    entered = services.sign_in.finish(
        token=given["two_factor_token"],
        code=given["code"],
        door=Door(kind=Session.Kind.API, trust_device=given["trust_device"]),
        at=timezone.now(),
    )
    return Response(SignedInSerializer.of(entered))


class DisableView(PersonalView):
    """Turn two-factor authentication off."""

    @extend_schema(
        operation_id="auth_two_factor_disable",
        summary="Turn two-factor authentication off",
        request=PasswordAndCodeSerializer,
        responses={
            204: None,
            **conflict(
                "Two-factor authentication is off, or it is the last second factor of staff."
            ),
        },
        examples=examples.DISABLE,
    )
    def post(self, request: Request) -> Response:
        """Forget the authenticator app. Other sessions end, no device is trusted any more, and you are told by mail.

        Staff keeps one second factor, without which the back office would be closed to them.
        """
        body = self.body(PasswordAndCodeSerializer)
        services.two_factor.disable(
            user=self.person,
            session_id=middleware.session_id_of(request),
            at=timezone.now(),
            **body,
        )
        return Response(status=204)


class RecoveryCodesView(PersonalView):
    """New recovery codes."""

    @extend_schema(
        operation_id="auth_two_factor_recovery_codes",
        summary="Replace my recovery codes",
        request=PasswordAndCodeSerializer,
        responses={200: RecoveryCodesSerializer, **_IS_OFF},
        examples=examples.RECOVERY_CODES,
    )
    def post(self, request: Request) -> Response:
        """Return ten new codes, shown this once; the old ones are worth nothing any more."""
        body = self.body(PasswordAndCodeSerializer)
        codes = services.two_factor.replace_recovery_codes(
            user=self.person, at=timezone.now(), **body
        )
        return Response({"recovery_codes": codes})


class DeviceListView(Listing, PersonalView):
    """Where the person has signed in before."""

    shape = DeviceSerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "last_used_at": "last_used_at"}

    @extend_schema(
        operation_id="users_me_devices",
        summary="List my devices",
        responses=DeviceSerializer(many=True),
        examples=examples.DEVICES,
    )
    def get(self, request: Request) -> Response:
        """List the browsers and clients with which you have signed in, newest first, and which of them are trusted."""
        return self.listed(selectors.devices_of(self.person))


class DeviceView(PersonalView):
    """One device of the person who asks."""

    @extend_schema(
        operation_id="users_me_device_remove", summary="Forget a device", responses={204: None}
    )
    def delete(self, request: Request, device_id: int) -> Response:
        """Neither know nor trust a device any more: the next sign-in there is one on a new device."""
        if not services.devices.remove(user=self.person, device_id=device_id):
            raise NotFound
        return Response(status=204)
