"""The pages of a team as a browser uses them."""

from tests.organizations.inviting import NORA


def text_of(response):
    return response.content.decode()


def invite(client, email=NORA, role="MEMBER"):
    return client.post("/team/invite/", {"email": email, "role": role})
