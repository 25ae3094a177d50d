"""Names that people give to what is theirs, and that others read: text that is seen, and reads as it is written."""

import unicodedata

from config.common.errors import InvalidInput

# They join letters of Persian, of Indian scripts and of emoji; what else is not seen only misleads.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
# Letters and a symbol by their category, and nothing to the eye: fillers of Hangul, the empty pattern of Braille.
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def fault_of(name: str, called: str = "A name") -> str | None:
    """Say what is wrong with a name, if anything is: letters that nobody sees or that turn the line, or nothing to see."""
    kinds = {unicodedata.category(letter) for letter in name if letter not in _JOINERS}
    if kinds & _UNSEEN or not _BLANKS.isdisjoint(name):
        return f"{called} cannot hold line breaks, or characters that nobody sees."
    if not any(kind[0] in "LNPS" for kind in kinds):
        return f"{called} needs something to see."
    return None


def require_readable(name: str) -> None:
    """Raise InvalidInput for a name that others would not read as it is written."""
    message = fault_of(name)
    if message is not None:
        raise InvalidInput.at("#/name", code="name", message=message)
