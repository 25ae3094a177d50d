"""What we send is verified by the standard's own libraries for Python and for JavaScript, which npm fetches."""

import json
import shutil
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Oracle

from organizations.services import suspension
from tests.doubles.receiver import running_receiver
from tests.factories.webhooks import WebhookFactory
from webhooks.services import endpoints, sending

NPM_PACKAGE = "standardwebhooks@1.1.1"
# Reads secrets and calls, prints for each pair whether it is verified.
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const { secrets, calls } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verdicts = secrets.map((secret) => calls.map(({ body, headers }) => {
  try { new Webhook(secret).verify(body, headers); return true; } catch (error) { return false; }
}));
console.log(JSON.stringify(verdicts));
"""


@pytest.mark.trial
@pytest.mark.django_db
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not here")
def test_both_libraries_verify_old_and_new_secret_of_every_delivery(organization, tmp_path):
    with running_receiver() as receiver:
        webhook = WebhookFactory.create(organization=organization, url=receiver.url())
        old = webhook.secret  # type: ignore[attr-defined]  # the factory keeps it
        new = endpoints.rotate_secret(webhook=webhook, at=timezone.now())
        endpoints.rotate_secret(
            webhook=WebhookFactory.create(organization=organization, url=receiver.url("/other")),
            at=timezone.now() - timedelta(days=2),
        )
        for number in range(20):
            suspension.suspend(
                organization=organization, reason=f"reason {number} ü \U0001f600 </script>"
            )
            suspension.reinstate(organization=organization)
        sending.drain()
    calls = receiver.calls_to("/hook")

    verdicts = verified_by_node(tmp_path, [old, new, "whsec_" + "QUFB" * 10], calls)

    assert len(calls) >= 40
    assert verdicts == [[True] * len(calls), [True] * len(calls), [False] * len(calls)]
    for call in calls:
        Oracle(old).verify(call.body, call.headers)
        Oracle(new).verify(call.body, call.headers)


def verified_by_node(directory, secrets, calls):
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", NPM_PACKAGE],
        cwd=directory,
        check=True,
        timeout=100,
    )
    told = {
        "secrets": secrets,
        "calls": [{"body": call.body.decode(), "headers": call.headers} for call in calls],
    }
    answer = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=directory,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(answer.stdout)
