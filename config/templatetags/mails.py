"""Words of other people in our mails: written so that no mail program turns them into a link. Nothing here queries."""

import re

from django import template

register = template.Library()

_LONGEST = 120
# What would reorder or hide the text around it: control characters, and Unicode's marks of direction.
_HIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# A dot within what looks like a host name, and the colon of a scheme. The word joiner behind them is not seen.
_LINKABLE = re.compile(r"(?<=[^\W_])(\.(?=[^\W\d_]{2})|:(?=//))")
_WORD_JOINER = "\u2060"


@register.filter
def tame(text: object) -> str:
    """Write a name, or what a client calls itself, on one line and without anything to click on."""
    line = " ".join(_HIDDEN.sub("", str(text)).split())
    short = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    return _LINKABLE.sub(rf"\1{_WORD_JOINER}", short)
