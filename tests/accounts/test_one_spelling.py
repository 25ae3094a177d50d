"""An address in another spelling is the same person, wherever it comes in."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts import selectors
from accounts.models import EmailChange, EmailToken, User
from accounts.services import registration
from config.common.models import OutgoingMail
from organizations.models import OrganizationInvitation
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
DNS = "nora@xn--bcher-kva.example"
SHOWN = "Nora@BÜCHER.example"
REGISTER = "/api/v1/auth/register"


@pytest.fixture
def nora():
    return UserFactory.create(email=DNS)


def test_it_is_kept_as_the_dns_spells_it(api):
    body = {"email": SHOWN, "password": "four unrelated quiet words"}

    assert api.post(REGISTER, body).status_code == 201
    assert api.post(REGISTER, body | {"email": DNS}).status_code == 201

    assert list(User.objects.values_list("email", flat=True)) == [DNS]
    kinds = OutgoingMail.objects.order_by("pk").values_list("kind", "recipient")
    assert list(kinds) == [("accounts/verify_email", DNS), ("accounts/already_registered", DNS)]


@pytest.mark.parametrize("spelling", [SHOWN, DNS, "nora@bu\u0308cher.example"])
def test_it_signs_in(api, nora, spelling):
    answer = api.post("/api/v1/auth/login", {"email": spelling, "password": PASSWORD})

    assert (answer.status_code, answer.json()["user"]["id"]) == (200, nora.pk)


def test_failures_count_against_one_account(api, nora):
    for spelling in (SHOWN, DNS, "nora@bu\u0308cher.example", SHOWN, DNS):
        wrong = api.post("/api/v1/auth/login", {"email": spelling, "password": "wrong"})
        assert wrong.status_code == 401

    paused = api.post("/api/v1/auth/login", {"email": SHOWN, "password": PASSWORD})
    assert paused.status_code == 429


def test_a_reset_reaches_the_account(api, nora):
    asked = api.post("/api/v1/auth/password-reset/request", {"email": SHOWN})

    assert asked.status_code == 202
    assert OutgoingMail.objects.filter(recipient=DNS).count() == 1


def test_nobody_moves_to_their_own_address(api_as, nora):
    url = "/api/v1/users/me/email"
    same = api_as(nora).post(url, {"email": SHOWN, "password": PASSWORD})

    assert (same.status_code, same.json()["errors"][0]["code"]) == (400, "same_address")
    assert not EmailChange.objects.exists()


def test_an_invitation_is_for_whoever_has_it(api_as, nora, olivia, organization):
    url = f"/api/v1/organizations/{organization.pk}/invitations"
    client = api_as(olivia)
    made = client.post(url, {"email": SHOWN, "role": "VIEWER"})
    assert (made.status_code, made.json()["email"]) == (201, DNS)
    again = client.post(url, {"email": "nora@bu\u0308cher.example", "role": "VIEWER"})
    assert (again.status_code, again.json()["code"]) == (409, "already_invited")

    assert api_as(nora).post(f"/api/v1/invitations/{made.json()['id']}/accept").status_code == 200
    member = client.post(url, {"email": SHOWN, "role": "VIEWER"})
    assert (member.status_code, member.json()["code"]) == (409, "already_member")


def test_staff_and_operators_find_it(nora):
    assert selectors.user_by_email(SHOWN) == nora
    assert list(selectors.people(q=SHOWN)) == [nora]
    with pytest.raises(registration.AddressTaken):
        registration.open_account(email=SHOWN, password="four unrelated quiet words")


REFUSED = [
    "nora@xn--a.example",
    "nora@foo。.example",
    "nora@\u0430pple.example",
    f"n@{'ü.' * 60}example",
]


@pytest.mark.parametrize("email", REFUSED)
def test_hostile_ones_are_refused_by_name(api, api_as, olivia, organization, email):
    people = User.objects.count()
    client, inviting = api_as(olivia), f"/api/v1/organizations/{organization.pk}/invitations"
    own = f"/api/v1/organizations/{organization.pk}"

    answers = [
        api.post(REGISTER, {"email": email, "password": "four unrelated quiet words"}),
        client.post("/api/v1/users/me/email", {"email": email, "password": PASSWORD}),
        client.post(inviting, {"email": email, "role": "VIEWER"}),
        client.patch(own, {"billing": {"email": email}}),
    ]

    assert [one.status_code for one in answers] == [400] * 4
    pointers = [one.json()["errors"][0]["pointer"] for one in answers]
    assert pointers == ["#/email", "#/email", "#/email", "#/billing/email"]
    assert User.objects.count() == people
    assert not EmailChange.objects.exists()
    assert not OrganizationInvitation.objects.exists()
    with pytest.raises(CommandError):
        call_command("invite_member", str(organization.pk), email)


@pytest.mark.parametrize("email", REFUSED)
def test_doors_that_tell_nothing_take_them_for_unknown_ones(api, email):
    tried = api.post("/api/v1/auth/login", {"email": email, "password": PASSWORD})
    asked = api.post("/api/v1/auth/password-reset/request", {"email": email})

    assert (tried.status_code, tried.json()["code"]) == (401, "invalid_credentials")
    assert asked.status_code == 202
    assert not OutgoingMail.objects.exists()


def respelled(app, name):
    import_module(f"{app}.migrations.{name}").respell(apps, None)


def test_older_accounts_are_spelled_anew_with_their_links():
    old = UserFactory.create()
    User.objects.filter(pk=old.pk).update(email="nora@bücher.example")
    old.refresh_from_db()
    EmailToken.objects.create(
        user=old, purpose="VERIFY_EMAIL", digest=b"1", email=old.email, expires_at=old.created_at
    )

    respelled("accounts", "0010_one_spelling_of_domains")

    assert User.objects.get(pk=old.pk).email == DNS
    assert EmailToken.objects.get().email == DNS


def test_of_two_accounts_of_one_mailbox_the_one_in_the_spelling_of_the_dns_has_the_address(nora):
    twin = UserFactory.create()
    User.objects.filter(pk=twin.pk).update(email="nora@bücher.example")

    respelled("accounts", "0010_one_spelling_of_domains")

    assert User.objects.get(pk=nora.pk).email == DNS
    assert User.objects.get(pk=twin.pk).email == "nora@bücher.example"


@pytest.fixture
def twin(nora):
    """Return an older account of Nora's mailbox, which has lost its address to hers."""
    twin = UserFactory.create()
    User.objects.filter(pk=twin.pk).update(email="nora@bücher.example")
    twin.refresh_from_db()
    return twin


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("erase_user", []),
        ("suspend_user", ["--reason", "misuse"]),
        ("reinstate_user", []),
        ("reset_two_factor", ["--reason", "lost"]),
        ("export_user", ["--dry-run"]),
    ],
)
@pytest.mark.parametrize("spelling", ["nora@bücher.example", SHOWN])
def test_commands_take_neither_of_two_accounts_for_the_other(nora, twin, command, more, spelling):
    before = list(User.objects.order_by("pk").values())

    with pytest.raises(CommandError, match=f"{nora.pk} .*{twin.pk} .*Name one by its id"):
        call_command(command, spelling, *more)

    assert list(User.objects.order_by("pk").values()) == before


