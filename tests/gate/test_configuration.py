"""The gate is configured by the settings alone."""

import base64

from apikeys.gateway import configuration
from apikeys.gateway.assertion import Signer

SEED = base64.b64encode(b"7" * 32).decode()


def test_signing_keys_and_processes_come_from_the_settings(settings):
    settings.GATEWAY_SIGNING_KEYS = [f"2026b:{SEED}", f"2026a:{SEED}"]
    settings.GATEWAY_PROCESSES = 4

    chosen = configuration.from_settings()

    assert chosen.processes == 4
    signer = Signer(chosen.signing_keys, chosen.secret_key, chosen.public_url)
    assert [kid in signer.jwks().decode() for kid in ("2026a", "2026b")] == [True, True]


def test_without_them_one_process_derives_its_key(settings):
    assert settings.GATEWAY_SIGNING_KEYS == []

    chosen = configuration.from_settings()

    assert (chosen.processes, chosen.signing_keys) == (1, ())
