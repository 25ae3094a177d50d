"""How an event is told in the forms of Slack, Discord and Microsoft Teams. Pure.

Texts of an event are anybody's: what would make a link, a mention or a heading of them is taken as it is written.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

# Discord takes 6,000 characters in all, and a backslash counts.
_MAX_FIELDS = 10
_MAX_VALUE = 250
_NOTHING = "–"  # noqa: RUF001  (a dash)
# What Markdown gives a meaning to; a backslash takes it away.
_MARKUP = re.compile(r"([\\`*_~|\[\]()<>#])")


def transformed(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that an endpoint of this kind gets; the standard one is the payload, in a settled order."""
    return _FORMS.get(kind, _standard)(payload)


def _standard(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in ("type", "timestamp", "data")}


def _slack(payload: Mapping[str, Any]) -> dict[str, Any]:
    fields = [_mrkdwn(f"*{_escaped(name)}*\n{_escaped(value)}") for name, value in _facts(payload)]
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(f"*{payload['type']}*")}]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    blocks.append({"type": "context", "elements": [_mrkdwn(payload["timestamp"])]})
    return {"text": payload["type"], "blocks": blocks}


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: else channels and people that a text names, and whatever looks like a URL, become links.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _discord(payload: Mapping[str, Any]) -> dict[str, Any]:
    embed = {
        "title": payload["type"],
        "timestamp": payload["timestamp"],
        "fields": [
            {"name": name, "value": _plain(value), "inline": True}
            for name, value in _facts(payload)
        ],
    }
    # Whoever fills an event's texts must not be able to call everybody in a channel.
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _teams(payload: Mapping[str, Any]) -> dict[str, Any]:
    facts = [{"title": name, "value": _plain(value)} for name, value in _facts(payload)]
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
    """Say a value in one line that is never empty, nor longer than a message has room for."""
    line = " ".join(_words(value).split()) or _NOTHING
    return line if len(line) <= _MAX_VALUE else f"{line[: _MAX_VALUE - 1]}…"


def _words(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: _NOTHING, True: "yes", False: "no"}[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return str(value)


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
