"""Examples of people as staff sees them."""

from accounts.api.examples import USER as _OWN
from accounts.api.examples import answer, request

PERSON = {
    **_OWN,
    "two_factor": True,
    "suspended_reason": "",
    "suspended_until": None,
    "last_login_ip": "203.0.113.7",
    "login_count": 12,
}
_SUSPENDED = {
    **PERSON,
    "status": "SUSPENDED",
    "suspended_reason": "Card reported stolen",
    "suspended_until": "2026-02-08T08:00:00Z",
}

USERS = [answer("A person", PERSON)]
USER = [answer("A person", PERSON)]
UPDATE_USER = [
    request("Vouch for the address", {"email_verified": True}),
    request("Make an admin", {"role": "ADMIN"}),
    answer("Changed", {**PERSON, "role": "ADMIN"}),
]
SUSPEND = [
    request(
        "For a week",
        {"reason": _SUSPENDED["suspended_reason"], "until": _SUSPENDED["suspended_until"]},
    ),
    answer("Suspended", _SUSPENDED),
]
REINSTATE = [answer("Reinstated", PERSON)]
