"""The /api/v1 map: the only place that decides which app serves which path."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.api.urls import auth_urlpatterns, staff_urlpatterns, users_urlpatterns
from analytics.api.urls import key_usage_urlpatterns
from analytics.api.urls import urlpatterns as analytics_urlpatterns
from apikeys.api.urls import urlpatterns as apikeys_urlpatterns
from audit.api.urls import urlpatterns as audit_urlpatterns
from config.backoffice.urls import urlpatterns as backoffice_urlpatterns
from organizations.api.urls import urlpatterns as organizations_urlpatterns
from webhooks.api.urls import urlpatterns as webhooks_urlpatterns

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/", include(auth_urlpatterns)),
    path("users/", include(users_urlpatterns)),
    path("admin/", include(staff_urlpatterns)),
    path("admin/", include(backoffice_urlpatterns)),
    path("", include(organizations_urlpatterns)),
    path("", include(apikeys_urlpatterns)),
    path("", include(key_usage_urlpatterns)),
    path("analytics/", include(analytics_urlpatterns)),
    path("", include(webhooks_urlpatterns)),
    path("", include(audit_urlpatterns)),
]
