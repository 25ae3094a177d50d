"""Portal pages of the team: inviting, answering, roles, grants, policy, handing over, closing."""

import re

import orjson
import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import registration
from apikeys.models import ApiKey
from config.common import crypto
from config.common.models import MAIL_BODY, OutgoingMail
from organizations import access
from organizations.models import (
    CustomRole,
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
    Role,
)
from organizations.services import custom_roles, grants
from tests.clients import grow_old
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory

pytestmark = pytest.mark.django_db
NORA = "nora@example.com"
NEW_PASSWORD = "four unrelated quiet words"
READ_ONLY = ["/team/roles/", "/team/grants/", "/organization/security/"]
OF_ADMINS = ["/team/invite/", "/team/roles/create/"]
OF_OWNERS = ["/organization/transfer/", "/organization/close/"]


def text_of(response):
    return response.content.decode()


def link():
    mail = OutgoingMail.objects.filter(kind="organizations/invitation").latest("pk")
    body = orjson.loads(crypto.decrypt(mail.body_encrypted, purpose=MAIL_BODY))["text"]
    return re.search(r"/invitations/[\w-]{43}/", body)[0]


def invite(client, email=NORA, role="MEMBER"):
    return client.post("/team/invite/", {"email": email, "role": role})


@pytest.fixture
def nora(db):
    """Return somebody with an account of their own."""
    return UserFactory.create(email=NORA, full_name="Nora Newcomer")


@pytest.mark.parametrize("person", ["olivia", "adam", "mia", "vera"])
def test_who_sees_which_page(request, portal_as, organization, person):
    client = portal_as(request.getfixturevalue(person))
    allowed = {"olivia": OF_ADMINS + OF_OWNERS, "adam": OF_ADMINS}.get(person, [])

    got = {path: client.get(path).status_code for path in READ_ONLY + OF_ADMINS + OF_OWNERS}

    assert got == {path: 200 if path in READ_ONLY + allowed else 403 for path in got}


@pytest.mark.parametrize("person", ["mia", "vera"])
def test_who_may_not_change_is_offered_nothing_and_refused(
    request, portal_as, organization, person
):
    client = portal_as(request.getfixturevalue(person))
    shown = [text_of(client.get(path)) for path in ["/team/", *READ_ONLY]]

    got = [
        client.post("/organization/security/", {"max_key_age_days": "1"}).status_code,
        client.post("/team/grants/", {}).status_code,
        client.post("/team/roles/create/", {"name": "Mine"}).status_code,
        invite(client).status_code,
    ]

    assert got == [403] * 4
    for offer in ("Invite</a>", "Create role", "Grant a permission", "Save policy"):
        assert all(offer not in page for page in shown)
    assert not OrganizationInvitation.objects.exists()


def test_an_invitation_is_made_shown_sent_again_and_taken_back(portal_as, organization, adam):
    client = portal_as(adam)

    made = invite(client, role="VIEWER")
    page = text_of(client.get("/team/"))
    pk = OrganizationInvitation.objects.get().pk
    again = client.post(f"/team/invitations/{pk}/resend/")
    gone = client.post(f"/team/invitations/{pk}/revoke/", follow=True)

    assert (made.status_code, again.status_code) == (302, 302)
    assert NORA in page
    assert "Invited by adam@example.com" in page
    assert OutgoingMail.objects.filter(kind="organizations/invitation").count() == 2
    assert "The invitation is taken back." in text_of(gone)
    assert OrganizationInvitation.objects.get().status == "REVOKED"


def test_a_refusal_is_shown_in_the_form(portal_as, organization, adam, mia):
    client = portal_as(adam)

    assert "belongs to the organization already" in text_of(invite(client, "mia@example.com"))
    assert "Select a valid choice" in text_of(invite(client, role="OWNER"))
    assert not OrganizationInvitation.objects.exists()


@pytest.mark.parametrize(
    ("model", "change", "advice"),
    [
        (Organization, {"status": "SUSPENDED"}, "Ask whoever runs this service to reinstate"),
        (User, {"email_verified_at": None}, "Open the link in the mail you received"),
    ],
)
def test_who_may_not_invite_now_is_told_what_helps(
    portal_as, organization, olivia, model, change, advice
):
    model.objects.update(**change)

    page = text_of(portal_as(olivia).post("/team/invite/", {"email": NORA, "role": "MEMBER"}))

    assert advice in page
    assert "role that permits" not in page
    assert f'value="{NORA}"' in page
    assert not OrganizationInvitation.objects.exists()


