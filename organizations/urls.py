"""Page routes of organizations."""

from django.urls import path

from organizations.views import answers, members, organizations, rights

app_name = "organizations"

urlpatterns = [
    path("organization/", organizations.settings, name="settings"),
    path("organization/security/", rights.policy, name="policy"),
    path("organization/transfer/", organizations.transfer, name="transfer"),
    path("organization/close/", organizations.close, name="close"),
    path("organizations/switch/", organizations.switch, name="switch"),
    path("organizations/<int:organization_id>/leave/", members.leave, name="leave"),
    path("organizations/create/", organizations.create, name="create"),
    path("team/", members.member_list, name="member-list"),
    path("team/<int:user_id>/role/", members.member_role, name="member-role"),
    path("team/<int:user_id>/remove/", members.member_remove, name="member-remove"),
    path("team/invite/", members.invite, name="invite"),
    path(
        "team/invitations/<int:invitation_id>/resend/",
        members.invitation_resend,
        name="invitation-resend",
    ),
    path(
        "team/invitations/<int:invitation_id>/revoke/",
        members.invitation_revoke,
        name="invitation-revoke",
    ),
    path("team/roles/", rights.role_list, name="role-list"),
    path("team/roles/create/", rights.role_create, name="role-create"),
    path("team/roles/<int:role_id>/", rights.role_edit, name="role-edit"),
    path("team/roles/<int:role_id>/delete/", rights.role_delete, name="role-delete"),
    path("team/grants/", rights.grant_list, name="grant-list"),
    path("team/grants/<int:grant_id>/take/", rights.grant_take, name="grant-take"),
    path("invitations/<str:token>/", answers.invitation, name="invitation"),
    path("invitations/answer/<int:invitation_id>/", answers.answer, name="invitation-answer"),
]
