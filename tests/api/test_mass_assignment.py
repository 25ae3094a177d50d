"""Mass assignment: every writable operation is given every column there is, and takes none that is not its own."""

import orjson
import pytest
from django.apps import apps
from django.db import connection, transaction

from tests.api.matrix import BODIES
from tests.api.operations import document, operations
from tests.api.test_hostile_input import path_of, resolved
from tests.api.test_strict_input import WITH_BODY
from tests.api.world import World

pytestmark = pytest.mark.django_db
OURS = {
    "accounts",
    "organizations",
    "apikeys",
    "analytics",
    "webhooks",
    "billing",
    "audit",
    "common",
}
# Written by whoever asks for anything, not by what they ask for.
BY_ASKING = {"accounts_session"}
UPLOADS = {name: one for name, one in operations().items() if one.is_upload}


def columns():
    """Return the names of all columns of our models, and of every member that any answer shows."""
    names = {
        name
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }
    for schema in document()["components"]["schemas"].values():
        names |= set(schema.get("properties", ()))
    return names


def everything():
    """Return a checksum of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = sorted({name for (name,) in cursor} - BY_ASKING)
        sums = {}
        for table in tables:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t"  # noqa: S608  names from the catalogue
            )
            sums[table] = cursor.fetchone()[0]
    return sums


def own_members(operation):
    described = document()["paths"][operation.path][operation.method]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    return set(resolved(schema).get("properties", ()))


def send(world, operation, raw, kind="application/json"):
    with transaction.atomic():
        response = world.insider(operation).generic(
            operation.method.upper(), path_of(world, operation), raw, content_type=kind
        )
        if response.status_code < 300:
            transaction.set_rollback(True)
    return response


@pytest.mark.parametrize("value", [1, "SUPER_ADMIN"], ids=["number", "text"])
def test_columns_in_documents_are_refused_one_by_one(world: World, value):
    before, missed = everything(), {}

    for name, operation in WITH_BODY.items():
        foreign = sorted(columns() - own_members(operation))
        # In two halves: of more faults than MAX_FIELD_ERRORS not all are told.
        for half in (foreign[::2], foreign[1::2]):
            body = {**world.body(BODIES.get(name, {})), **dict.fromkeys(half, value)}
            response = send(world, operation, orjson.dumps(body))

            pointed_at = {fault["pointer"] for fault in response.json().get("errors", ())}
            missed[name, half[0]] = {f"#/{column}" for column in half} - pointed_at
            assert response.status_code == 400, name

    assert {name: told for name, told in missed.items() if told} == {}
    assert everything() == before


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_forms_are_not_read(world: World, kind):
    pairs = dict.fromkeys(columns(), "SUPER_ADMIN")
    raw = (
        "&".join(f"{name}={value}" for name, value in pairs.items())
        if kind.endswith("urlencoded")
        else "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in pairs.items()
        )
        + "--b--\r\n"
    ).encode()
    before = everything()

    got = {name: send(world, one, raw, kind).status_code for name, one in WITH_BODY.items()}

    assert got == dict.fromkeys(WITH_BODY, 415)
    assert everything() == before


def test_uploads_take_their_file_only(world: World):
    before = everything()

    for name, operation in UPLOADS.items():
        extra = dict.fromkeys(sorted(columns() - {"file"}), b"SUPER_ADMIN")
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{column}"\r\n\r\n1\r\n'
            for column in extra
        )
        kind = "multipart/form-data; boundary=b"
        response = send(world, operation, f"{parts}--b--\r\n".encode(), kind)

        assert response.status_code == 400, name
    assert everything() == before


def test_the_checksum_sees_a_change(world: World):
    before = everything()

    type(world.mine).objects.filter(pk=world.mine.pk).update(tax_id="X")

    assert {name for name, told in everything().items() if told != before[name]} == {
        "organizations_organization"
    }
