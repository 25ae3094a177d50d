"""Examples of passkeys and of confirming who is there."""

from accounts.api.examples import PAIR, USER, answer, request

PASSKEY = {
    "id": 3,
    "name": "Work laptop",
    "is_synced": False,
    "transports": ["internal"],
    "last_used_at": "2026-02-01T08:00:00Z",
    "created_at": "2026-01-05T09:15:00Z",
}
_CREDENTIAL = {
    "id": "AQIDBAUGBwgJCgsMDQ4PEA",
    "rawId": "AQIDBAUGBwgJCgsMDQ4PEA",
    "type": "public-key",
    "clientExtensionResults": {},
}
MADE = {
    **_CREDENTIAL,
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
        "attestationObject": "o2NmbXRkbm9uZQ",
        "transports": ["internal"],
    },
}
SIGNED = {
    **_CREDENTIAL,
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
        "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ",
        "signature": "MEUCIQDTh2F4",
        "userHandle": "dXNlcg",
    },
}
_DESCRIPTOR = {"id": _CREDENTIAL["id"], "type": "public-key", "transports": ["internal"]}
_CHALLENGE = "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"
_TO_CREATE = {
    "rp": {"name": "Tollgate", "id": "tollgate.example.com"},
    "user": {
        "id": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c",
        "name": "olivia@example.com",
        "displayName": "Olivia Owner",
    },
    "challenge": _CHALLENGE,
    "pubKeyCredParams": [
        {"type": "public-key", "alg": -7},
        {"type": "public-key", "alg": -8},
        {"type": "public-key", "alg": -257},
    ],
    "timeout": 300000,
    "excludeCredentials": [_DESCRIPTOR],
    "authenticatorSelection": {
        "residentKey": "preferred",
        "requireResidentKey": False,
        "userVerification": "preferred",
    },
    "attestation": "none",
}


def _to_sign(*, known: bool) -> dict[str, object]:
    return {
        "challenge": _CHALLENGE,
        "timeout": 300000,
        "rpId": "tollgate.example.com",
        "allowCredentials": [_DESCRIPTOR] if known else [],
        "userVerification": "preferred" if known else "required",
    }


_CODES = ["7k2mp-9xq4r-t6w3z-b8n5c-d1f0h", "h3j8v-2c5ya-m9e4k-p7q6s-x0t1g"]
_TOKEN = PAIR["access"]
_SIGNED_IN = {**PAIR, "user": USER}

LIST = [answer("Passkey", PASSKEY)]
OPTIONS = [answer("To a device without a passkey", _TO_CREATE)]
ADD = [
    request("Add", {"credential": MADE, "name": "Work laptop"}),
    answer("Added", {**PASSKEY, "last_used_at": None, "recovery_codes": _CODES}, 201),
]
RENAME = [request("Rename", {"name": "Work laptop"}), answer("Renamed", PASSKEY)]
SIGN_IN_OPTIONS = [answer("To any device", _to_sign(known=False))]
SIGN_IN = [request("Sign in", {"credential": SIGNED}), answer("Signed in", _SIGNED_IN)]
SECOND_FACTOR_OPTIONS = [
    request("The password was right", {"two_factor_token": _TOKEN}),
    answer("To one of the person's devices", _to_sign(known=True)),
]
SECOND_FACTOR = [
    request("Finish", {"two_factor_token": _TOKEN, "credential": SIGNED}),
    answer("Signed in", _SIGNED_IN),
]
REAUTHENTICATE_OPTIONS = [answer("To one of my devices", _to_sign(known=True))]
REAUTHENTICATE = [
    request("By password", {"password": "correct horse battery staple"}),
    request("By code", {"code": "123456"}),
    request("By passkey", {"credential": SIGNED}),
]
