"""API paths of organizations, relative to the version."""

from django.urls import path

from organizations.api import views

_ONE = "organizations/<int:organization_id>"

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
]
