"""Examples of what people are told in the portal."""

from accounts.api.examples import answer, request

_NOTICE = {
    "id": 31,
    "kind": "broadcast.sent",
    "title": "Maintenance on Sunday",
    "body": "The portal is away from 02:00 to 02:30 UTC. Calls go on.",
    "link": "",
    "created_at": "2026-02-01T08:00:00Z",
    "read_at": None,
}

NOTICES = [answer("New", _NOTICE)]
UNREAD = [answer("Three", {"unread": 3})]
READ_ALL = [request("All that was shown", {"up_to": 31}), answer("Three", {"read": 3})]
READ = [answer("Read", {**_NOTICE, "read_at": "2026-02-01T08:05:00Z"})]
