"""What was asked for in a session that is being ended is not done: whoever ended it meant to keep that out."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import EmailChange, User
from accounts.selectors import live_session
from accounts.services import deletions, email_changes, factors, passkeys, sessions, two_factor
from audit.models import AuditLog
from config.common.errors import Unauthenticated
from config.common.models import OutgoingMail
from tests import race
from tests.factories.accounts import PASSWORD, PasskeyFactory, UserFactory
from tests.factors import App, enroll

Act = Callable[[User, App], Any]


def _asks_for_another_address(person: User, _app: App) -> Any:
    return email_changes.request(
        user=person, email="thief@example.com", password=PASSWORD, at=timezone.now()
    )


def _asks_to_be_deleted(person: User, _app: App) -> Any:
    return deletions.request(user=person, password=PASSWORD, at=timezone.now())


def _turns_the_app_off(person: User, app: App) -> Any:
    return two_factor.disable(
        user=person,
        session_id=person.session_id,
        password=PASSWORD,
        code=app.code(),
        at=timezone.now(),
    )


def _replaces_the_recovery_codes(person: User, app: App) -> Any:
    return two_factor.replace_recovery_codes(
        user=person, password=PASSWORD, code=app.code(), at=timezone.now()
    )


def _removes_a_passkey(person: User, _app: App) -> Any:
    return passkeys.remove(
        user=person, passkey_id=person.passkeys.get().pk, session_id=person.session_id
    )


ACTS = [
    _asks_for_another_address,
    _asks_to_be_deleted,
    _turns_the_app_off,
    _replaces_the_recovery_codes,
    _removes_a_passkey,
]


@pytest.fixture
def of_a_thief(transactional_db: None) -> tuple[User, App]:
    """A person with an app and a passkey, as a request finds them that a thief sends in a session of theirs."""
    owner = UserFactory.create()
    app = enroll(owner)
    PasskeyFactory.create(user=owner)
    session = sessions.start(user=owner, at=timezone.now()).session
    found = live_session(sessions.claims_of(session), at=timezone.now())
    assert found is not None
    return found.user, app


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__.strip("_"))
@pytest.mark.parametrize("is_all", [True, False], ids=["everywhere", "that one"])
def test_it_is_not_done(of_a_thief: tuple[User, App], act: Act, is_all: bool) -> None:
    person, app = of_a_thief
    before = _state(person)

    def end() -> None:
        if is_all:
            sessions.end_all(user=person, reason="password_changed")
        else:
            User.objects.select_for_update(no_key=True).get(pk=person.pk)
            sessions.end(user=person, session_id=person.session_id or 0)

    outcome = race.behind(end, lambda: act(person, app))

    assert isinstance(outcome, Unauthenticated)
    assert _state(person) == before
    assert not AuditLog.objects.exclude(event__startswith="session.").exists()


def _state(person: User) -> Any:
    owner = User.objects.get(pk=person.pk)
    return (
        owner.deletion_due_at,
        factors.second_factors(owner),
        list(owner.recovery_codes.order_by("pk").values()),
        EmailChange.objects.count(),
        OutgoingMail.objects.count(),
    )
