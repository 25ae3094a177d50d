"""Authenticator apps (RFC 6238): the seed, what an app has to know of it, and the picture that it reads it from."""

import base64
import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import django_otp
import qrcode  # type: ignore[import-untyped]
from django.conf import settings

from accounts.models import TotpDevice
from accounts.models.factors import SEED_PURPOSE
from config.common import crypto

# RFC 4226 recommends as many as the hash has.
_SEED_BYTES = 20
_DIGITS = 6
_QUIET_ZONE = 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is set up with: shown to its owner until the first code is given, never after."""

    secret: str
    otpauth_uri: str
    qr_svg: str


def new_seed() -> str:
    """Return a fresh seed, encrypted as it is stored."""
    return crypto.encrypt(secrets.token_hex(_SEED_BYTES), purpose=SEED_PURPOSE)


def enrolment_of(device: TotpDevice) -> Enrolment:
    """Return what the app of a device is set up with."""
    secret = base64.b32encode(device.seed).decode()
    uri = _uri(secret, account=device.user.email)
    return Enrolment(secret=secret, otpauth_uri=uri, qr_svg=_drawn(uri))


def looks_like_code(text: str) -> bool:
    """Whether a text is what an app shows: six digits. Recovery codes are longer."""
    return len(text) == _DIGITS and text.isascii() and text.isdecimal()


def accepts(device: TotpDevice, code: str) -> bool:
    """Use a code up, under the lock of the device's row; return whether it was right."""
    found = django_otp.verify_token(device.user, device.persistent_id, code)  # type: ignore[no-untyped-call]
    return found is not None


def _uri(secret: str, *, account: str) -> str:
    # https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    issuer = settings.OTP_TOTP_ISSUER.replace(":", "")
    query = {
        "secret": secret,
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": str(_DIGITS),
        "period": "30",
    }
    label = quote(f"{issuer}:{account}", safe="@:")
    return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"


def _drawn(text: str) -> str:
    """Return a QR code as an SVG that needs no style: black on white, also in a dark page."""
    code = qrcode.QRCode(border=_QUIET_ZONE)
    code.add_data(text)
    rows = code.get_matrix()
    size = len(rows)
    squares = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"'
        f' role="img" aria-label="QR code for an authenticator app">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{squares}"/></svg>'
    )