def test_more_than_three_mails_a_day_are_refused_on_the_page(portal_as, organization, adam):
    client = portal_as(adam)
    invite(client)
    pk = OrganizationInvitation.objects.get().pk

    for _ in range(3):
        client.post(f"/team/invitations/{pk}/resend/")
    refused = client.post(f"/team/invitations/{pk}/resend/", follow=True)

    assert "At most 4 mails a day" in text_of(refused)
    assert OutgoingMail.objects.filter(kind="organizations/invitation").count() == 4


def test_the_link_leads_a_stranger_to_sign_in_or_register(portal, portal_as, organization, adam):
    invite(portal_as(adam))

    page = portal.get(link())

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert f"The invitation is for <b>{NORA}</b>" in text_of(page)
    assert f"/login/?next={link().replace('/', '%2F')}" in text_of(page)
    assert portal.post(link(), {"answer": "accept"}).status_code == 200
    assert OrganizationInvitation.objects.get().status == "PENDING"


@pytest.mark.parametrize(
    ("answer", "status", "joined"), [("accept", "ACCEPTED", True), ("decline", "DECLINED", False)]
)
def test_who_is_invited_answers_with_one_click(
    portal_as, organization, adam, nora, answer, status, joined
):
    invite(portal_as(adam))
    client = portal_as(nora)
    shown = text_of(client.get(link()))

    response = client.post(link(), {"answer": answer})

    assert "Join Olivia&#x27;s organization" in shown
    assert response.status_code == 302
    assert OrganizationInvitation.objects.get().status == status
    assert OrganizationMember.objects.filter(user=nora).exists() is joined
    if joined:
        assert "Olivia&#x27;s organization" in text_of(client.get("/team/"))
    late = client.get(link())
    assert late.status_code == 409
    assert "not open any more" in text_of(late)


def test_somebody_else_is_told_so(portal_as, organization, adam, stan):
    invite(portal_as(adam))

    browser = portal_as(stan)

    page = browser.get(link())

    assert page.status_code == 403
    assert "The invitation is for somebody else" in text_of(page)
    assert NORA not in text_of(page)
    assert f'name="next" value="{link()}"' in text_of(page)
    assert browser.post("/logout/", {"next": link()})["Location"] == link()
    assert "Sign in with that address" in text_of(browser.get(link()))


def register(browser, path="/register/"):
    """Open an account for the address that the page begins with, in the form that the page shows."""
    page = text_of(browser.get(path))
    email = re.search(r'name="email" value="([^"]*)"', page)[1]
    wanted = re.search(r'name="next" value="([^"]*)"', page)
    form = {"email": email, "password": NEW_PASSWORD, "next": wanted[1] if wanted else ""}
    done = browser.post(path, form)
    assert "Check your mail" in text_of(done)
    return done


def test_a_newcomer_writes_no_address_and_comes_back_to_the_invitation(
    portal, portal_as, organization, adam
):
    invite(portal_as(adam))
    path = link()
    there = path.replace("/", "%2F")

    offered = text_of(portal.get(path))
    done = text_of(register(portal, f"/register/?next={there}"))
    sign_in = text_of(portal.get(f"/login/?next={there}"))
    form = {"email": NORA, "password": NEW_PASSWORD, "next": path}
    entered = portal.post("/login/", form)
    joined = portal.post(path, {"answer": "accept"}, follow=True)

    assert f'href="/register/?next={there}"' in offered
    assert f'href="/login/?next={there}"' in done
    assert f'name="email" value="{NORA}"' in sign_in
    assert re.findall(r'name="(\w+)"[^>]* autofocus', sign_in) == ["password"]
    assert f'href="/register/?next={there}"' in sign_in
    assert entered["Location"] == path
    assert "You belong to Olivia&#x27;s organization now." in text_of(joined)
    nora = User.objects.get(email=NORA)
    assert nora.is_verified_email
    assert nora.memberships.get(organization=organization).role == "MEMBER"


def test_who_verifies_the_address_elsewhere_is_told_what_waits(
    portal, portal_as, organization, adam
):
    invite(portal_as(adam))
    portal.get(link())
    register(portal)
    nora = User.objects.get(email=NORA)
    assert not nora.notices.exists()

    portal_as(stranger := UserFactory.create()).post(link(), {"answer": "accept"})
    registration.confirm_email(user=nora, at=timezone.now())

    notice = nora.notices.get()
    assert (notice.kind, notice.link) == ("invitation.created", "/organizations/switch/")
    assert notice.title == "You are invited to Olivia's organization"
    assert "You are invited" in text_of(portal_as(nora).get(notice.link))
    assert not stranger.notices.exists()
    assert not stranger.memberships.filter(organization=organization).exists()


