"""Encryption at rest names its key, binds its purpose, and notices a change."""

import pytest

from config.common import crypto


def test_decrypts_what_it_encrypted():
    sealed = crypto.encrypt("a secret", purpose="test")

    assert "a secret" not in sealed
    assert crypto.decrypt(sealed, purpose="test") == "a secret"


def test_two_encryptions_differ():
    assert crypto.encrypt("x", purpose="test") != crypto.encrypt("x", purpose="test")


def test_reads_what_an_older_key_made(settings):
    newest, older = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [older]
    sealed = crypto.encrypt("a secret", purpose="test")

    settings.ENCRYPTION_KEYS = [newest, older]

    assert crypto.decrypt(sealed, purpose="test") == "a secret"


@pytest.mark.parametrize(
    "change", [lambda s: s[:-4] + "AAA=", lambda s: "gone:" + s.partition(":")[2]]
)
def test_refuses_what_was_changed_or_has_no_key(change):
    sealed = crypto.encrypt("a secret", purpose="test")

    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(change(sealed), purpose="test")


def test_refuses_another_purpose():
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(crypto.encrypt("a secret", purpose="mail"), purpose="webhook")


def test_tokens_are_long_and_differ():
    tokens = {crypto.new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)


def test_digest_is_sha256():
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert crypto.digest("abc").hex() == expected
