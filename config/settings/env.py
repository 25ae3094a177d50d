"""The environment, read once and typed. Whatever is missing, malformed or misspelt stops the start with one line."""

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

T = TypeVar("T")

# Shorter names are close to half of all environment variables (PORT, PATH, HOST).
_SHORTEST_NAME_TO_COMPARE = 7
# What PostgreSQL's and Redis's integers hold, and more than makes sense anywhere.
_LARGEST = 2**31 - 1
_USUAL_PORTS = {"http": 80, "https": 443}


class SettingError(SystemExit):
    """A setting that cannot be used. As an exit it is one line on standard error, whoever imports the settings."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("tollgate: " + "; ".join(problems))


class Environment:
    """A typed reader that remembers what was asked of it.

    Problems are collected, so that one start names all of them; `check()` raises them together.
    `NAME_FILE` holds the path of a file with the value of `NAME`, as container secrets are mounted.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._assumed: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self.known: set[str] = set()

    def assume(self, values: Mapping[str, str]) -> None:
        """Use these values for what the environment leaves out."""
        self._assumed.update(values)

    def is_set(self, name: str) -> bool:
        """Tell whether the environment itself gives a value."""
        return bool(self._variables.get(name) or self._variables.get(f"{name}_FILE"))

    def text(self, name: str, default: str | None = None) -> str:
        """Read a string; without a default it is required."""
        self.known.add(name)
        value = self._from_environment(name) or self._assumed.get(name)
        if value is not None:
            return value
        if default is None:
            self._problems.setdefault(name, f"{name} is not set (see .env.example)")
            return ""
        return default

    def line(self, name: str, default: str) -> str:
        """Read a string that people are shown, in mails and on pages."""
        value = self.text(name, default)
        if not value.isprintable():
            self.problem(name, "holds what cannot be read, such as a line break")
        return value

    def integer(
        self, name: str, default: int, *, at_least: int = 0, at_most: int = _LARGEST
    ) -> int:
        """Read a whole number."""

        def parse(value: str) -> int:
            number = int(value)
            if not at_least <= number <= at_most:
                raise ValueError
            return number

        bounds = (
            f"of at least {at_least}" if at_most == _LARGEST else f"from {at_least} to {at_most}"
        )
        return self._parsed(name, default, parse, f"a whole number {bounds}")

    def choice(self, name: str, default: str, options: Iterable[str]) -> str:
        """Read one of a few words."""
        allowed = tuple(options)

        def parse(value: str) -> str:
            return allowed[allowed.index(value)]

        return self._parsed(name, default, parse, "one of " + ", ".join(allowed))

    def items(self, name: str, default: str | None = "") -> list[str]:
        """Read a comma-separated list."""
        return [item.strip() for item in self.text(name, default).split(",") if item.strip()]

    def networks(self, name: str) -> list[str]:
        """Read a list of addresses and networks in CIDR notation."""

        def parse(value: str) -> list[str]:
            return [
                str(ip_network(item.strip(), strict=False))
                for item in value.split(",")
                if item.strip()
            ]

        return self._parsed(name, [], parse, "addresses or networks like 10.0.0.0/8")

    def origins(self, name: str) -> list[str]:
        """Read a list of web origins."""

        def parse(value: str) -> list[str]:
            return [_origin(item.strip()) for item in value.split(",") if item.strip()]

        return self._parsed(name, [], parse, "origins like https://app.example.com")

    def url(self, name: str, default: str | None = None, *, schemes: Iterable[str]) -> str:
        """Read a URL whose scheme is one of a few; those of the web name a host."""
        allowed = tuple(schemes)
        value = self.text(name, default)
        if not value or _is_url(value, allowed):
            return value
        self._malformed(name, "a URL that starts with " + " or ".join(f"{s}:" for s in allowed))
        return ""

    def origin(self, name: str, default: str | None = None) -> str:
        """Read one web origin; without a default it is required."""
        value = self.text(name, default)
        try:
            return _origin(value.rstrip("/")) if value else ""
        except ValueError:
            self._malformed(name, "an origin like https://tollgate.example.com")
            return ""

    def keys(
        self,
        name: str,
        default: str | None = None,
        *,
        encoding: str,
        at_least: int,
        at_most: int | None = None,
    ) -> list[str]:
        """Read a list of `id:value` keys, newest first; without a default it is required."""
        size = f"{at_least}" if at_most == at_least else f"at least {at_least}"
        expected = f"id:value pairs, comma-separated, each value {encoding} of {size} bytes"
        keys = self.items(name, default)
        if not all(_is_key(key, encoding, at_least, at_most) for key in keys):
            self._malformed(name, expected)
        identifiers = [key.partition(":")[0] for key in keys]
        if len(set(identifiers)) != len(identifiers):
            self._problems.setdefault(name, f"{name} uses an id twice")
        return keys

    def problem(self, name: str, what: str) -> None:
        """Add a problem that only the caller can see."""
        self._problems.setdefault(name, f"{name} {what}")

    def check(self) -> None:
        """Raise everything that is wrong, misspelt names included."""
        problems = [*self._problems.values(), *self._misspelt()]
        if problems:
            raise SettingError(problems)

    def _from_environment(self, name: str) -> str | None:
        value = self._variables.get(name)
        path = self._variables.get(f"{name}_FILE")
        if value and path:
            self._problems.setdefault(name, f"{name} and {name}_FILE are both set")
        if value or not path:
            return value or None
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            self._problems.setdefault(name, f"{name}_FILE cannot be read from {path}: {reason}")
            return None

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
        value = self.text(name, "")
        if not value:
            return default
        try:
            return parse(value)
        except ValueError:
            self._malformed(name, expected)
            return default

    def _malformed(self, name: str, expected: str) -> None:
        # The value itself is not repeated: it may be a secret in the wrong place.
        self._problems.setdefault(name, f"{name} is malformed: expected {expected}")

    def _misspelt(self) -> list[str]:
        names = {name.removesuffix("_FILE"): name for name in self._variables}
        absent = [name for name in self.known if not self.is_set(name)]
        return [
            f"{written} looks like {name} misspelt"
            for bare, written in sorted(names.items())
            if bare not in self.known
            for name in sorted(absent)
            if is_misspelling(bare, name)
        ]