def test_the_address_is_filled_in_for_who_opened_the_link_only(
    portal, portal_as, organization, adam, stan
):
    invite(portal_as(adam))

    portal.get(f"/invitations/{'x' * 43}/")
    unknown = text_of(portal.get("/register/"))
    signed_in = portal_as(stan)
    signed_in.get(link())
    signed_in.post("/logout/")
    another = text_of(signed_in.get("/login/"))
    portal.get(link())
    portal.post("/login/", {"email": stan.email, "password": PASSWORD})
    portal.post("/logout/")
    afterwards = text_of(portal.get("/login/"))

    assert not [page for page in (unknown, another, afterwards) if NORA in page]


def test_a_link_of_nobody_is_missing(portal):
    missing = portal.get(f"/invitations/{'x' * 43}/")

    assert missing.status_code == 404
    assert "a newer mail may hold another link." in missing.content.decode()
    assert "the id" not in missing.content.decode()


def test_the_switcher_shows_what_waits_for_an_answer(portal_as, organization, adam, nora):
    invite(portal_as(adam))
    client = portal_as(nora)
    pk = OrganizationInvitation.objects.get().pk

    page = text_of(client.get("/organizations/switch/"))
    joined = client.post("/organizations/switch/", {"organization": organization.pk})
    accepted = client.post(f"/invitations/answer/{pk}/", {"answer": "accept"})
    again = client.post(f"/invitations/answer/{pk}/", {"answer": "accept"}, follow=True)

    assert "You are invited" in page
    assert (joined.status_code, accepted.status_code) == (404, 302)
    assert "accepted already" in text_of(again)
    assert OrganizationMember.objects.filter(user=nora).count() == 1


def test_a_role_is_made_given_changed_and_deleted(portal_as, organization, olivia, vera):
    client = portal_as(olivia)
    client.post("/team/roles/create/", {"name": "Accountant", "permissions": ["billing:read"]})
    role = CustomRole.objects.get()

    client.post(f"/team/{vera.pk}/role/", {"role": f"custom:{role.pk}"})
    listed = text_of(client.get("/team/"))
    client.post(f"/team/roles/{role.pk}/", {"name": "Payer", "permissions": ["billing:write"]})
    held = access.tenant_of(vera).held
    client.post(f"/team/roles/{role.pk}/delete/", {"role": "MEMBER"})

    assert f'<option value="custom:{role.pk}" selected>Accountant</option>' in listed
    assert held == {"billing:write", "organization:read"}
    assert OrganizationMember.objects.get(user=vera).role == "MEMBER"
    assert not CustomRole.objects.exists()


def test_a_role_offers_no_more_than_one_has(portal_as, organization, adam):
    client = portal_as(adam)

    page = text_of(client.get("/team/roles/create/"))
    refused = client.post(
        "/team/roles/create/", {"name": "Boss", "permissions": ["organization:close"]}
    )

    assert 'value="members:write"' in page
    assert 'value="organization:close"' not in page
    assert refused.status_code == 200
    assert not CustomRole.objects.exists()


def test_a_foreign_role_is_missing(portal_as, organization, olivia, stan):
    theirs = custom_roles.create_role(
        tenant=access.tenant_of(stan), name="Theirs", permissions=["keys:read"]
    )
    client = portal_as(olivia)

    got = [
        client.get(f"/team/roles/{pk}/{page}").status_code
        for pk in (theirs.pk, 8_000_000_000)
        for page in ("", "delete/")
    ]

    assert got == [404] * 4


def test_a_permission_on_one_key_is_given_and_taken(portal_as, organization, adam, vera):
    key = ApiKeyFactory.create(organization=organization, name="Checkout")
    client = portal_as(adam)
    client.post(
        "/team/grants/",
        {"email": "vera@example.com", "permission": "keys:write", "on": f"api_key:{key.pk}"},
    )
    grant = ObjectGrant.objects.get()

    page = text_of(client.get("/team/grants/"))
    client.post(f"/team/grants/{grant.pk}/take/")

    assert "vera@example.com" in page
    assert "Checkout" in page
    assert not ObjectGrant.objects.exists()


def test_what_does_not_fit_together_is_refused_in_the_form(portal_as, organization, adam, vera):
    key = ApiKeyFactory.create(organization=organization)

    page = portal_as(adam).post(
        "/team/grants/",
        {"email": "vera@example.com", "permission": "billing:read", "on": f"api_key:{key.pk}"},
    )

    assert "On this kind of object can be given: keys:read, keys:write." in text_of(page)
    assert not ObjectGrant.objects.exists()


