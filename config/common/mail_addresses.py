"""One spelling of mail addresses, so that no two spellings of a mailbox are two people.

Lower case, and the domain as the DNS knows it: `user@BÜCHER.example` is `user@xn--bcher-kva.example` (IDNA 2008, the
letters first brought into one form by UTS 46). What is shown and mailed to is that form, in which no letter of another
alphabet passes for one of ours.
"""

import re
import unicodedata

import idna
from django.core.exceptions import ValidationError

MAX_LENGTH = 254
_NO_DOMAIN = "The domain is not one that the DNS can hold."
_ENCODED = "xn--"
# A label in letters of ours. Looked at after the mapping, by which foreign full stops end labels, too.
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Alphabets that share the shapes of letters; no name of an honest domain needs two of them in one label.
_LOOK_ALIKE = frozenset({"ARMENIAN", "CYRILLIC", "GREEK", "LATIN"})


class AddressRefused(ValueError):
    """No mail can go to this address; the message says why in words for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def canonical(address: str) -> str:
    """Return the one spelling of an address whose syntax has been checked. Raises AddressRefused."""
    _require_known(address)
    local, _, domain = address.strip().rpartition("@")
    if not local.isascii():
        raise AddressRefused("local_part", "Before the @ only letters without accents can stand.")
    spelled_out = f"{local.lower()}@{_ascii(domain)}"
    if len(spelled_out) > MAX_LENGTH:
        message = f"As the DNS spells it, the address is longer than {MAX_LENGTH} characters."
        raise AddressRefused("max_length", message)
    return spelled_out


def spelling(text: str) -> str:
    """Return the one spelling of an address, to look for it; what is no address stays as it is, in lower case."""
    try:
        return canonical(text)
    except AddressRefused:
        return text.strip().lower()


def validate(address: str) -> None:
    """Refuse addresses to which no mail can go, for fields whose value is kept as it was written."""
    try:
        canonical(address)
    except AddressRefused as error:
        raise ValidationError(str(error), code=error.code) from None


def _require_known(address: str) -> None:
    """Refuse letters that are younger than our Unicode: the database may know another case of them."""
    if any(unicodedata.category(letter) == "Cn" for letter in address):
        raise AddressRefused(
            "unknown_character", "The address holds a character that is not known here."
        )


def _ascii(domain: str) -> str:
    lower = domain.lower()
    if lower.isascii() and _ENCODED not in lower:
        return lower
    try:
        labels = idna.uts46_remap(domain).split(".")
        return ".".join(_label(label) for label in labels)
    except idna.IDNAError:
        raise AddressRefused("domain", _NO_DOMAIN) from None


def _label(label: str) -> str:
    if label.isascii() and not label.startswith(_ENCODED):
        if not _PLAIN.fullmatch(label):
            raise AddressRefused("domain", _NO_DOMAIN)
        return label
    encoded = idna.alabel(label).decode()
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in idna.ulabel(encoded)}
    if len(scripts & _LOOK_ALIKE) > 1:
        raise AddressRefused(
            "mixed_scripts", "A part of the domain mixes alphabets whose letters look alike."
        )
    return encoded
