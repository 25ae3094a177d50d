"""The rows that are locked while somebody acts: a person's own, and that of the session they came by."""

from django.db.models import BigIntegerField, QuerySet

from accounts.models import Session, User
from config.common.prepared import Given, Prepared


def _open_sessions() -> QuerySet[Session]:
    rows = Session.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    return rows.filter(pk=Given("session_id", BigIntegerField()), ended_at=None).order_by("pk")


_session = Prepared(_open_sessions)
_session_of = Prepared(lambda: _open_sessions().filter(user_id=Given("user_id", BigIntegerField())))
_person = Prepared(
    lambda: (
        User.objects.select_for_update(no_key=True)
        .filter(pk=Given("user_id", BigIntegerField()))
        .order_by("pk")
    )
)


def person(user_id: int) -> User:
    """Lock a person's row for the rest of the transaction and return it as it is now. Raises User.DoesNotExist."""
    found = _person.first(user_id=user_id)
    if found is None:
        raise User.DoesNotExist
    return found


def session(session_id: int) -> Session | None:
    """Lock an open session, not its person, and return it with its person."""
    return _session.first(session_id=session_id)


def session_of(user: User, session_id: int) -> Session | None:
    """Do the same with a session that is a person's own."""
    return _session_of.first(session_id=session_id, user_id=user.pk)
