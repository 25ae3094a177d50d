"""Minting, reading and digesting the secrets of keys. Pure: no Django, no I/O, nothing is remembered."""

import hmac
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Final

from apikeys.restrictions import EnvironmentName

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
BODY_LENGTH: Final = 32  # 62 ** 32 is a little more than 190 bits
CHECKSUM_LENGTH: Final = 6  # 62 ** 6 exceeds 2 ** 32
PREFIX_BODY_LENGTH: Final = 4
DEFAULT_BRAND: Final = "tg"
_TAIL_LENGTH: Final = BODY_LENGTH + CHECKSUM_LENGTH
_ALPHABET: Final = frozenset(ALPHABET)
_ENVIRONMENTS: Final = {environment.value: environment for environment in EnvironmentName}


@dataclass(frozen=True, slots=True)
class MintedSecret:
    """A new secret, shown once, and the two parts of it that may be shown again."""

    text: str
    prefix: str
    last4: str


@dataclass(frozen=True, slots=True)
class ParsedSecret:
    """A well-formed secret: the environment it opens, or none for a service key."""

    text: str
    environment: EnvironmentName | None

    @property
    def is_service_key(self) -> bool:
        """Whether it is a platform credential rather than a customer's key."""
        return self.environment is None


@dataclass(frozen=True, slots=True)
class Pepper:
    """A server-side secret that digests are keyed with; its version is stored beside each digest."""

    version: int
    value: bytes


def mint_key(environment: EnvironmentName, *, brand: str = DEFAULT_BRAND) -> MintedSecret:
    """Return a new customer key: brand, environment, 190 random bits and a checksum."""
    return _mint(f"{brand}_{environment.value}_")


def mint_service_key(*, brand: str = DEFAULT_BRAND) -> MintedSecret:
    """Return a new service key; its brand carries an `s`."""
    return _mint(f"{brand}s_")


def _mint(label: str) -> MintedSecret:
    body = "".join(secrets.choice(ALPHABET) for _ in range(BODY_LENGTH))
    text = label + body
    text += checksum(text)
    return MintedSecret(text=text, prefix=label + body[:PREFIX_BODY_LENGTH], last4=text[-4:])


def checksum(text: str) -> str:
    """Return the CRC-32 of a text as six base62 digits.

    The text is everything before the checksum, so that an edited environment is noticed as well.
    """
    number = zlib.crc32(text.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def parse(text: str, *, brand: str = DEFAULT_BRAND) -> ParsedSecret | None:
    """Read a presented secret; None when its form or its checksum is wrong, which no look-up can mend."""
    label, _, tail = text.rpartition("_")
    if len(tail) != _TAIL_LENGTH or not _ALPHABET.issuperset(tail):
        return None
    if label == f"{brand}s":
        environment = None
    else:
        stem, _, word = label.rpartition("_")
        environment = _ENVIRONMENTS.get(word)
        if stem != brand or environment is None:
            return None
    if checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return ParsedSecret(text=text, environment=environment)


def parse_peppers(configured: list[str]) -> tuple[Pepper, ...]:
    """Read `version:hex` entries, newest first. Raises ValueError on one that is not."""
    pairs = (entry.split(":", 1) for entry in configured)
    return tuple(Pepper(int(version), bytes.fromhex(value)) for version, value in pairs)


def digest(text: str, pepper: Pepper) -> bytes:
    """Return what is stored of a secret; a secret of 190 bits needs no slow hash."""
    return hmac.digest(pepper.value, text.encode("ascii"), "sha256")


def digests(text: str, peppers: tuple[Pepper, ...]) -> tuple[bytes, ...]:
    """Return the digests a presented secret may be stored under, newest pepper first."""
    return tuple(digest(text, pepper) for pepper in peppers)
