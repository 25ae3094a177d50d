"""The ladder of roles: the documented table is what happens, both ways; who only looks changes nothing, anywhere."""

import re
from io import StringIO

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.template import Context, Template
from django.urls import get_resolver

from accounts import roles as platform
from accounts.models import PlatformRole
from accounts.roles import PlatformPermission
from accounts.services.staff import require_permission
from apikeys.models import ServiceKey
from config.common.errors import Forbidden
from organizations import roles
from organizations.access import Tenant
from organizations.models import Organization, OrganizationMember, Role
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped
from tests.factories.accounts import UserFactory

PAGE = settings.BASE_DIR / "docs" / "permissions.md"
SAFE = {"GET"}
# Anybody may leave, and choose where to work.
OF_EVERYBODY = {("MemberView", "DELETE"), ("SelectOrganizationView", "POST")}


def printed(**options):
    out = StringIO()
    call_command("permissions", stdout=out, **options)
    return out.getvalue()


def test_the_page_is_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == printed(markdown=True)


def tables():
    """Read the page back: for every permission, which roles it documents."""
    found: list[dict[str, dict[str, str]]] = []
    heads: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| permission |"):
            heads = cells[1:-1]
            found.append({})
        elif heads and line.startswith("| `") and len(cells) == len(heads) + 2:
            found[-1][cells[0].strip("`")] = dict(zip(heads, cells[1:-1], strict=True))
    return found


def test_the_documented_tables_are_how_the_guards_decide():
    of_organizations, of_platform = tables()

    told = {
        (role, permission): mark == "✓"
        for permission, row in of_organizations.items()
        for role, mark in row.items()
    }
    assert told == {
        (role, permission.value): Tenant(Organization(), None, role).may(permission)
        for role in Role.values
        for permission in Permission
    }
    told = {
        (role, permission): mark == "✓"
        for permission, row in of_platform.items()
        for role, mark in row.items()
    }
    assert told == {
        (role, permission.value): platform.may(role, permission)
        for role in PlatformRole.values
        for permission in PlatformPermission
    }


def test_every_permission_has_a_meaning():
    assert set(roles.MEANINGS) == set(Permission)
    assert set(platform.MEANINGS) == set(PlatformPermission)


def test_the_command_names_every_role():
    text = printed()

    for role in [*Role.values, *PlatformRole.values]:
        assert re.search(rf"^  {role} ", text, re.MULTILINE)
    assert "USER         nothing" in text


def views(resolver):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from views(pattern)
        else:
            view = getattr(pattern.callback, "cls", None) or getattr(
                pattern.callback, "view_class", None
            )
            if isinstance(view, type) and issubclass(view, OrganizationScoped):
                yield view


def test_a_viewer_changes_nothing_over_the_api():
    viewer = roles.GRANTS[roles.RoleName.VIEWER]

    open_doors = {
        (view.__name__, method)
        for view in views(get_resolver())
        for method, needed in view.permissions_by_method.items()
        if method not in SAFE and needed in viewer
    }

    assert open_doors == OF_EVERYBODY


@pytest.mark.django_db
@pytest.mark.parametrize("held", Role.values)
@pytest.mark.parametrize("needed", Role.values)
def test_the_template_tag_asks_for_a_role_or_a_higher_one(rf, organization, olivia, held, needed):
    request = rf.get("/")
    request.user = olivia
    request.tenant = Tenant(organization, olivia, held)
    ranks = ["VIEWER", "MEMBER", "ADMIN", "OWNER"]
    tag = Template("{% load grants %}{% has_role '" + needed + "' as yes %}{{ yes }}")

    shown = tag.render(Context({"request": request}))

    assert shown == str(ranks.index(held) >= ranks.index(needed))


@pytest.mark.django_db
@pytest.mark.parametrize("role", PlatformRole.values)
@pytest.mark.parametrize("permission", list(PlatformPermission))
def test_the_guard_of_staff_reads_the_matrix(role, permission):
    person = UserFactory.create(role=role)
    person.second_factor_at = person.created_at

    # VIEWER of the platform is no staff: nothing of the back office opens to it.
    if role in platform.STAFF_ROLES and platform.may(role, permission):
        require_permission(person, permission)
    else:
        with pytest.raises(Forbidden, match=permission):
            require_permission(person, permission)


def admin_urls():
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield from (
            base,
            f"{base}add/",
            f"{base}1/change/",
            f"{base}1/delete/",
            f"{base}1/history/",
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "role", [PlatformRole.VIEWER, pytest.param(PlatformRole.USER, marks=pytest.mark.trial)]
)
def test_who_is_no_staff_opens_nothing_of_the_back_office(portal_as, organization, role):
    person = UserFactory.create(role=role)
    client = portal_as(person)
    before = list(OrganizationMember.objects.values_list())

    got = {
        (method, url): getattr(client, method)(url).status_code
        for url in admin_urls()
        for method in ("get", "post")
    }

    assert len(got) > 100
    assert {url: status for url, status in got.items() if status not in {302, 403}} == {}
    assert list(OrganizationMember.objects.values_list()) == before


@pytest.mark.django_db
def test_staff_without_the_permission_is_refused_every_page_and_action(portal_as, sam):
    """An ADMIN of the platform may do all but what makes platform credentials."""
    ada = UserFactory.create(role=PlatformRole.ADMIN)
    client = portal_as(ada)
    base = "/admin/apikeys/servicekey/"
    seen = client.get(base).status_code

    got = [
        client.get(f"{base}add/").status_code,
        client.post(f"{base}add/", {"name": "Backdoor"}).status_code,
    ]

    assert seen == 200
    assert got == [403, 403]
    assert not ServiceKey.objects.exists()
