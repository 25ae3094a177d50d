"""Page routes of organizations."""

from django.urls import path

from organizations import views

app_name = "organizations"

urlpatterns = [
    path("organization/", views.settings, name="settings"),
    path("organizations/switch/", views.switch, name="switch"),
    path("organizations/create/", views.create, name="create"),
    path("team/", views.member_list, name="member-list"),
    path("team/<int:user_id>/role/", views.member_role, name="member-role"),
    path("team/<int:user_id>/remove/", views.member_remove, name="member-remove"),
]
