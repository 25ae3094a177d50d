"""What the tests of accounts share: the token in a mail that is owed, ways to sign in over HTTP, and staff."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.db import connection
from psycopg import sql
from rest_framework.test import APIClient

from accounts.models import PlatformRole, User
from config.common import crypto
from config.common.models import OutgoingMail
from tests.accounts.staffing import staff_client
from tests.factories.accounts import PASSWORD, UserFactory

# Where the link of a mail leads.
LINKS = {
    "verify_email": "verify-email",
    "reset_password": "reset-password",
    "email_change_old": "email-change",
    "email_change_new": "email-change",
}


@pytest.fixture
def mailed_token(db: None) -> Callable[..., str]:
    """Return what reads the token of the newest mail to an address: to verify it, unless another kind is named."""

    def token(address: str, kind: str = "verify_email") -> str:
        mail = OutgoingMail.objects.filter(recipient=address, kind=f"accounts/{kind}").latest("id")
        text = orjson.loads(crypto.decrypt(mail.body_encrypted, purpose="mail.body"))["text"]
        found = re.search(
            rf"^http://testserver/{LINKS[kind]}/([0-9A-Za-z_-]{{43}})$", text, re.MULTILINE
        )
        assert found, text
        return found[1]

    return token


@pytest.fixture
def sign_in(api: APIClient) -> Callable[..., dict[str, str]]:
    """Return what signs a person in over HTTP and answers the tokens."""

    def post(person: User, **headers: Any) -> dict[str, str]:
        body = {"email": person.email, "password": PASSWORD}
        response = api.post("/api/v1/auth/login", body, **headers)
        assert response.status_code == 200
        answer: dict[str, str] = response.json()
        return answer

    return post


@pytest.fixture
def tables_holding(db: None) -> Callable[[str], list[str]]:
    """Return what names the tables that hold a text in any of their rows."""

    def search(text: str) -> list[str]:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS r WHERE position({} IN r::text) > 0)")
        found = []
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(query.format(sql.Identifier(table), sql.Literal(text)))
                if cursor.fetchone() == (True,):
                    found.append(table)
        return found

    return search


@pytest.fixture
def places(settings: Any, tmp_path: Path) -> Path:
    """Give pictures and exports directories of their own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.EXPORT_ROOT = tmp_path / "exports"
    return tmp_path


@pytest.fixture
def few_rounds():
    """Have bcrypt work less than in the product, since a test waits for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BCryptSHA256PasswordHasher, "rounds", 4)
        yield


@pytest.fixture
def ada(db):
    """Return staff that is no super admin."""
    return UserFactory.create(email="ada@example.com", role=PlatformRole.ADMIN)


@pytest.fixture
def as_sam(sam):
    """The API client of a super admin."""
    return staff_client(sam)


@pytest.fixture
def as_ada(ada):
    """The API client of staff that is no super admin."""
    return staff_client(ada)
