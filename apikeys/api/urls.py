"""API paths of keys, relative to the version."""

from django.urls import path

from apikeys.api.views import ApiKeyViewSet, WhoAmIView

urlpatterns = [
    path("whoami", WhoAmIView.as_view(), name="whoami"),
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-keys"),
    path(
        "api-keys/<int:pk>",
        ApiKeyViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-key",
    ),
    path(
        "api-keys/<int:pk>/rotate", ApiKeyViewSet.as_view({"post": "rotate"}), name="api-key-rotate"
    ),
]