def test_an_id_says_which_of_two_accounts_is_meant(nora, twin):
    call_command("suspend_user", str(twin.pk), "--reason", "given up")
    call_command("erase_user", str(twin.pk))
    call_command("suspend_user", SHOWN, "--reason", "misuse")

    standing = User.objects.order_by("pk").values_list("pk", "status")
    assert list(standing) == [(nora.pk, "SUSPENDED"), (twin.pk, "DELETED")]


def test_accounts_that_share_a_mailbox_are_listed(nora, twin, portal_as, sam, capsys):
    UserFactory.create(email="anna@xn--kln-sna.example")
    page = portal_as(sam).get("/admin/accounts/user/?mailbox=shared")

    call_command("shared_mailboxes")

    assert list(page.context["cl"].result_list) == [twin]
    assert capsys.readouterr().out.splitlines() == [
        f"{twin.pk}  nora@bücher.example  ACTIVE: account {nora.pk} has the address {DNS}"
    ]


def test_no_account_is_listed_that_has_its_address(nora, capsys):
    call_command("shared_mailboxes")

    assert capsys.readouterr().out == "No mailbox has two accounts.\n"


def test_of_two_old_spellings_the_older_account_has_the_address():
    older, younger = UserFactory.create(), UserFactory.create()
    User.objects.filter(pk=older.pk).update(email="nora@bücher.example")
    User.objects.filter(pk=younger.pk).update(email="nora@bu\u0308cher.example")

    respelled("accounts", "0010_one_spelling_of_domains")

    assert User.objects.get(pk=older.pk).email == DNS
    assert User.objects.get(pk=younger.pk).email == "nora@bu\u0308cher.example"


def test_older_invitations_are_spelled_anew_but_for_second_ones(api_as, olivia, organization):
    url = f"/api/v1/organizations/{organization.pk}/invitations"
    ids = [
        api_as(olivia).post(url, {"email": f"{name}@example.com", "role": "VIEWER"}).json()["id"]
        for name in ("one", "two")
    ]
    offered = OrganizationInvitation.objects
    offered.filter(pk=ids[0]).update(email="nora@bücher.example")
    offered.filter(pk=ids[1]).update(email="nora@bu\u0308cher.example")

    respelled("organizations", "0009_one_spelling_of_domains")

    assert offered.get(pk=ids[0]).email == DNS
    assert offered.get(pk=ids[1]).email == "nora@bu\u0308cher.example"
