"""Second factors of the tests: an authenticator app of our own, which knows nothing of the product's code."""

import base64
import hmac
import struct
import time
from dataclasses import dataclass, field

from accounts import totp
from accounts.models import TotpDevice, User
from accounts.services import recovery_codes

_STEP = 30


@dataclass
class App:
    """What a telephone shows, and the sheet of paper with the recovery codes."""

    seed: bytes
    recovery_codes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, secret: str) -> "App":
        """Set an app up with a secret in Base32, as it is typed or scanned."""
        return cls(base64.b32decode(secret))

    def code(self, *, steps: int = 0) -> str:
        """Return the code of now, or of some steps later (RFC 6238)."""
        counter = struct.pack(">Q", int(time.time()) // _STEP + steps)
        digest = hmac.digest(self.seed, counter, "sha1")
        offset = digest[-1] & 15
        (number,) = struct.unpack(">I", digest[offset : offset + 4])
        return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"

    def wrong_code(self) -> str:
        """Return a code that is none of the present ones."""
        right = {self.code(steps=steps) for steps in (-2, -1, 0, 1, 2)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def enroll(person: User) -> App:
    """Give a person an app that was confirmed long ago, and ten recovery codes."""
    device = TotpDevice.objects.create(
        user=person, name="Authenticator app", confirmed=True, seed_encrypted=totp.new_seed()
    )
    return App(device.seed, recovery_codes.replace(user=person))
