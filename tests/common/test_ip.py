"""A client's address is believed from trusted proxies only."""

import pytest

from config.common.addresses import is_within, parse_address, parse_networks
from config.common.ip import client_ip


@pytest.fixture
def trusted(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
        ("2001:db8::1", "2001:db9::7", "2001:db9::7"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", None),
        ("10.0.0.1", "198.51.100.1:51234", "198.51.100.1"),
        ("10.0.0.1", "[2001:db9::7]:443", "2001:db9::7"),
        ("10.0.0.1", "[2001:db9::7]", "2001:db9::7"),
        ("10.0.0.1", "::ffff:c633:6401", "198.51.100.1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.1", "198.51.100.1:", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:99999999", "10.0.0.1"),
        ("10.0.0.1", "[198.51.100.1", "10.0.0.1"),
        ("10.0.0.1", "0x7f000001", "10.0.0.1"),
        ("10.0.0.1", "010.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1,,", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1\t", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6," * 2_000 + "198.51.100.1", "198.51.100.1"),
    ],
)
@pytest.mark.usefixtures("trusted")
def test_walks_from_the_right(rf, peer, forwarded, address):
    request = rf.get(
        "/", REMOTE_ADDR=peer, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    )

    assert client_ip(request) == address


@pytest.mark.parametrize("name", ["X-Real-IP", "Forwarded", "Client-IP", "X-Cluster-Client-IP"])
@pytest.mark.usefixtures("trusted")
def test_reads_no_other_header(rf, name):
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", headers={name: "198.51.100.1"})

    assert client_ip(request) == "10.0.0.1"


def test_believes_nobody_by_default(rf, settings):
    settings.TRUSTED_PROXIES = []

    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1")

    assert client_ip(request) == "10.0.0.1"


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4.5", "0x7f.1", "\uff11.2.3.4", "fe80::1%eth0/64"]
)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("address", "network", "inside"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::1", "127.0.0.0/8", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "::ffff:10.0.0.0/104", True),
        ("10.1.2.3", "::ffff:0:0/96", True),
        ("10.1.2.3", "::/0", False),
    ],
)
def test_membership_is_of_one_family(address, network, inside):
    assert is_within(parse_address(address), parse_networks((network,))) is inside
