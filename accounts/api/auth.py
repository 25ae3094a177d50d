"""Opening an account and signing in over REST. Each view reads the body, makes one call and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api.examples import sign_in as examples
from accounts.api.examples import two_factor as two_factor_examples
from accounts.api.serializers.sign_in import (
    DetailSerializer,
    EmailSerializer,
    LoginSerializer,
    RefreshSerializer,
    RegisterSerializer,
    SignedInSerializer,
    TokenPairSerializer,
    TwoFactorRequiredSerializer,
    VerifyEmailSerializer,
)
from accounts.models import Session
from accounts.services.sign_in import Door, Pending
from accounts.throttles import AddressThrottle
from config.common import context
from config.common.idempotency import Idempotency
from config.common.problem_answers import refusal
from config.common.views import ApiView


class PublicView(ApiView):
    """A door that everybody may knock at, as often as `paced_as` allows."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    # Nobody is known here whose key it could be; each of these doors may be tried again as it is.
    idempotency = Idempotency.NONE
    paced_as: ClassVar[str]


def _arrival() -> datetime:
    return context.current().arrived_at or timezone.now()


class RegisterView(PublicView):
    """Open an account."""

    paced_as = "register"

    @extend_schema(
        operation_id="auth_register",
        summary="Register",
        request=RegisterSerializer,
        responses={201: DetailSerializer},
        examples=examples.REGISTER,
    )
    def post(self, request: Request) -> Response:
        """Open an account and mail a link that confirms the address.

        The answer is the same for an address that has an account already; its owner is told by mail.
        """
        services.registration.register(**self.body(RegisterSerializer))
        return Response({"detail": "Check your mail to confirm the address."}, status=201)


class VerifyEmailView(PublicView):
    """Confirm an address."""

    paced_as = "verify"

    @extend_schema(
        operation_id="auth_verify_email",
        summary="Confirm an address",
        request=VerifyEmailSerializer,
        responses={200: DetailSerializer},
        examples=examples.VERIFY_EMAIL,
    )
    def post(self, request: Request) -> Response:
        """Use the token of a mailed link: once, within 24 hours. Confirmed people may create keys."""
        body = self.body(VerifyEmailSerializer)
        services.registration.verify_email(token=body["token"], at=timezone.now())
        return Response({"detail": "The address is confirmed."})


class ResendVerificationView(PublicView):
    """Mail the link again."""

    paced_as = "resend"

    @extend_schema(
        operation_id="auth_resend_verification",
        summary="Send the link again",
        request=EmailSerializer,
        responses={200: DetailSerializer},
        examples=examples.RESEND,
    )
    def post(self, request: Request) -> Response:
        """Mail a new link, at most five an hour. The answer is the same for every address."""
        services.registration.resend_verification(**self.body(EmailSerializer))
        detail = "If the address waits to be confirmed, a new link is on its way to it."
        return Response({"detail": detail})


class LoginView(PublicView):
    """Sign in."""

    paced_as = "login"

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        request=LoginSerializer,
        responses={
            200: PolymorphicProxySerializer(
                component_name="LoginAnswer",
                serializers=[SignedInSerializer, TwoFactorRequiredSerializer],
                resource_type_field_name=None,
            ),
            **refusal(401, "The address and the password do not match."),
        },
        examples=[*examples.LOGIN, two_factor_examples.REQUIRED],
    )
    def post(self, request: Request) -> Response:
        """Exchange an address and its password for a pair of tokens.

        Of a person who has a second factor it is asked for: the answer has a `two_factor_token` for `2fa/verify`. After
        5, 10 and 20 wrong passwords within an hour sign-in pauses for 1 minute, 15 minutes and 1 hour (429); of the 20
        that an account has, the last are kept for the places and devices where its owner has signed in.
        """
        body = self.body(LoginSerializer)
        door = Door(kind=Session.Kind.API, device_token=body.pop("device_token"))
        result = services.sign_in.begin(**body, door=door, at=timezone.now())
        if isinstance(result, Pending):
            return Response(TwoFactorRequiredSerializer.of(result))
        return Response(SignedInSerializer.of(result))


class RefreshView(PublicView):
    """Continue a session."""

    paced_as = "token"

    @extend_schema(
        operation_id="auth_refresh",
        summary="Continue a session",
        request=RefreshSerializer,
        responses={
            200: TokenPairSerializer,
            **refusal(401, "The refresh token is not good any more."),
        },
        examples=examples.REFRESH,
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair, once.

        Of simultaneous exchanges one wins. A token that was exchanged before ends the whole session, because two
        parties hold it; the owner is told by mail.
        """
        body = self.body(RefreshSerializer)
        pair = services.sessions.refresh(token=body["refresh"], at=_arrival())
        return Response(TokenPairSerializer(pair).data)


class LogoutView(PublicView):
    """Sign out."""

    paced_as = "token"

    @extend_schema(
        operation_id="auth_logout",
        summary="Sign out",
        request=RefreshSerializer,
        responses={204: None},
        examples=examples.LOGOUT,
    )
    def post(self, request: Request) -> Response:
        """End the session that a refresh token belongs to; its access tokens stop at once."""
        services.sessions.log_out(token=self.body(RefreshSerializer)["refresh"])
        return Response(status=204)
