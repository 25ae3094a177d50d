"""What everybody may read: the public keys, and the catalogue of events."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from config.common.errors import NotFound
from webhooks import catalogue, selectors


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Publish the public keys that sign deliveries by Ed25519."""
    answer = JsonResponse(
        {"keys": list(selectors.public_keys())}, content_type="application/jwk-set+json"
    )
    answer["Cache-Control"] = "public, max-age=300"
    return answer


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """List every event that endpoints can subscribe to, by area."""
    rows = sorted(catalogue.event_types(), key=lambda row: row.name)
    areas = [
        {"name": name, "types": list(types)}
        for name, types in groupby(rows, key=lambda row: row.name.partition(".")[0])
    ]
    return render(request, "webhooks/event_list.html", {"areas": areas, "count": len(rows)})


@require_safe
def event_detail(request: HttpRequest, name: str) -> HttpResponse:
    """Show one event: what it means, its example, its members and its JSON Schema."""
    described = catalogue.described(name)
    if described is None:
        raise NotFound
    members = described.schema["properties"]["data"]["properties"]
    context = {
        "event": described,
        "members": [
            {"name": member, "type": _type_of(schema), "note": schema.get("description", "")}
            for member, schema in members.items()
        ],
    }
    return render(request, "webhooks/event_detail.html", context)


def _type_of(schema: dict[str, object]) -> str:
    kind = schema.get("type", "any")
    words = kind if isinstance(kind, list) else [kind]
    written = schema.get("format")
    return " or ".join(str(word) for word in words) + (f" ({written})" if written else "")
