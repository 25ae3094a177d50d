"""Confirming over REST who is there, for what needs a recent proof: a key's creation, a new factor, a farewell."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import middleware, services
from accounts.api.examples import passkeys as examples
from accounts.api.serializers.passkeys import REQUEST_OPTIONS, ReauthenticateSerializer
from accounts.api.users import PersonalView
from accounts.models import Session
from accounts.throttles import AddressThrottle
from config.common.errors import Unauthenticated
from config.common.idempotency import Idempotency
from config.common.problem_answers import refusal

_NOT_ACCEPTED = refusal(401, "The passkey was not accepted.")


class _SessionView(PersonalView):
    """What concerns the session of the request itself."""

    throttle_classes = (AddressThrottle,)
    paced_as = "login"

    @property
    def session(self) -> Session:
        """The session of the token or the cookie. Raises Unauthenticated if it has just ended."""
        session = middleware.live_session_of(self.request)
        if session is None:
            raise Unauthenticated
        return session


class ReauthenticateView(_SessionView):
    """Confirm who is there."""

    # A recorded answer would say that a proof is recent which no longer is.
    idempotency = Idempotency.NONE

    @extend_schema(
        operation_id="auth_reauthenticate",
        summary="Confirm that it is me",
        request=ReauthenticateSerializer,
        responses={204: None, **_NOT_ACCEPTED},
        examples=examples.REAUTHENTICATE,
    )
    def post(self, request: Request) -> Response:
        """Prove who you are by your password, a code or a passkey; for ten minutes what answered 403 is open.

        A wrong password counts as a failed sign-in, a wrong code as a failed second factor.
        """
        body = self.body(ReauthenticateSerializer)
        services.step_up.reauthenticate(session=self.session, at=timezone.now(), **body)
        return Response(status=204)


class ReauthenticateOptionsView(_SessionView):
    """Ask one of the person's devices."""

    bodyless_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="auth_reauthenticate_options",
        summary="Begin to confirm by passkey",
        request=None,
        responses={200: OpenApiResponse(REQUEST_OPTIONS, "What to ask the device.")},
        examples=examples.REAUTHENTICATE_OPTIONS,
    )
    def post(self, request: Request) -> Response:
        """Return what the browser needs to have one of your passkeys sign; good once, for five minutes."""
        options = services.step_up.begin_by_passkey(session=self.session, at=timezone.now())
        return Response(options)
