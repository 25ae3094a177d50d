"""One mailbox has one spelling, and what no mail can reach is refused in words."""

import pytest
from django.core.exceptions import ValidationError

from config.common import mail_addresses
from config.common.mail_addresses import AddressRefused

DNS = "ada@xn--bcher-kva.example"
SPELLINGS = [
    "ada@bücher.example",
    " Ada@BÜCHER.Example ",
    "ada@bu\u0308cher.example",
    "ada@XN--BCHER-KVA.example",
    "ada@\uff42ücher.example",
    "ada@bücher。example",
    DNS,
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_domain_is_one(spelling):
    assert mail_addresses.canonical(spelling) == DNS
    assert mail_addresses.spelling(spelling) == DNS


@pytest.mark.parametrize(
    ("address", "spelled"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada@localhost", "ada@localhost"),
        ("ada@[IPv6:2001:db8::1]", "ada@[ipv6:2001:db8::1]"),
        ("ada@ab--cd.bücher.example", "ada@ab--cd.xn--bcher-kva.example"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),
        ("ada@пример.example", "ada@xn--e1afmkfd.example"),
        ("ada@日本とkanaカナ.example", "ada@xn--kana-9b4cqp5gy141bdoc.example"),
    ],
)
def test_others_keep_their_meaning(address, spelled):
    assert mail_addresses.canonical(address) == spelled
    assert mail_addresses.canonical(spelled) == spelled


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("ada@xn--a.example", "domain"),
        ("ada@xn--99999999.example", "domain"),
        ("ada@XN--.example", "domain"),
        ("ada@ü..example", "domain"),
        ("ada@foo。.example", "domain"),
        ("ada@bücher.example。", "domain"),
        (f"ada@{'x' * 64}.ü.example", "domain"),
        (f"ada@{'üa' * 31}.example", "domain"),
        ("ada@i❤.example", "domain"),
        ("ada@evil.example\uff20bücher.example", "domain"),
        ("ada@\u200dü.example", "domain"),
        ("ada@א1a.example", "domain"),
        (f"ada@{'ü.' * 60}example", "max_length"),
        ("ada@\u0430pple.example", "mixed_scripts"),
        ("ada@xn--pple-43d.example", "mixed_scripts"),
        ("\u017fam@example.com", "local_part"),
        ("\u212aim@example.com", "local_part"),
        ("ada@e\u1c89ample.com", "unknown_character"),
    ],
)
def test_refuses_what_no_mail_can_reach_or_eyes_misread(address, code):
    with pytest.raises(AddressRefused) as refused:
        mail_addresses.canonical(address)

    assert refused.value.code == code
    assert mail_addresses.spelling(address) == address.lower()
    with pytest.raises(ValidationError):
        mail_addresses.validate(address)
