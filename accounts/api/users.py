"""The person who asks: profile and sessions over REST. Keys of an organization are nobody and are refused here."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import middleware, selectors, services
from accounts.api.examples import people as examples
from accounts.api.serializers.people import (
    SessionSerializer,
    UpdateProfileSerializer,
    UserSerializer,
)
from accounts.authentication import JWTAuthentication, PortalSessionAuthentication
from accounts.models import User
from config.common.errors import NotFound
from config.common.listing import Listing
from config.common.views import ApiView


class PersonalView(ApiView):
    """What a person sees and changes of their own."""

    authentication_classes = (JWTAuthentication, PortalSessionAuthentication)

    def lock(self) -> None:
        """Lock the person's own row and read it again."""
        self.person.refresh_from_db(from_queryset=User.objects.select_for_update(no_key=True))

    @property
    def person(self) -> User:
        """The person who asks."""
        assert isinstance(self.request.user, User)
        return self.request.user


class MeView(PersonalView):
    """The profile of the person who asks."""

    @extend_schema(
        operation_id="users_me",
        summary="Read my profile",
        responses=UserSerializer,
        examples=examples.ME,
    )
    def get(self, request: Request) -> Response:
        """Return the person that the token or the cookie speaks for."""
        return Response(UserSerializer(self.person).data)

    @extend_schema(
        operation_id="users_me_update",
        summary="Change my profile",
        request=UpdateProfileSerializer,
        responses=UserSerializer,
        examples=examples.UPDATE_ME,
    )
    def patch(self, request: Request) -> Response:
        """Change what is sent; what is left out stays."""
        changes = self.body(UpdateProfileSerializer)
        user = services.profile.update_profile(user=self.person, changes=changes)
        return Response(UserSerializer(user).data)


class SessionListView(Listing, PersonalView):
    """Where the person is signed in."""

    shape = SessionSerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "last_used_at": "last_used_at"}

    @extend_schema(
        operation_id="users_me_sessions",
        summary="List my sessions",
        responses=SessionSerializer(many=True),
        examples=examples.SESSIONS,
    )
    def get(self, request: Request) -> Response:
        """List the devices on which the person is signed in, newest first."""
        sessions = selectors.open_sessions(self.person, at=timezone.now())
        current = middleware.session_id_of(request)
        return self.listed(sessions, context={"current_id": current})

    @extend_schema(
        operation_id="users_me_sessions_end",
        summary="End my other sessions",
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        """Sign every other device out; their tokens stop at once. `auth/logout-all` ends this session, too."""
        keep = middleware.session_id_of(request)
        services.sessions.end_others(user=self.person, keep=keep)
        return Response(status=204)


class LogoutAllView(PersonalView):
    """Sign out everywhere."""

    bodyless_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="auth_logout_all",
        summary="Sign out everywhere",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """End every session, this one included, and trust no device any more."""
        services.sessions.end_all(user=self.person, reason="ended_by_user")
        return Response(status=204)


class SessionView(PersonalView):
    """One session of the person who asks."""

    @extend_schema(
        operation_id="users_me_session_end", summary="End a session", responses={204: None}
    )
    def delete(self, request: Request, session_id: int) -> Response:
        """Sign one device out. Its tokens, or its cookie, stop at once."""
        if not services.sessions.end(user=self.person, session_id=session_id):
            raise NotFound
        return Response(status=204)
