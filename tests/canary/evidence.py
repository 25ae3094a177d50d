"""Where secrets could end up: everything the product says, stores and sends, collected while it works."""

import base64
import gzip
import os
import re
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from urllib.parse import quote, urlsplit


class SentryDouble(ThreadingHTTPServer):
    """Takes error reports as Sentry does, and keeps them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Intake)
        self.envelopes: list[bytes] = []

    @property
    def dsn(self) -> str:
        """How a program is told to report here."""
        return f"http://public@127.0.0.1:{self.server_address[1]}/1"


class _Intake(BaseHTTPRequestHandler):
    server: SentryDouble

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.envelopes.append(_unpacked(body, self.headers["Content-Encoding"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        return


def _unpacked(body: bytes, how: str | None) -> bytes:
    match how:
        case "gzip":
            return gzip.decompress(body)
        case "br":
            return bytes(import_module("brotli").decompress(body))
    return body


class RedisEar:
    """Hears every command that reaches the server, those of scripts included: keys, values and queued jobs."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._socket = socket.create_connection((parts.hostname, parts.port or 6379))
        self._heard: list[bytes] = []
        if parts.password:
            self._socket.sendall(f"AUTH {parts.password}\r\n".encode())
        self._socket.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while block := self._socket.recv(1 << 20):
            self._heard.append(block)

    def stop(self) -> bytes:
        """Return everything that was heard."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        return b"".join(self._heard)


def dump(url: str, pg_dump: str) -> dict[str, bytes]:
    """Return the rows of every table of a database, as `pg_dump` writes them."""
    command = [pg_dump, "--data-only", "--dbname", url]
    done = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    found = re.findall(
        rb"^COPY public\.(\w+) .*?\n(.*?)^\\\.$", done.stdout, re.DOTALL | re.MULTILINE
    )
    return {f"table {table.decode()}": rows for table, rows in found}


def holds(text: bytes, secret: str) -> bool:
    """Tell whether a text holds a secret: as it is, escaped, or in hexadecimal or base64."""
    if re.fullmatch(r"\d{6}", secret):
        # Six digits turn up in every time stamp.
        return re.search(rb"(?<![\d.])%b(?!\d)" % secret.encode(), text) is not None
    raw = secret.encode()
    forms = {
        raw,
        quote(secret, safe="").encode(),
        raw.hex().encode(),
        *(base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)),
    }
    return any(form in text for form in forms)
