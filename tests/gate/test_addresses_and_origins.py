"""From where a key may be used."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.gateway.headers import Proxies
from apikeys.restrictions import AddressList, OriginList, normalize_origin
from config.common.addresses import parse_address, parse_network
from config.common.ip import client_ip


@pytest.mark.parametrize(
    ("entry", "address", "is_allowed"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.9/24", "192.0.2.1", True),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.0/120", "192.0.2.200", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("::/0", "192.0.2.7", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("192.0.2.0/24", "192.0.2.007", False),
        ("192.0.2.0/24", "fe80::1%eth0", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("fe80::1", "fe80::1%2", True),
        ("fe80::1", "fe80::1%", False),
        ("192.0.2.0/24", "unknown", False),
        ("192.0.2.0/24", "", False),
        ("192.0.2.0/24", None, False),
    ],
)
def test_networks(entry, address, is_allowed):
    assert AddressList([entry]).allows(address) is is_allowed


def test_empty_list_allows_everyone():
    assert AddressList([]).allows(None)
    assert not AddressList([]).contains("192.0.2.1")


def test_damaged_entry_allows_nobody():
    damaged = AddressList(["not an address"])

    assert damaged
    assert not damaged.allows("192.0.2.1")


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_agrees_with_the_standard_library(address, length):
    network = ipaddress.ip_network((int(address) >> (32 - length) << (32 - length), length))
    mapped = f"::ffff:{address}"

    assert AddressList([str(network)]).allows(str(address))
    assert parse_address(mapped) == address
    assert AddressList([str(network)]).allows(mapped)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.256", "10.0.0.0/x", "host"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_network(text)


@pytest.mark.parametrize(
    ("entry", "origin", "is_allowed"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://app.example.com", "https://APP.example.com", True),
        ("https://app.example.com", "https://app.example.com:443", True),
        ("https://app.example.com:443", "https://app.example.com", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("https://app.example.com", "https://app.example.com.evil.test", False),
        ("https://app.example.com", "https://evilapp.example.com", False),
        ("https://*.example.com", "https://app.example.com", True),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://.example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("https://*.example.com", "https://app.example.com.evil.test", False),
        ("https://*.example.com", "https://*.example.com", False),
        ("https://*.example.com:8443", "https://app.example.com:8443", True),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080", True),
        ("https://app.example.com", "null", False),
        ("https://app.example.com", "", False),
        ("https://app.example.com", None, False),
        ("https://app.example.com", "https://app.example.com/", False),
        ("https://app.example.com", "https://user@app.example.com", False),
    ],
)
def test_origins(entry, origin, is_allowed):
    assert OriginList([entry]).allows(origin) is is_allowed


def test_empty_origin_list_allows_everyone():
    assert OriginList([]).allows(None)


def test_damaged_origin_allows_nobody():
    damaged = OriginList(["ftp://example.com"])

    assert damaged
    assert not damaged.allows("ftp://example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "https://",
        "https://a b",
        "https://*",
        "https://a.*.com",
        "https://e.com:0",
        "https://e.com:99999",
        "https://e.com:",
    ],
)
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(ValueError, match="is not an origin"):
        normalize_origin(text)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (b"203.0.113.7, 198.51.100.1:51234", "198.51.100.1"),
        (b"[2001:db8::7]:443, 10.0.0.9:80", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"203.0.113.7, 198.51.100.1:", "10.0.0.1"),
        (b"203.0.113.7, nonsense", "10.0.0.1"),
    ],
)
def test_a_proxy_may_write_ports(forwarded, address):
    proxies = Proxies(AddressList(["10.0.0.0/8"]))

    assert proxies.client_of("10.0.0.1", forwarded) == address


@pytest.mark.parametrize(
    "peer",
    ["10.0.0.1", "203.0.113.7", "::ffff:10.0.0.1", "fe80::1%eth0", "fe80::1", "2001:db8::1", ""],
)
@pytest.mark.parametrize(
    "forwarded",
    [
        "", "198.51.100.1", "6.6.6.6, 198.51.100.1, 10.9.9.9", "fe80::2%3, fe80::1%eth0", "::ffff:c633:6401",
        "[2001:db9::7]:443", "198.51.100.1:", "unknown", "198.51.100.1,,", "010.0.0.2", "10.0.0.5", "\xa0198.51.100.1",
    ],
)  # fmt: skip
def test_gate_and_django_read_an_address_alike(rf, settings, peer, forwarded):
    """A key's allow-list must mean the same behind a proxy of the API and at Tollgate's own API."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fe80::/10", "2001:db8::/32"]
    request = rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    at_the_gate = Proxies(AddressList(settings.TRUSTED_PROXIES)).client_of(
        peer, forwarded.encode("latin-1")
    )

    assert at_the_gate == client_ip(request)
