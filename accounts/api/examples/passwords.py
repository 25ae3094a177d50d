"""Examples of setting a new password."""

from accounts.api.examples import PAIR, answer, request

RESET_REQUEST = [
    request("Ask for a link", {"email": "olivia@example.com"}),
    answer(
        "Sent",
        {"detail": "If the address has an account, a link to a new password is on its way to it."},
        202,
    ),
]
RESET_CONFIRM = [
    request(
        "Set a new password",
        {
            "token": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c",
            "password": "four other quiet words",
        },
    )
]
CHANGE = [
    request(
        "Change it",
        {
            "current_password": "correct horse battery staple",
            "new_password": "four other quiet words",
        },
    ),
    answer("Changed", {"access": PAIR["access"], "expires_in": PAIR["expires_in"]}),
]
