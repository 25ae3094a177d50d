"""Invitations over REST: what an organization offers, and how whoever is invited answers."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import require_recent
from config.common.listing import Listing
from config.common.problem_answers import conflict
from config.common.views import ApiView
from organizations import selectors
from organizations.api import examples
from organizations.api.base import OrganizationPathView, person_of
from organizations.api.rights import (
    InvitationSerializer,
    InviteSerializer,
    LinkSerializer,
    MyInvitationSerializer,
    PlaceSerializer,
)
from organizations.models import Role
from organizations.roles import Permission
from organizations.services import answers, invitations

_NOT_OPEN = conflict("`invitation_not_open`: it was answered, taken back, or is too old.")
_NO_PLACE = conflict(
    "`invitation_not_open`, `already_member`, or `seat_limit_reached`: the plan allows no further member."
)


class InvitationListView(Listing, OrganizationPathView):
    """What an organization offers to whom."""

    shape = InvitationSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.MEMBERS_READ,
        "POST": Permission.MEMBERS_WRITE,
    }

    @extend_schema(
        operation_id="organizations_invitations_list",
        summary="List invitations",
        responses=InvitationSerializer(many=True),
        examples=[examples.INVITATION],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """List the invitations with what became of them, the newest first."""
        return self.listed(selectors.invitations_of(self.tenant.organization))

    @extend_schema(
        operation_id="organizations_invitations_create",
        summary="Invite somebody",
        request=InviteSerializer,
        responses={
            201: InvitationSerializer,
            **conflict("`already_member`, `already_invited` or `invitation_limit_reached`."),
        },
        examples=[examples.INVITE, examples.INVITED],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Offer a place to an address and mail a link to it, which is good for seven days.

        Only whoever has the address can accept, with an account that exists or one made later. Nobody offers more than
        they may do themselves. Seats are counted when the invitation is accepted. To invite an owner it needs a proof of who
        you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        body = self.body(InviteSerializer)
        if body.get("role") == Role.OWNER:
            require_recent(request)
        made = invitations.invite(tenant=self.tenant, at=timezone.now(), **body)
        return Response(InvitationSerializer(made).data, status=201)


class InvitationView(OrganizationPathView):
    """One invitation."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"DELETE": Permission.MEMBERS_WRITE}

    @extend_schema(
        operation_id="organizations_invitations_revoke",
        summary="Revoke an invitation",
        responses={204: None, **_NOT_OPEN},
    )
    def delete(self, request: Request, organization_id: int, invitation_id: int) -> Response:
        """Take an invitation back: its link is worthless at once."""
        invitations.revoke(tenant=self.tenant, invitation_id=invitation_id, at=timezone.now())
        return Response(status=204)


class ResendInvitationView(OrganizationPathView):
    """Sending an invitation again."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": Permission.MEMBERS_WRITE}

    @extend_schema(
        operation_id="organizations_invitations_resend",
        summary="Send an invitation again",
        request=None,
        responses={200: InvitationSerializer, **_NOT_OPEN},
        examples=[examples.INVITATION],
    )
    def post(self, request: Request, organization_id: int, invitation_id: int) -> Response:
        """Mail a new link, good for seven days from now; earlier ones stop working. At most three times a day."""
        sent = invitations.resend(
            tenant=self.tenant, invitation_id=invitation_id, at=timezone.now()
        )
        return Response(InvitationSerializer(sent).data)


class MyInvitationListView(Listing):
    """What is offered to the person who asks."""

    permission_classes = (IsAuthenticated,)
    http_method_names = ["get", "head"]
    shape = MyInvitationSerializer

    @extend_schema(
        operation_id="invitations_list",
        summary="List my invitations",
        responses=MyInvitationSerializer(many=True),
        examples=[examples.MY_INVITATION],
    )
    def get(self, request: Request) -> Response:
        """List what was offered to your address, the newest first; nothing until you have verified the address."""
        return self.listed(selectors.invitations_to(person_of(request)))


class _AnswerView(ApiView):
    """Base of the answers to an invitation, which people give."""

    permission_classes = (IsAuthenticated,)
    http_method_names = ["post"]


class AcceptInvitationView(_AnswerView):
    """Taking a place."""

    bodyless_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="invitations_accept",
        summary="Accept an invitation",
        request=None,
        responses={200: PlaceSerializer, **_NO_PLACE},
        examples=[examples.PLACE],
    )
    def post(self, request: Request, invitation_id: int) -> Response:
        """Become a member. The invitation is for your own verified address."""
        member = answers.accept(
            user=person_of(request), invitation_id=invitation_id, at=timezone.now()
        )
        return Response(PlaceSerializer(member).data)


class DeclineInvitationView(_AnswerView):
    """Refusing a place."""

    bodyless_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="invitations_decline",
        summary="Decline an invitation",
        request=None,
        responses={204: None, **_NOT_OPEN},
    )
    def post(self, request: Request, invitation_id: int) -> Response:
        """Refuse the place; the organization can invite you again."""
        answers.decline(user=person_of(request), invitation_id=invitation_id, at=timezone.now())
        return Response(status=204)


class AcceptLinkView(_AnswerView):
    """Taking a place by the mailed link."""

    @extend_schema(
        operation_id="invitations_accept_link",
        summary="Accept an invitation by its link",
        request=LinkSerializer,
        responses={200: PlaceSerializer, **_NO_PLACE},
        examples=[examples.LINK, examples.PLACE],
    )
    def post(self, request: Request) -> Response:
        """Become a member with what the mailed link ends with; that verifies your address, too.

        You are signed in with the invited address (else 403 `invitation_for_another_address`).
        """
        body = self.body(LinkSerializer)
        member = answers.accept_link(user=person_of(request), at=timezone.now(), **body)
        return Response(PlaceSerializer(member).data)


class DeclineLinkView(_AnswerView):
    """Refusing a place by the mailed link."""

    @extend_schema(
        operation_id="invitations_decline_link",
        summary="Decline an invitation by its link",
        request=LinkSerializer,
        responses={204: None, **_NOT_OPEN},
        examples=[examples.LINK],
    )
    def post(self, request: Request) -> Response:
        """Refuse the place with what the mailed link ends with."""
        body = self.body(LinkSerializer)
        answers.decline_link(user=person_of(request), at=timezone.now(), **body)
        return Response(status=204)
