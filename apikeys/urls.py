"""Page paths of keys, relative to /keys/."""

from django.urls import path

from apikeys import views

app_name = "apikeys"

urlpatterns = [
    path("", views.key_list, name="key-list"),
    path("create/", views.key_create, name="key-create"),
    path("<int:pk>/", views.key_detail, name="key-detail"),
    path("<int:pk>/edit/", views.key_edit, name="key-edit"),
    path("<int:pk>/rotate/", views.key_rotate, name="key-rotate"),
    path("<int:pk>/revoke/", views.key_revoke, name="key-revoke"),
    path("<int:pk>/first-call/", views.key_first_call, name="key-first-call"),
]
