"""Portal pages of invitations: made, sent again, taken back, and answered by whoever was invited."""

import re

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import registration
from config.common.models import OutgoingMail
from organizations.models import Organization, OrganizationInvitation, OrganizationMember
from tests.factories.accounts import PASSWORD, UserFactory
from tests.organizations.inviting import NORA, tokens
from tests.organizations.team_pages import invite, text_of

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "four unrelated quiet words"


def link():
    """Return the address in the newest invitation that was mailed."""
    return f"/invitations/{tokens()[-1]}/"


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
