"""How proxies write addresses. Knows no framework, so that the gate reads them with the same words."""

import re

# `203.0.113.7:1234` and `[2001:db8::7]:1234`, as some proxies write it; the port is of no interest.
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def without_port(text: str) -> str:
    """Return the address of one member of `X-Forwarded-For`, without brackets and port."""
    bare = text.strip()
    found = _WITH_PORT.fullmatch(bare)
    return found[1].strip("[]") if found else bare
