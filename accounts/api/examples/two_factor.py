"""Examples of second factors."""

from accounts.api.examples import PAIR, USER, answer, request

_PENDING = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJwaWQiOjF9.c2lnbmF0dXJl"
_CODES = {
    "recovery_codes": [
        "7k3vq-0m9xt-e2hbr-w58dn-gz41p",
        "c6yfs-a1j7k-3vq0m-9xte2-hbrw5",
    ]
}
_KNOWN_BY = "Jm0c5r2r0rT3yq9m8J1uYk5oV7f2b4Hq6wZx1sDcEgA"
REQUIRED = answer(
    "Second factor awaited",
    {
        "two_factor_required": True,
        "two_factor_token": _PENDING,
        "methods": ["totp", "recovery_code"],
    },
)
STATUS = [
    answer(
        "On",
        {"enabled": True, "methods": ["totp", "recovery_code"], "recovery_codes_left": 9},
    )
]
ENABLE = [
    answer(
        "Set-up begun",
        {
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "otpauth_uri": "otpauth://totp/Tollgate:olivia@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
            "&issuer=Tollgate&algorithm=SHA1&digits=6&period=30",
            "qr_svg": "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 53 53'>…</svg>",
        },
    )
]
VERIFY = [
    request("Turn it on", {"code": "492039"}),
    request(
        "Complete a sign-in",
        {"two_factor_token": _PENDING, "code": "492039", "trust_device": True},
    ),
    answer("Turned on", _CODES),
    answer("Signed in", {**PAIR, "user": USER, "device_token": _KNOWN_BY}),
]
PROOF = request("Password and code", {"password": "correct horse battery staple", "code": "492039"})
DISABLE = [PROOF]
RECOVERY_CODES = [PROOF, answer("New codes", _CODES)]
DEVICES = [
    answer(
        "Device",
        {
            "id": 3,
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0",
            "trusted_until": "2026-03-03T08:00:00Z",
            "last_used_at": "2026-02-01T09:30:00Z",
            "created_at": "2026-01-05T09:12:00Z",
        },
    )
]
