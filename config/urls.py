"""The URL map of the whole product: pages, back office, API, documentation, health and metrics."""

from django.contrib import admin
from django.urls import include, path

from config import health, pages, problem_pages

handler400 = "config.pages.bad_request"
handler403 = "config.pages.permission_denied"
handler404 = "config.pages.page_not_found"
handler500 = "config.pages.server_error"

urlpatterns = [
    path("", include("config.site")),
    path("", include("accounts.urls")),
    path("", include("organizations.urls")),
    path("keys/", include("apikeys.urls")),
    path("", include("analytics.urls")),
    path("", include("webhooks.urls")),
    path("", include("audit.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/schema", pages.SchemaView.as_view(), name="schema"),
    path("api/v1/", include("config.api")),
    path("docs/", pages.reference, name="swagger-ui"),
    path("problems/", problem_pages.problem_list, name="problem-list"),
    path("problems/<slug:code>", problem_pages.problem_detail, name="problem-detail"),
    path(".well-known/jwks.json", pages.jwks, name="jwks"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
