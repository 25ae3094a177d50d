"""Examples of registering and signing in."""

from accounts.api.examples import PAIR, USER, answer, request

REGISTER = [
    request(
        "Register",
        {
            "email": "olivia@example.com",
            "password": "correct horse battery staple",
            "full_name": "Olivia Owner",
        },
    ),
    answer("Registered", {"detail": "Check your mail to confirm the address."}, 201),
]
VERIFY_EMAIL = [
    request("Verify", {"token": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"}),
    answer("Verified", {"detail": "The address is confirmed."}),
]
RESEND = [
    request("Resend", {"email": "olivia@example.com"}),
    answer(
        "Sent", {"detail": "If the address waits to be confirmed, a new link is on its way to it."}
    ),
]
LOGIN = [
    request("Sign in", {"email": "olivia@example.com", "password": "correct horse battery staple"}),
    answer("Signed in", {**PAIR, "user": USER}),
]
REFRESH = [request("Refresh", {"refresh": PAIR["refresh"]}), answer("New pair", PAIR)]
LOGOUT = [request("Sign out", {"refresh": PAIR["refresh"]})]
