"""Setting a new password over REST: with a mailed link, or with the present one."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import middleware, services, tokens
from accounts.api.auth import PublicView
from accounts.api.examples import passwords as examples
from accounts.api.serializers.passwords import (
    ChangePasswordSerializer,
    PasswordChangedSerializer,
    ResetPasswordSerializer,
)
from accounts.api.serializers.sign_in import DetailSerializer, EmailSerializer
from accounts.api.users import PersonalView
from accounts.authentication import JWTAuthentication


class ResetRequestView(PublicView):
    """Ask for a link to a new password."""

    paced_as = "resend"

    @extend_schema(
        operation_id="auth_password_reset_request",
        summary="Ask for a link to a new password",
        request=EmailSerializer,
        responses={202: DetailSerializer},
        examples=examples.RESET_REQUEST,
    )
    def post(self, request: Request) -> Response:
        """Mail a link that is good once and for an hour; older links stop working.

        The answer is the same for an address that nobody has.
        """
        body = self.body(EmailSerializer)
        services.passwords.request_reset(email=body["email"], at=timezone.now())
        detail = "If the address has an account, a link to a new password is on its way to it."
        return Response({"detail": detail}, status=202)


class ResetConfirmView(PublicView):
    """Set a new password with a mailed link."""

    paced_as = "verify"

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        summary="Set a new password with a mailed link",
        request=ResetPasswordSerializer,
        responses={204: None},
        examples=examples.RESET_CONFIRM,
    )
    def post(self, request: Request) -> Response:
        """Set the password and end every session. It signs nobody in: a second factor is asked for as always."""
        services.passwords.reset(**self.body(ResetPasswordSerializer), at=timezone.now())
        return Response(status=204)


class ChangePasswordView(PersonalView):
    """Change the password of the person who asks."""

    @extend_schema(
        operation_id="users_me_password",
        summary="Change my password",
        request=ChangePasswordSerializer,
        responses=PasswordChangedSerializer,
        examples=examples.CHANGE,
    )
    def post(self, request: Request) -> Response:
        """Exchange the password. The session that asks goes on, all others end; access tokens stop at once.

        A wrong present password counts as a failed sign-in.
        """
        kept = services.passwords.change(
            user=self.person,
            session_id=middleware.session_id_of(request),
            at=timezone.now(),
            **self.body(ChangePasswordSerializer),
        )
        claims = services.sessions.claims_of(kept)
        access, expires_in = None, None
        if isinstance(request.successful_authenticator, JWTAuthentication):
            access = tokens.mint_access(claims)
            expires_in = int(tokens.ACCESS_LIFETIME.total_seconds())
        else:
            middleware.remember(request._request, claims)  # noqa: SLF001  the cookie is Django's request's
        return Response({"access": access, "expires_in": expires_in})
