"""How an event is told in the forms of Slack, Discord and Microsoft Teams. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

_MAX_FIELDS = 10
_MAX_VALUE = 300


def transformed(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that an endpoint of this kind gets; the standard one is the payload, in a settled order."""
    return _FORMS.get(kind, _standard)(payload)


def _standard(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in ("type", "timestamp", "data")}


def _slack(payload: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        {"type": "mrkdwn", "text": f"*{_escaped(name)}*\n{_escaped(value)}"}
        for name, value in _facts(payload)
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{payload['type']}*"}}
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    blocks.append(
        {"type": "context", "elements": [{"type": "mrkdwn", "text": payload["timestamp"]}]}
    )
    return {"text": payload["type"], "blocks": blocks}


def _discord(payload: Mapping[str, Any]) -> dict[str, Any]:
    embed = {
        "title": payload["type"],
        "timestamp": payload["timestamp"],
        "fields": [
            {"name": name, "value": value or "–", "inline": True}  # noqa: RUF001  (nothing)
            for name, value in _facts(payload)
        ],
    }
    # Whoever fills an event's texts must not be able to call everybody in a channel.
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _teams(payload: Mapping[str, Any]) -> dict[str, Any]:
    facts = [{"title": name, "value": value} for name, value in _facts(payload)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": payload["type"], "weight": "Bolder", "size": "Medium"},
            {"type": "FactSet", "facts": facts},
            {"type": "TextBlock", "text": payload["timestamp"], "isSubtle": True, "size": "Small"},
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


_FORMS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "standard": _standard,
    "slack": _slack,
    "discord": _discord,
    "teams": _teams,
}


def _facts(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        (name.replace("_", " "), _text(value))
        for name, value in payload["data"].items()
        if value is not None
    ]
    return facts[:_MAX_FIELDS]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return str(value)[:_MAX_VALUE]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
