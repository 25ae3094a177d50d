"""API paths of organizations, relative to the version."""

from django.urls import path

from organizations.api import invitations, policies, views

_ONE = "organizations/<int:organization_id>"
_MINE = "invitations/<int:invitation_id>"

urlpatterns = [
    path("organizations", views.OrganizationListView.as_view(), name="organizations"),
    path(_ONE, views.OrganizationView.as_view(), name="organization"),
    path(f"{_ONE}/members", views.MemberListView.as_view(), name="organization-members"),
    path(f"{_ONE}/members/<int:user_id>", views.MemberView.as_view(), name="organization-member"),
    path(f"{_ONE}/select", views.SelectOrganizationView.as_view(), name="organization-select"),
    path(
        f"{_ONE}/transfer-ownership",
        views.TransferOwnershipView.as_view(),
        name="organization-transfer-ownership",
    ),
    path(f"{_ONE}/close", views.CloseOrganizationView.as_view(), name="organization-close"),
    path(
        f"{_ONE}/invitations",
        invitations.InvitationListView.as_view(),
        name="organization-invitations",
    ),
    path(
        f"{_ONE}/invitations/<int:invitation_id>",
        invitations.InvitationView.as_view(),
        name="organization-invitation",
    ),
    path(
        f"{_ONE}/invitations/<int:invitation_id>/resend",
        invitations.ResendInvitationView.as_view(),
        name="organization-invitation-resend",
    ),
    path(f"{_ONE}/roles", policies.RoleListView.as_view(), name="organization-roles"),
    path(f"{_ONE}/roles/<int:role_id>", policies.RoleView.as_view(), name="organization-role"),
    path(f"{_ONE}/grants", policies.GrantListView.as_view(), name="organization-grants"),
    path(f"{_ONE}/grants/<int:grant_id>", policies.GrantView.as_view(), name="organization-grant"),
    path(
        f"{_ONE}/security-policy",
        policies.SecurityPolicyView.as_view(),
        name="organization-security-policy",
    ),
    path("invitations", invitations.MyInvitationListView.as_view(), name="invitations"),
    path("invitations/accept", invitations.AcceptLinkView.as_view(), name="accept-link"),
    path("invitations/decline", invitations.DeclineLinkView.as_view(), name="decline-link"),
    path(f"{_MINE}/accept", invitations.AcceptInvitationView.as_view(), name="invitation-accept"),
    path(
        f"{_MINE}/decline", invitations.DeclineInvitationView.as_view(), name="invitation-decline"
    ),
    path("permissions", policies.CatalogueView.as_view(), name="permissions"),
]
