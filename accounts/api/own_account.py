"""The person's picture, address and farewell over REST."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts.api.auth import PublicView
from accounts.api.examples import own_account as examples
from accounts.api.serializers.own_account import (
    AvatarSerializer,
    ChangeEmailSerializer,
    DeleteAccountSerializer,
    DeletionSerializer,
    EmailChangeStepSerializer,
    EmailTokenSerializer,
    OwnAddressSerializer,
)
from accounts.api.serializers.people import UserSerializer
from accounts.api.serializers.sign_in import DetailSerializer
from accounts.api.users import PersonalView
from accounts.permissions import RecentlyAuthenticated
from accounts.throttles import AddressThrottle
from config.common.problem_answers import conflict, refusal


class AvatarView(PersonalView):
    """The picture of the person who asks."""

    parser_classes = (MultiPartParser,)
    throttle_classes = (AddressThrottle,)
    paced_as = "avatar"

    @extend_schema(
        operation_id="users_me_avatar_set",
        summary="Set my picture",
        request={"multipart/form-data": AvatarSerializer},
        responses={
            200: UserSerializer,
            **refusal(413, "The picture has more than 5 MB."),
        },
        examples=examples.AVATAR,
    )
    def post(self, request: Request) -> Response:
        """Show yourself by a picture. It is drawn anew as a small square; nothing else in the file is kept."""
        file = self.body(AvatarSerializer)["file"]
        user = services.avatars.set_avatar(user=self.person, content=file.read())
        return Response(UserSerializer(user).data)

    @extend_schema(
        operation_id="users_me_avatar_remove", summary="Remove my picture", responses={204: None}
    )
    def delete(self, request: Request) -> Response:
        """Show your initials again."""
        services.avatars.remove_avatar(user=self.person)
        return Response(status=204)


class AddressView(PersonalView):
    """The address of the person who asks, and the one they wish to use."""

    permission_classes = (IsAuthenticated, RecentlyAuthenticated)
    recent_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="users_me_email_read",
        summary="Read my address",
        responses=OwnAddressSerializer,
        examples=examples.ADDRESS,
    )
    def get(self, request: Request) -> Response:
        """Return your address and the change that is under way, if there is one."""
        pending = selectors.pending_email_change(self.person, at=timezone.now())
        return Response(OwnAddressSerializer({"email": self.person.email, "pending": pending}).data)

    @extend_schema(
        operation_id="users_me_email_change",
        summary="Change my address",
        request=ChangeEmailSerializer,
        responses={202: DetailSerializer},
        examples=examples.CHANGE_EMAIL,
    )
    def post(self, request: Request) -> Response:
        """Ask both addresses whether the account may move; the second one to agree moves it and ends every session.

        The answer is the same for an address that has an account. Needs a recent sign-in and the password.
        """
        body = self.body(ChangeEmailSerializer)
        services.email_changes.request(user=self.person, **body, at=timezone.now())
        return Response({"detail": "We have written to both addresses."}, status=202)

    @extend_schema(
        operation_id="users_me_email_cancel",
        summary="Keep my address",
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        """Take the wish for another address back; its links stop working."""
        services.email_changes.cancel(user=self.person, at=timezone.now())
        return Response(status=204)


class ConfirmEmailChangeView(PublicView):
    """Agree to a change of address."""

    paced_as = "verify"

    @extend_schema(
        operation_id="auth_email_change_confirm",
        summary="Agree to a change of address",
        request=EmailTokenSerializer,
        responses={
            200: EmailChangeStepSerializer,
            **conflict("Somebody else has an account with the address by now."),
        },
        examples=examples.CONFIRM_EMAIL,
    )
    def post(self, request: Request) -> Response:
        """Use the link that was mailed to the old or to the new address; both are needed, in any order."""
        body = self.body(EmailTokenSerializer)
        change = services.email_changes.confirm(**body, at=timezone.now())
        step = {"is_complete": change.completed_at is not None}
        return Response(EmailChangeStepSerializer(step).data)


class CancelEmailChangeView(PublicView):
    """Refuse a change of address."""

    paced_as = "verify"

    @extend_schema(
        operation_id="auth_email_change_cancel",
        summary="Refuse a change of address",
        request=EmailTokenSerializer,
        responses={204: None},
        examples=examples.CANCEL_EMAIL,
    )
    def post(self, request: Request) -> Response:
        """Use either of the two links to cancel the change."""
        services.email_changes.refuse(**self.body(EmailTokenSerializer), at=timezone.now())
        return Response(status=204)


class DeletionView(PersonalView):
    """Closing the account of the person who asks."""

    permission_classes = (IsAuthenticated, RecentlyAuthenticated)
    recent_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="users_me_deletion_request",
        summary="Delete my account",
        request=DeleteAccountSerializer,
        responses={
            202: DeletionSerializer,
            **conflict("You are the only owner of an organization with other members."),
        },
        examples=examples.DELETE,
    )
    def post(self, request: Request) -> Response:
        """Have the account erased in fourteen days; until then you can take that back.

        Invoices, the audit log and usage stay, under no name. Needs a recent sign-in and the password.
        """
        body = self.body(DeleteAccountSerializer)
        user = services.deletions.request(user=self.person, **body, at=timezone.now())
        return Response(DeletionSerializer(user).data, status=202)

    @extend_schema(
        operation_id="users_me_deletion_cancel",
        summary="Keep my account",
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        """Keep the account after all."""
        services.deletions.cancel(user=self.person)
        return Response(status=204)
