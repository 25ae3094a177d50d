"""Examples of people and their sessions."""

from accounts.api.examples import SESSION, USER, answer, request

ME = [answer("Me", USER)]
UPDATE_ME = [request("Move to Paris", {"time_zone": "Europe/Paris"}), *ME]
SESSIONS = [answer("Device", SESSION)]