def is_misspelling(written: str, name: str) -> bool:
    """Tell whether one name is within two slips of the other; the shortest names are never compared."""
    if min(len(written), len(name)) < _SHORTEST_NAME_TO_COMPARE:
        return False
    allowed = 1 if len(name) < 2 * _SHORTEST_NAME_TO_COMPARE else 2
    return written.upper() == name or _distance(written, name, allowed) <= allowed


def database(url: str) -> dict[str, Any]:
    """Turn a PostgreSQL URL into Django's form. A host of `%2Fpath` or `?host=/path` is a socket's directory."""
    parts = urlsplit(url)
    options: dict[str, str] = dict(parse_qsl(parts.query))
    host = unquote(parts.hostname or "") or options.pop("host", "")
    return {
        "ENGINE": "config.common.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": _port(parts) or options.pop("port", ""),
        "OPTIONS": options,
    }


def broker(url: str) -> str:
    """Turn a Redis URL into Celery's form, which names sockets in its own way."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = dict(parse_qsl(parts.query))
    password, number = quote(query.get("password", "")), query.get("db", "0")
    return f"redis+socket://:{password}@{parts.path}?virtual_host={number}"


_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_MAIL_BACKENDS = {
    "file": "config.common.mailbox.FileBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
    "memory": "django.core.mail.backends.locmem.EmailBackend",
}


def mail(url: str) -> dict[str, Any]:
    """Turn a mail URL (smtp, smtps, smtp+tls, file, console, memory) into Django's settings."""
    parts = urlsplit(url)
    return {
        "EMAIL_BACKEND": _MAIL_BACKENDS.get(parts.scheme, _SMTP),
        "EMAIL_FILE_PATH": unquote(parts.path) if parts.scheme == "file" else None,
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": int(_port(parts) or (465 if parts.scheme == "smtps" else 25)),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


def _port(parts: SplitResult) -> str:
    return str(parts.port) if parts.port else ""


def is_small_number(text: str) -> bool:
    """Tell whether an id is a number that the smallest column holds."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 2**15


def is_dsn(url: str) -> bool:
    """Tell whether a URL names a key and a project, as Sentry's client wants it."""
    parts = urlsplit(url)
    return bool(parts.username) and parts.path.rpartition("/")[2].isdecimal()


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        # Read, because it is refused only then when it is no number.
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    has_host = bool(parts.hostname) or parts.scheme not in _USUAL_PORTS
    return value.isprintable() and parts.scheme in schemes and has_host and is_port


def _origin(value: str) -> str:
    """Return an origin as browsers send it: in lower case, with a port only where it is not the scheme's own."""
    parts = urlsplit(value.lower())
    host = parts.hostname
    if parts.scheme not in _USUAL_PORTS or not host:
        raise ValueError(value)
    shown = f"[{host}]" if ":" in host else host
    usual = parts.port in {None, _USUAL_PORTS[parts.scheme]}
    origin = f"{parts.scheme}://{shown}" + ("" if usual else f":{parts.port}")
    # Whatever else was written (a path, a query, a user) is no part of an origin.
    if value.lower() not in {origin, f"{origin}:{_USUAL_PORTS[parts.scheme]}"}:
        raise ValueError(value)
    return origin


def _is_key(key: str, encoding: str, at_least: int, at_most: int | None) -> bool:
    identifier, _, value = key.partition(":")
    if not identifier or not value:
        return False
    try:
        length = len(_DECODERS[encoding](value))
    except (ValueError, binascii.Error):
        return False
    return at_least <= length <= (at_most or length)


_DECODERS: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "hex": bytes.fromhex,
    "base64": lambda value: base64.b64decode(value, validate=True),
}


def _distance(left: str, right: str, limit: int) -> int:
    """Count the slips between two words: a letter more, less, other, or two swapped."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, mine in enumerate(left, start=1):
        current = [row]
        for column, theirs in enumerate(right, start=1):
            cost = above[column - 1] + (mine != theirs)
            best = min(above[column] + 1, current[-1] + 1, cost)
            swapped = column > 1 and mine == right[column - 2] and left[row - 2] == theirs
            if row > 1 and swapped:
                best = min(best, before[column - 2] + 1)
            current.append(best)
        before, above = above, current
    return above[-1]


env = Environment(os.environ)
