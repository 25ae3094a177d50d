"""Passkeys over REST: one's own, and signing in with them. Each view reads the body, makes one call and answers."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import middleware, selectors, services
from accounts.api.auth import PublicView
from accounts.api.examples import passkeys as examples
from accounts.api.serializers.passkeys import (
    CREATION_OPTIONS,
    REQUEST_OPTIONS,
    AddedPasskeySerializer,
    AddPasskeySerializer,
    DeviceCredentialSerializer,
    PasskeySerializer,
    PendingCredentialSerializer,
    PendingSerializer,
    RenamePasskeySerializer,
)
from accounts.api.serializers.sign_in import SignedInSerializer
from accounts.api.users import PersonalView
from accounts.models import Session
from accounts.permissions import RecentlyAuthenticated
from accounts.services.sign_in import Door
from config.common.listing import Listing
from config.common.problem_answers import conflict, refusal

_NO_ROOM = conflict("There are 20 passkeys already.")
_LAST = conflict("It is the last factor of somebody who needs one.")
_NOT_ACCEPTED = refusal(401, "The passkey was not accepted.")
_ONCE = {"Cache-Control": "no-store"}
_TO_CREATE = OpenApiResponse(CREATION_OPTIONS, "What to ask the device.")
_TO_SIGN = OpenApiResponse(REQUEST_OPTIONS, "What to ask the device.")


class PasskeyOptionsView(PersonalView):
    """Ask a device for a new passkey."""

    bodyless_methods = frozenset({"POST"})
    permission_classes = (IsAuthenticated, RecentlyAuthenticated)

    @extend_schema(
        operation_id="auth_passkeys_options",
        summary="Begin to add a passkey",
        request=None,
        responses={200: _TO_CREATE, **_NO_ROOM},
        examples=examples.OPTIONS,
    )
    def post(self, request: Request) -> Response:
        """Return what the browser needs to make a passkey on this device; good once, for five minutes."""
        return Response(services.passkeys.begin_adding(user=self.person, at=timezone.now()))


class PasskeyListView(Listing, PersonalView):
    """The passkeys of the person who asks."""

    permission_classes = (IsAuthenticated, RecentlyAuthenticated)
    shape = PasskeySerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}

    @extend_schema(
        operation_id="auth_passkeys_list",
        summary="List my passkeys",
        responses=PasskeySerializer(many=True),
        examples=examples.LIST,
    )
    def get(self, request: Request) -> Response:
        """List the devices and password managers that can sign you in, newest first."""
        return self.listed(selectors.passkeys_of(self.person))

    @extend_schema(
        operation_id="auth_passkeys_add",
        summary="Add a passkey",
        request=AddPasskeySerializer,
        responses={201: AddedPasskeySerializer, **_NO_ROOM},
        examples=examples.ADD,
    )
    def post(self, request: Request) -> Response:
        """Keep the passkey that the device made; you are told by mail.

        As your first second factor it comes with ten recovery codes, shown this once, and other sessions end.
        """
        body = self.body(AddPasskeySerializer)
        added = services.passkeys.add(
            user=self.person,
            session_id=middleware.session_id_of(request),
            at=timezone.now(),
            **body,
        )
        return Response(AddedPasskeySerializer.of(added), status=201, headers=_ONCE)


class PasskeyView(PersonalView):
    """One passkey of the person who asks."""

    permission_classes = (IsAuthenticated, RecentlyAuthenticated)

    @extend_schema(
        operation_id="auth_passkeys_rename",
        summary="Rename a passkey",
        request=RenamePasskeySerializer,
        responses=PasskeySerializer,
        examples=examples.RENAME,
    )
    def patch(self, request: Request, passkey_id: int) -> Response:
        """Give a passkey a name by which you know it again."""
        body = self.body(RenamePasskeySerializer)
        passkey = services.passkeys.rename(user=self.person, passkey_id=passkey_id, **body)
        return Response(PasskeySerializer(passkey).data)

    @extend_schema(
        operation_id="auth_passkeys_remove",
        summary="Remove a passkey",
        responses={204: None, **_LAST},
    )
    def delete(self, request: Request, passkey_id: int) -> Response:
        """Forget a passkey; it signs nobody in any more, and you are told by mail.

        Without another second factor your password alone signs you in again: recovery codes are forgotten and other
        sessions end. Staff keeps at least one factor.
        """
        services.passkeys.remove(
            user=self.person, session_id=middleware.session_id_of(request), passkey_id=passkey_id
        )
        return Response(status=204)


class SignInOptionsView(PublicView):
    """Ask whichever device there is."""

    bodyless_methods = frozenset({"POST"})
    paced_as = "login"

    @extend_schema(
        operation_id="auth_passkeys_sign_in_options",
        summary="Begin to sign in by passkey",
        request=None,
        responses={200: _TO_SIGN},
        examples=examples.SIGN_IN_OPTIONS,
    )
    def post(self, request: Request) -> Response:
        """Return what the browser needs to let its user choose a passkey: the same for everybody but the challenge."""
        return Response(services.assertions.begin_sign_in(at=timezone.now()))


class SignInView(PublicView):
    """Sign in without a password."""

    paced_as = "login"

    @extend_schema(
        operation_id="auth_passkeys_sign_in",
        summary="Sign in by passkey",
        request=DeviceCredentialSerializer,
        responses={200: SignedInSerializer, **_NOT_ACCEPTED},
        examples=examples.SIGN_IN,
    )
    def post(self, request: Request) -> Response:
        """Exchange a passkey's answer for a pair of tokens.

        The device has to make sure who holds it, by a fingerprint, a face or a PIN; that is the second factor, too.
        """
        body = self.body(DeviceCredentialSerializer)
        door = Door(kind=Session.Kind.API, device_token=body["device_token"])
        entered = services.assertions.sign_in(
            credential=body["credential"], door=door, at=timezone.now()
        )
        return Response(SignedInSerializer.of(entered))


class SecondFactorOptionsView(PublicView):
    """Ask one of the devices of a person whose password was right."""

    paced_as = "login"

    @extend_schema(
        operation_id="auth_passkeys_second_factor_options",
        summary="Begin to give a passkey as second factor",
        request=PendingSerializer,
        responses={200: _TO_SIGN, **_NOT_ACCEPTED},
        examples=examples.SECOND_FACTOR_OPTIONS,
    )
    def post(self, request: Request) -> Response:
        """Return what the browser needs to have one of the person's passkeys sign; good once, for five minutes."""
        token = self.body(PendingSerializer)["two_factor_token"]
        return Response(services.assertions.begin_second_factor(token=token, at=timezone.now()))


class SecondFactorView(PublicView):
    """Finish a sign-in."""

    paced_as = "login"

    @extend_schema(
        operation_id="auth_passkeys_second_factor",
        summary="Give a passkey as second factor",
        request=PendingCredentialSerializer,
        responses={200: SignedInSerializer, **_NOT_ACCEPTED},
        examples=examples.SECOND_FACTOR,
    )
    def post(self, request: Request) -> Response:
        """Exchange the token of a sign-in whose password was right, and a passkey's answer, for a pair of tokens."""
        body = self.body(PendingCredentialSerializer)
        door = Door(kind=Session.Kind.API, trust_device=body["trust_device"])
        entered = services.assertions.finish_sign_in(
            token=body["two_factor_token"],
            credential=body["credential"],
            door=door,
            at=timezone.now(),
        )
        return Response(SignedInSerializer.of(entered))
