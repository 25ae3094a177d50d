"""The /api/v1 map while the apps grow. (The lead replaces this file.)"""

from importlib import import_module
from importlib.util import find_spec

from django.urls import include, path

app_name = "api"
_MOUNTS = [
    ("auth/", "accounts.api.urls", "auth_urlpatterns"),
    ("users/", "accounts.api.urls", "users_urlpatterns"),
    ("", "organizations.api.urls", "urlpatterns"),
    ("", "apikeys.api.urls", "urlpatterns"),
    ("", "analytics.api.urls", "key_usage_urlpatterns"),
    ("analytics/", "analytics.api.urls", "urlpatterns"),
]
urlpatterns = [
    path(at, include(getattr(import_module(name), attribute)))
    for at, name, attribute in _MOUNTS
    if find_spec(name)
]
