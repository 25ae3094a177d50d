"""A mail server that keeps what it is given, or refuses recipients with a code of the test's choice."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SmtpDouble(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP for smtplib."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialog)
        self.messages: list[bytes] = []
        self.answer_to_recipient = b"250 OK"

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self.server_address[1])


class _Dialog(socketserver.StreamRequestHandler):
    server: SmtpDouble

    def handle(self) -> None:
        self._say(b"220 double")
        for line in self.rfile:
            match line.strip().upper().split(b" ")[0].split(b":")[0]:
                case b"RCPT":
                    self._say(self.server.answer_to_recipient)
                case b"DATA":
                    self._say(b"354 go on")
                    self.server.messages.append(self._message())
                    self._say(b"250 kept")
                case b"QUIT":
                    self._say(b"221 bye")
                    return
                case _:
                    self._say(b"250 OK")

    def _message(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(lines)

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


@contextmanager
def smtp_double() -> Iterator[SmtpDouble]:
    """Run the server until the block ends."""
    with SmtpDouble() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
