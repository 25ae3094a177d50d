"""Template vocabulary of the pages: icons, navigation, numbers, times and pills. Nothing here queries."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField, CheckboxInput, RadioSelect
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from config.common.forms import move_focus
from config.common.money import Money, exponent
from config.common.once import FIELD, ticket_of
from config.templatetags.drawings import ICONS, LOGO

register = template.Library()

_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_MAGNITUDES = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_UNITS = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)

# What a state looks like: ok, info, warn and bad have a color, everything else is neutral.
_TONES = {
    "active": "ok", "expiring": "warn", "outdated": "warn", "disabled": "off", "expired": "off", "revoked": "bad",
    "live": "info", "test": "off",
    "valid": "ok", "rate_limited": "warn", "quota_exceeded": "warn", "insufficient_credits": "warn",
    "not_found": "bad", "malformed": "bad", "forbidden_ip": "bad", "forbidden_origin": "bad",
    "insufficient_scope": "bad", "route_denied": "bad", "suspended": "bad", "unavailable": "bad", "missing": "bad",
    "invalid": "bad",
    "owner": "info", "verified": "ok", "unverified": "warn",
    "queued": "off", "running": "info", "ready": "ok", "failed": "bad", "agreed": "ok", "waiting": "warn",
    "warning": "warn", "critical": "bad",
    "sent": "ok",
    "enabled": "ok", "failing": "warn",
}  # fmt: skip
_LABELS = {
    "valid": "Allowed", "not_found": "Unknown key", "forbidden_ip": "Address refused",
    "forbidden_origin": "Origin refused", "insufficient_scope": "Scope missing",
    "insufficient_credits": "Out of credits", "quota_exceeded": "Quota used up", "route_denied": "Route refused",
    "missing": "No key",
}  # fmt: skip


# What of a user agent tells a person which device it is. The first that fits counts: most claim to be others, too.
_BROWSERS = {
    "Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet", "Firefox": "Firefox",
    "FxiOS": "Firefox", "CriOS": "Chrome", "Chrome": "Chrome", "Safari": "Safari", "curl": "curl",
}  # fmt: skip
_SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "CrOS": "ChromeOS",
    "Mac OS X": "macOS", "Linux": "Linux",
}  # fmt: skip


@register.filter
def device_name(user_agent: str) -> str:
    """Say which browser and system a user agent is of, such as Firefox on Linux; unknown ones stay as they are."""
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    named = " on ".join(filter(None, (browser, system)))
    return named if browser else user_agent or "Unknown device"


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw one of our icons; decorative unless it gets a label."""
    meaning = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="icon" width="16" height="16" viewBox="0 0 16 16" {}><path d="{}"/></svg>',
        mark_safe(meaning),  # noqa: S308  built above from constants and escaped text
        ICONS[name],
    )


@register.simple_tag
def logo() -> SafeString:
    """Draw the gate."""
    attributes = 'class="logo" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true"'
    return mark_safe(f"<svg {attributes}>{LOGO}</svg>")  # noqa: S308  a constant


@register.simple_tag
def product() -> str:
    """Say what the product is called here."""
    return settings.PRODUCT_NAME


@register.simple_tag(takes_context=True)
def nav(context: Context, label: str, url_name: str, icon_name: str) -> SafeString:
    """Link to a section and say whether the present page is it or lies inside it."""
    url = reverse(url_name)
    request = context.get("request")
    path: str = request.path if request is not None else ""
    current = "page" if path == url else "true" if path.startswith(url) else ""
    state = format_html(' aria-current="{}"', current) if current else ""
    return format_html(
        '<a class="nav-link" href="{}"{}>{}{}</a>', url, state, icon(icon_name), label
    )


@register.simple_tag
def refocus(form: BaseForm) -> str:
    """Have a form that was refused begin where something is to be done."""
    move_focus(form)
    return ""


@register.simple_tag(takes_context=True)
def once(context: Context) -> str:
    """Put the token of a form that makes something once into it; other pages have none."""
    ticket = ticket_of(context["request"])
    if ticket is None:
        return ""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, ticket.token)


@register.simple_tag
def money(value: Money | int, currency: str = "USD") -> str:
    """Write an amount, given as Money or in minor units, the way people read it: `$1,234.50`."""
    amount = value if isinstance(value, Money) else Money(value, currency)
    digits = f"{abs(amount.amount):,.{exponent(amount.currency)}f}"
    symbol = _SYMBOLS.get(amount.currency)
    sign = _MINUS if amount.minor < 0 else ""
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {amount.currency}"


def relative(at: dt.datetime, now: dt.datetime) -> str:
    """Say how far a time lies from now: what has passed in whole units, what is to come rounded.

    Seven days are thus not six a moment after they began. A script (`ago.js`) keeps the text true by the same rule.
    """
    seconds = (at - now).total_seconds()
    away, half = abs(seconds), 0.5 if seconds > 0 else 0
    for (size, unit), (below, _) in pairwise((*_UNITS, (1, "second"))):
        if int(away / below + half) * below >= size:
            count = int(away / size + half)
            text = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {text}" if seconds > 0 else f"{text} ago"
    return "in a moment" if seconds > 0 else "just now"


@register.simple_tag
def ago(at: dt.datetime | None, empty: str = "Never") -> SafeString:
    """Write a relative time that shows the exact one on hover; a script keeps it true."""
    if at is None:
        return format_html('<span class="quiet">{}</span>', empty)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        timezone.localtime(at).isoformat(timespec="seconds"),
        exactly(at),
        relative(at, timezone.now()),
    )


