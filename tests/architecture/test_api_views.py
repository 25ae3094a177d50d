"""Every API view is scoped to an organization, or stands on a short list with the reason why not."""

from django.urls import get_resolver

from organizations.scoping import OrganizationScoped

UNSCOPED = {
    "auth/": "signing in comes before any organization",
    "admin/": "the platform's staff sees every organization",
    "users/": "a person's own account",
    "organizations": "the organizations themselves; each asks the gate by its own id",
    "invitations": "what is offered to a person, who is no member yet",
    "permissions": "the catalogue, the same for everybody",
    "schema": "the description of the API",
    "whoami": "the presented key itself",
}


def _views(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from _views(pattern, path)
        else:
            yield path, pattern.callback


def test_views_are_scoped_or_excused():
    unscoped = [
        path
        for path, callback in _views(get_resolver())
        if path.startswith("api/v1/")
        and not path.removeprefix("api/v1/").startswith(tuple(UNSCOPED))
        and not issubclass(
            getattr(callback, "cls", getattr(callback, "view_class", object)), OrganizationScoped
        )
    ]

    assert unscoped == []
