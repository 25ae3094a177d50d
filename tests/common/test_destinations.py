"""Where we connect on a customer's behalf: the table of hosts that are refused, at save and at delivery alike."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from config.common import destinations, http
from config.common.destinations import AddressRefused
from config.common.http import Client, Trouble
from tests.doubles.receiver import running_receiver
from tests.patience import at_most
from tests.ports import free_port

# Each is refused by its form, or for the address that it stands for.
HOSTS = [
    "127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001",
    "0x7f.0.0.1", "0x7F.1", "127.0.0.1.", "00127.0.0.1", "0", "0.0.0.0",  # noqa: S104
 "0x0", "10.0.0.1", "10.255.255.255",
    "172.16.0.1", "172.31.255.254", "192.168.1.1", "169.254.169.254", "0xA9FEA9FE", "2852039166", "100.64.0.1",
    "100.127.255.254", "192.0.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.254",
    "168.63.129.16", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[2001::1]",
    "[2001:0:53aa:64c::]", "[2001:db8::1]", "[2001:2::1]", "[3fff::1]", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]",
    "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[100::1]", "[5f00::1]", "[::ffff:0:127.0.0.1]",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\uff11\uff12\uff17.0.0.1", "\u0661\u0662\u0667.0.0.1",
    "127\u30020\u30020\u30021", "127.0.0.1%00.example.com", "a..b", "-a.example.com", "exa mple.com",
]  # fmt: skip
URLS = [
    "https://user@93.184.216.34/", "https://user:secret@93.184.216.34/", "https://93.184.216.34@127.0.0.1/",
    "https://93.184.216.34\\@127.0.0.1/", "https://93.184.216.34#@127.0.0.1/", "https://93.184.216.34:22/",
    "https://93.184.216.34:25/", "https://93.184.216.34:6379/", "https://93.184.216.34:5432/",
    "https://93.184.216.34:0/", "https://93.184.216.34:99999/", "https://93.184.216.34:8o80/", "ftp://93.184.216.34/",
    "file:///etc/passwd", "gopher://93.184.216.34/", "javascript:alert(1)", "//93.184.216.34/", "93.184.216.34",
    "https://[2606:4700::1111].example.com/", "https://example.com[2606:4700::1111]/", "https://93.184.216.34:/",
    "https:///path", "https://", "", "https://93.184.216.34/\r\nX-Evil: 1", "https://93.184.216.34/\tx",
    "https://93.184.216.34/#fragment", "http://93.184.216.34/", "https://[::1", "https://93.184.216.34/" + "a" * 2048,
]  # fmt: skip
LOCAL = {
    "localhost.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mixed.example": ["93.184.216.34", "10.0.0.1"],
    "mixed6.example": ["2606:2800:220:1::1", "fd00::1"],
    "zone.example": ["fe80::1%eth0"],
}
# Everything that was connected to while a test looked; the hook cannot be taken out, so it stays and is silent.
_seen: list[tuple[str, object]] | None = None


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is not None and event == "socket.connect":
        _seen.append((event, arguments[1]))


sys.addaudithook(_hook)


@pytest.fixture
def connections() -> Iterator[list[tuple[str, object]]]:
    """Record every address that a socket of this process is connected to."""
    global _seen  # noqa: PLW0603
    _seen = []
    yield _seen
    _seen = None


@pytest.fixture(autouse=True)
def _nothing_allowed(settings):
    settings.WEBHOOK_ALLOW_CIDRS = []


def post(url, *, times=1):
    async def send():
        async with Client() as client:
            return [
                await client.post(url, headers={"Content-Type": "application/json"}, body=b"{}")
                for _ in range(times)
            ][-1]

    return asyncio.run(send())


@pytest.mark.parametrize("host", HOSTS)
def test_denied_hosts_are_refused_at_save_and_at_delivery(host, connections):
    url = f"https://{host}/hook"

    with pytest.raises(AddressRefused) as refusal:
        http.require_url(url)
    answer = post(url)

    assert refusal.value.reason
    assert answer.trouble == Trouble.BLOCKED
    assert answer.detail == refusal.value.reason
    assert connections == []


@pytest.mark.parametrize("url", URLS)
def test_other_urls_are_refused_at_save_and_at_delivery(url, connections):
    with pytest.raises(AddressRefused):
        http.require_url(url)

    assert post(url).trouble == Trouble.BLOCKED
    assert connections == []


@pytest.mark.parametrize("host", sorted(LOCAL))
def test_names_that_lead_to_denied_addresses_are_refused(host, connections, monkeypatch):
    monkeypatch.setattr(destinations, "addresses_of", LOCAL.__getitem__)

    with pytest.raises(AddressRefused) as refusal:
        http.require_url(f"https://{host}/hook")
    answer = post(f"https://{host}/hook")

    assert refusal.value.reason == "The address is private, local or reserved."
    assert (answer.trouble, answer.detail) == (Trouble.BLOCKED, refusal.value.reason)
    assert not any(address in answer.detail for address in LOCAL[host])
    assert connections == []


def test_a_name_that_changes_between_check_and_connection_leads_nowhere(connections, monkeypatch):
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    monkeypatch.setattr(destinations, "addresses_of", lambda _host: next(answers))

    http.require_url("https://rebinding.example/hook")

    assert post("https://rebinding.example/hook").trouble == Trouble.BLOCKED
    assert connections == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::1", "10.0.0.1"]])
def test_the_address_itself_is_checked_when_the_socket_is_made(addresses, connections, monkeypatch):
    """Even if a name's addresses got past their check, the last word is at the socket."""

    async def unchecked(_client, _target):
        return addresses

    monkeypatch.setattr(http.Client, "_addresses", unchecked)

    assert post("https://sneaky.example/hook").trouble == Trouble.BLOCKED
    assert connections == []


