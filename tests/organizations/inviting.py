"""Inviting over the API, and what became of it."""

import re

import orjson

from config.common import crypto
from config.common.models import MAIL_BODY, OutgoingMail
from organizations.models import OrganizationInvitation, OrganizationMember

NORA = "nora@example.com"


def url(organization, *rest):
    """Return the path of an organization's invitations, or of one of them."""
    return "/".join((f"/api/v1/organizations/{organization.pk}/invitations", *map(str, rest)))


def invite(client, organization, email=NORA, **role):
    """Invite somebody, as a member unless another role is said."""
    return client.post(url(organization), {"email": email, **(role or {"role": "MEMBER"})})


def tokens(to=NORA):
    """Return the tokens of the links that were mailed, the oldest first."""
    mails = OutgoingMail.objects.filter(recipient=to, kind="organizations/invitation")
    bodies = [
        orjson.loads(crypto.decrypt(mail.body_encrypted, purpose=MAIL_BODY))["text"]
        for mail in mails.order_by("pk")
    ]
    return [re.search(r"/invitations/([\w-]{43})/", body)[1] for body in bodies]


def accept(client, token):
    """Accept the invitation that a link leads to."""
    return client.post("/api/v1/invitations/accept", {"token": token})


def roles_of(user):
    """Return what somebody is, in whatever organization."""
    return list(OrganizationMember.objects.filter(user=user).values_list("role", flat=True))


def states():
    """Return what became of every invitation, the oldest first."""
    return list(OrganizationInvitation.objects.order_by("pk").values_list("status", flat=True))
