"""The form, the checksum and the digest of secrets."""

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys import secrets
from apikeys.restrictions import EnvironmentName

# The expression of the documentation, which leak scanners use.
SCANNER = re.compile(r"\btg_(live|test)_[0-9A-Za-z]{38}\b")
PEPPERS = secrets.parse_peppers(["2:" + "22" * 32, "1:" + "11" * 32])


@pytest.mark.parametrize("environment", EnvironmentName)
def test_key_has_the_documented_form(environment):
    minted = secrets.mint_key(environment)

    assert len(minted.text) == 46
    assert SCANNER.fullmatch(minted.text)
    assert minted.text.startswith(f"tg_{environment}_")
    assert minted.prefix == minted.text[:12]
    assert minted.last4 == minted.text[-4:]


def test_service_key_has_the_documented_form():
    minted = secrets.mint_service_key()

    assert re.fullmatch(r"tgs_[0-9A-Za-z]{38}", minted.text)
    assert minted.prefix == minted.text[:8]


def test_secrets_do_not_repeat():
    assert len({secrets.mint_key(EnvironmentName.LIVE).text for _ in range(1000)}) == 1000


def test_brand_is_the_deployers():
    minted = secrets.mint_key(EnvironmentName.LIVE, brand="acme")

    assert minted.text.startswith("acme_live_")
    assert secrets.parse(minted.text, brand="acme") is not None
    assert secrets.parse(minted.text, brand="tg") is None


@given(st.text(alphabet=secrets.ALPHABET, min_size=1, max_size=60))
def test_checksum_is_crc32_in_base62(text):
    number = 0
    for digit in secrets.checksum(text):
        number = number * 62 + secrets.ALPHABET.index(digit)

    assert number == zlib.crc32(text.encode())
    assert len(secrets.checksum(text)) == 6


def test_minted_secrets_are_read_back():
    key = secrets.parse(secrets.mint_key(EnvironmentName.TEST).text)
    service = secrets.parse(secrets.mint_service_key().text)

    assert key is not None
    assert key.environment is EnvironmentName.TEST
    assert not key.is_service_key
    assert service is not None
    assert service.is_service_key


@given(st.integers(0, 45), st.sampled_from(secrets.ALPHABET))
def test_any_changed_character_is_noticed(position, character):
    text = secrets.mint_key(EnvironmentName.LIVE).text
    changed = text[:position] + character + text[position + 1 :]

    assert (secrets.parse(changed) is None) == (changed != text)


def test_edited_environment_is_noticed():
    text = secrets.mint_key(EnvironmentName.TEST).text

    assert secrets.parse(text.replace("_test_", "_live_")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "tg",
        "tg_live_",
        "tg_prod_" + "0" * 38,
        "live_" + "0" * 38,
        "tg_live_" + "é" * 38,
        "tgs_",
        "\x00" * 46,
    ],
)
def test_what_is_no_secret_is_refused(text):
    assert secrets.parse(text) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text):
    assert secrets.parse(text) is None or secrets.parse(text).text == text


def test_digest_depends_on_the_pepper():
    text = secrets.mint_key(EnvironmentName.LIVE).text
    digests = secrets.digests(text, PEPPERS)

    assert [pepper.version for pepper in PEPPERS] == [2, 1]
    assert digests == tuple(secrets.digest(text, pepper) for pepper in PEPPERS)
    assert len(set(digests)) == 2
    assert {len(digest) for digest in digests} == {32}


def test_digest_is_hmac_sha256():
    # RFC 4231, test case 2.
    pepper = secrets.Pepper(1, b"Jefe")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert secrets.digest("what do ya want for nothing?", pepper).hex() == expected