@pytest.mark.parametrize(
    "url",
    ["https://93.184.216.34/hook", "https://93.184.216.34:8443/", "https://[2606:2800:220:1::1]/", "https://172.32.0.1/",
     "https://hooks.example.com/a?b=c", "HTTPS://hooks.example.com/", "https://xn--bcher-kva.example/",
     "https://my_hooks.example.com/", "https://192.167.255.1/", "https://100.128.0.1/"],
)  # fmt: skip
def test_public_addresses_are_let_through(url, monkeypatch):
    monkeypatch.setattr(destinations, "addresses_of", lambda _host: ["93.184.216.34"])

    http.require_url(url)


def test_a_name_that_nobody_knows_is_saved_and_fails_later(monkeypatch):
    def unknown(_host: str) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(destinations, "addresses_of", unknown)

    http.require_url("https://not.yet.example/hook")

    answer = post("https://not.yet.example/hook")
    assert (answer.trouble, answer.detail) == (
        Trouble.UNREACHABLE,
        "The host's name leads nowhere.",
    )


def test_a_network_that_the_operator_named_is_open_also_without_tls(settings):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    with running_receiver() as receiver:
        http.require_url(receiver.url())

        answer = post(receiver.url())

    assert (answer.status, answer.address) == (200, "127.0.0.1")
    with pytest.raises(AddressRefused):
        http.require_url("http://10.0.0.1/")


def test_redirects_are_not_followed(settings, connections):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    with running_receiver() as receiver:
        answer = post(receiver.url("/redirect"))

    assert answer.status == 301
    assert receiver.calls_to("/redirected") == []
    assert len(connections) == 1


def test_proxies_of_the_environment_are_not_used(settings, connections, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    proxy = free_port()
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
    with running_receiver() as receiver:
        assert post(receiver.url()).status == 200

    assert [address[1] for _, address in connections] == [receiver.port]


def test_what_is_kept_of_an_answer_is_bounded(settings):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    with running_receiver() as receiver:
        bomb, endless = post(receiver.url("/bomb")), post(receiver.url("/endless"))

    assert (len(bomb.body), bomb.is_cut) == (http.MAX_KEPT, True)
    assert (len(endless.body), endless.is_cut, endless.status) == (http.MAX_KEPT, True, 200)
    assert bomb.body[:2] == b"\x1f\x8b"


def test_a_head_without_an_end_is_no_answer(settings):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    with running_receiver() as receiver:
        answer = post(receiver.url("/endless-head"))

    assert answer.trouble == Trouble.MALFORMED


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_patience_ends(path, settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.5)
    with running_receiver() as receiver, at_most(1.5):
        answer = post(receiver.url(path))

    assert answer.trouble == Trouble.TIMED_OUT
    assert answer.seconds >= 0.5


def test_a_connection_that_was_closed_while_silent_costs_no_attempt(settings):
    """A server that closes after each answer, just as the next request is written."""
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    with _closing_server() as port:
        assert post(f"http://127.0.0.1:{port}/", times=2).status == 200


@contextlib.contextmanager
def _closing_server() -> Iterator[int]:
    server, is_over = socket.create_server(("127.0.0.1", 0)), threading.Event()
    place = server.getsockname()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                if is_over.is_set():
                    connection.close()
                    return
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                connection.recv(65536)
                connection.close()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield place[1]
    is_over.set()
    for _ in threads:
        # Nobody may wait at a socket that is closed: its number is given to the next one.
        socket.create_connection(place, 60).close()
    for thread in threads:
        thread.join(60)
    server.close()
