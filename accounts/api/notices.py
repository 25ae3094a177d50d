"""What a person is told in the portal, over REST."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts.api.examples import notices as examples
from accounts.api.serializers.notices import (
    ListNoticesSerializer,
    NoticeSerializer,
    ReadNoticesSerializer,
    ReadSerializer,
    UnreadSerializer,
)
from accounts.api.users import PersonalView
from config.common.errors import NotFound
from config.common.listing import Listing


class NoticeListView(Listing, PersonalView):
    """What the person was told."""

    shape = NoticeSerializer
    filters = ListNoticesSerializer

    @extend_schema(
        operation_id="users_me_notices_list",
        summary="List my notices",
        parameters=[ListNoticesSerializer],
        responses=NoticeSerializer(many=True),
        examples=examples.NOTICES,
    )
    def get(self, request: Request) -> Response:
        """List what you were told, newest first: broadcasts, and what became of things that concern you."""
        return self.listed(selectors.notices_of(self.person, **self.asked()))


class UnreadView(PersonalView):
    """How much of it is new."""

    @extend_schema(
        operation_id="users_me_notices_unread",
        summary="Count my unread notices",
        responses=UnreadSerializer,
        examples=examples.UNREAD,
    )
    def get(self, request: Request) -> Response:
        """Return how many notices you have not read; 100 means a hundred or more."""
        return Response({"unread": selectors.unread_notices(self.person)})


class ReadNoticesView(PersonalView):
    """Having read all of them."""

    @extend_schema(
        operation_id="users_me_notices_read_all",
        summary="Mark all my notices read",
        request=ReadNoticesSerializer,
        responses=ReadSerializer,
        examples=examples.READ_ALL,
    )
    def post(self, request: Request) -> Response:
        """Mark your notices read. Give `up_to`, the newest id that you have shown, and what came later stays unread."""
        body = self.body(ReadNoticesSerializer)
        read = services.notices.mark_all_read(user=self.person, at=timezone.now(), **body)
        return Response({"read": read})


class ReadNoticeView(PersonalView):
    """Having read one of them."""

    bodyless_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="users_me_notices_read",
        summary="Mark a notice read",
        request=None,
        responses=NoticeSerializer,
        examples=examples.READ,
    )
    def post(self, request: Request, notice_id: int) -> Response:
        """Mark one of your notices read; when that was first done stays on record."""
        now = timezone.now()
        notice = services.notices.mark_read(user=self.person, notice_id=notice_id, at=now)
        if notice is None:
            raise NotFound
        return Response(NoticeSerializer(notice).data)