@register.filter
def exactly(at: dt.datetime) -> str:
    """Write a time to the second, in the person's own time zone, which is named."""
    return f"{timezone.localtime(at):%d %b %Y, %H:%M:%S %Z}"


def label_of(state: object) -> str:
    """Say in words what a state is called."""
    key = str(state).lower()
    return _LABELS.get(key, key.replace("_", " ").capitalize())


@register.filter
def pill(state: object) -> SafeString:
    """Show a state as a colored word; unknown ones are neutral, nothing shows nothing."""
    if state in {None, ""}:
        return SafeString("")
    tone = _TONES.get(str(state).lower(), "off")
    return format_html('<span class="pill pill-{}">{}</span>', tone, label_of(state))


@register.filter
def http_status(status: int | None) -> SafeString:
    """Show an HTTP status in the color of its class; a dash until it is known."""
    if status is None:
        return format_html('<span class="quiet">{}</span>', _DASH)
    tone = {2: "ok", 3: "info", 4: "warn", 5: "bad"}.get(status // 100, "off")
    return format_html('<span class="pill pill-{} num">{}</span>', tone, status)


@register.filter
def number(value: object) -> str:
    """Group thousands; a dash for what is not known; words stay as they are."""
    if isinstance(value, (int, float, Decimal)):
        return f"{value:,}"
    return _DASH if value in {None, ""} else str(value)


@register.filter
def units(micro: int | None) -> str:
    """Write micro-units as units: 1500000 is 1.5; a dash for what is not known."""
    if micro is None:
        return _DASH
    whole, fraction = divmod(micro, 1_000_000)
    return f"{whole:,}.{fraction:06d}".rstrip("0").rstrip(".") if fraction else f"{whole:,}"


@register.filter
def capped(count: int) -> str:
    """Write a count as a badge does: `99+` for what is more."""
    return str(count) if count < 100 else "99+"


@register.filter
def compact(value: float | None) -> str:
    """Shorten large numbers: 12,345 becomes 12.3k. Never rounds up past the truth."""
    if value is None:
        return _DASH
    for size, suffix in _MAGNITUDES:
        if abs(value) >= size:
            tenths = int(abs(value) * 10 // size)
            text = f"{tenths / 10:g}" if tenths < 1_000 else f"{tenths // 10}"
            return f"{_MINUS if value < 0 else ''}{text}{suffix}"
    return f"{value:,}"


@register.filter
def ms(value: float | None) -> str:
    """Write a duration given in milliseconds."""
    if value is None:
        return _DASH
    if value >= 1_000:
        return f"{value / 1_000:.2f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


@register.filter
def share(part: float | None, whole: float | None) -> str:
    """The share of a whole with one decimal: `1.4 %`; of very little, that it is not nothing."""
    if not part or not whole:
        return "0 %"
    percent = part * 100 / whole
    return f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label belongs behind the control."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_group(field: BoundField) -> bool:
    """Whether the control is a set of choices that needs a legend, not a label."""
    return field.use_fieldset or isinstance(field.field.widget, RadioSelect)


@register.filter
def initials(name: object) -> str:
    """The one or two letters of an avatar."""
    words = [word for word in str(name).replace("@", " ").split() if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper()


@register.filter
def field_named(form: Any, name: str) -> BoundField | None:
    """The form's field of this name, or nothing where the form has none."""
    return form[name] if name in form.fields else None


# The fields of a key's form that stay folded away until one of them is used.
_ADVANCED = (
    "rate_limit", "rate_per_seconds", "rate_burst", "quota_limit", "quota_period", "credits",
    "ip_allowlist", "allowed_origins", "external_id", "metadata",
)  # fmt: skip


@register.filter
def advanced_in_use(form: Any) -> bool:
    """Whether an advanced field of a key's form has a value or an error, so that it must be seen."""
    fields = [form[name] for name in _ADVANCED if name in form.fields]
    return any(field.errors or field.value() not in {None, "", "{}"} for field in fields)


@register.filter
def has_values(query: Mapping[str, Any]) -> bool:
    """Whether any filter is set."""
    return any(query.values())


@register.simple_tag
def options(chosen: str | None, choices: str) -> SafeString:
    """Write the options of a filter from `value|Label` pairs divided by semicolons."""
    pairs = [choice.partition("|") for choice in choices.split(";")]
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        (
            (value, mark_safe(" selected") if value == (chosen or "") else "", label)
            for value, _, label in pairs
        ),
    )


@register.filter
def columns(specification: str) -> list[dict[str, str]]:
    """Read the columns of a table: `Name|Calls:end opt` is a plain one and one with two classes."""
    parts = [column.partition(":") for column in specification.split("|")]
    return [{"label": label, "classes": classes} for label, _, classes in parts]


@register.filter
def button_classes(kinds: str | None) -> str:
    """Turn `primary wide` into the classes of a button."""
    return " ".join(f"btn-{kind}" for kind in (kinds or "").split())


@register.filter
def alert_icon(tone: str | None) -> str:
    """The icon that goes with the tone of an alert."""
    return {"success": "check-circle", "warning": "alert", "error": "alert"}.get(tone or "", "info")


@register.filter
def ticks(text: str) -> SafeString:
    """Write what stands between backticks as code."""
    escaped = conditional_escape(text)
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S308  escaped above


@register.filter
def pretty_json(value: Any) -> str:
    """Write a document the way people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