def test_anybody_of_many_members_can_be_given_a_permission_and_nobody_else(
    portal_as, organization, olivia, stan, monkeypatch
):
    monkeypatch.setattr("organizations.forms.rights.MAX_OFFERED", 2)
    last = MemberFactory.create(organization=organization, user__email="zoe@example.com").user
    MemberFactory.create_batch(3, organization=organization)
    key = ApiKeyFactory.create(organization=organization)
    client = portal_as(olivia)

    def give(email):
        asked = {"email": email, "permission": "keys:write", "on": f"api_key:{key.pk}"}
        return client.post("/team/grants/", asked)

    refused = [text_of(give(email)) for email in (stan.email, "nobody@example.com")]
    given = give(" Zoe@EXAMPLE.com ")

    assert ["No member has this address." in page for page in refused] == [True, True]
    assert given.status_code == 302
    assert [grant.user_id for grant in ObjectGrant.objects.all()] == [last.pk]
    suggested = re.search(
        r'<datalist id="members">(.*?)</datalist>', text_of(client.get("/team/grants/"))
    )
    assert suggested[1].count("<option ") == 2


def test_grants_are_paged(portal_as, organization, olivia, vera, monkeypatch):
    monkeypatch.setattr("organizations.views.rights._PAGE_SIZE", 2)
    tenant = access.tenant_of(olivia)
    for number in range(3):
        key = ApiKeyFactory.create(organization=organization, name=f"Key {number}")
        grants.give(
            tenant=tenant,
            user_id=vera.pk,
            permission="keys:write",
            kind="api_key",
            object_id=key.pk,
        )
    client = portal_as(olivia)

    first = client.get("/team/grants/")
    second = client.get(f"/team/grants/{first.context['page']['next_url']}")

    assert [[one.name for one in page.context["grants"]] for page in (first, second)] == [
        [str(ApiKey.objects.get(name=name)) for name in names]
        for names in (("Key 2", "Key 1"), ("Key 0",))
    ]
    assert second.context["page"]["next_url"] is None


def test_the_policy_is_saved(portal_as, organization, adam):
    response = portal_as(adam).post(
        "/organization/security/",
        {
            "console_networks": "127.0.0.1\n10.0.0.0/8",
            "max_key_age_days": "90",
            "allowed_scopes": "orders:*, users:read",
        },
    )

    assert response.status_code == 302
    organization.refresh_from_db()
    assert organization.console_networks == ["127.0.0.1/32", "10.0.0.0/8"]
    assert organization.allowed_scopes == ["orders:*", "users:read"]
    assert (organization.max_key_age_days, organization.requires_two_factor) == (90, False)


def test_a_policy_that_locks_out_is_refused_in_the_form(portal_as, organization, adam):
    page = portal_as(adam).post("/organization/security/", {"console_networks": "203.0.113.0/24"})

    assert "not in the list" in text_of(page)
    assert Organization.objects.get(pk=organization.pk).console_networks == []


def test_an_owner_hands_over(portal_as, organization, olivia, adam):
    response = portal_as(olivia).post("/organization/transfer/", {"user_id": adam.pk})

    assert response.status_code == 302
    roles = dict(organization.members.values_list("user_id", "role"))
    assert roles == {olivia.pk: Role.ADMIN, adam.pk: Role.OWNER}


def test_an_owner_closes_by_writing_the_name(portal_as, organization, olivia):
    client = portal_as(olivia)

    refused = client.post("/organization/close/", {"name": "Acme"})
    assert "exactly like this" in text_of(refused)
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"
    closed = client.post("/organization/close/", {"name": organization.name}, follow=True)

    assert closed.status_code == 200
    assert Organization.objects.get(pk=organization.pk).status == "CLOSED"
    assert client.get("/team/").headers["Location"] == "/organizations/switch/"


@pytest.mark.parametrize("path", OF_OWNERS)
def test_handing_over_and_closing_take_a_fresh_proof(portal_as, organization, olivia, adam, path):
    client = portal_as(olivia)
    grow_old(olivia)

    response = client.post(path, {"user_id": adam.pk, "name": organization.name})

    assert response.headers["Location"].startswith("/confirm/")
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"
    assert OrganizationMember.objects.get(user=olivia).role == "OWNER"


def test_pages_ask_who_makes_an_owner_for_a_proof_and_come_back(
    portal_as, organization, olivia, mia
):
    client = portal_as(olivia)
    grow_old(olivia)

    made = client.post(f"/team/{mia.pk}/role/", {"role": "OWNER"})
    invited = invite(client, role="OWNER")
    other = client.post(f"/team/{mia.pk}/role/", {"role": "ADMIN"})

    assert (made.status_code, made["Location"]) == (302, "/confirm/?next=%2Fteam%2F")
    assert (invited.status_code, invited["Location"]) == (
        302,
        "/confirm/?next=%2Fteam%2Finvite%2F",
    )
    assert other["Location"] == "/team/"
    assert OrganizationMember.objects.get(user=mia).role == "ADMIN"
    assert not OrganizationInvitation.objects.exists()
