"""A mail server that keeps what it is given, or fails in the way a test chooses at the step it chooses."""

import socketserver
import time

_SILENCE_SECONDS = 2


class SmtpDouble(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP for smtplib.

    `answers` holds what is said at a step (GREETING, MAIL, RCPT, DATA or END, which is the end of the content) instead
    of consent; `drops_at` names the step at which the line goes dead, `sleeps_at` the one at which nothing is said.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialog)
        self.messages: list[bytes] = []
        self.answers: dict[str, bytes] = {}
        self.drops_at = ""
        self.sleeps_at = ""

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self.server_address[1])

    def recover(self) -> None:
        """Work as a mail server should."""
        self.answers, self.drops_at, self.sleeps_at = {}, "", ""


class _Hangup(Exception):
    pass


class _Dialog(socketserver.StreamRequestHandler):
    server: SmtpDouble

    def handle(self) -> None:
        try:
            self._talk()
        except (_Hangup, ConnectionError):
            return

    def _talk(self) -> None:
        self._answer("GREETING", b"220 double")
        for line in self.rfile:
            verb = line.strip().upper().split(b" ")[0].split(b":")[0].decode("ascii", "replace")
            match verb:
                case "DATA":
                    if self._answer("DATA", b"354 go on").startswith(b"3"):
                        self.server.messages.append(self._message())
                        self._answer("END", b"250 kept")
                case "QUIT":
                    self._answer("QUIT", b"221 bye")
                    return
                case _:
                    self._answer(verb, b"250 OK")

    def _message(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(lines)

    def _answer(self, step: str, consent: bytes) -> bytes:
        if self.server.drops_at == step:
            raise _Hangup
        if self.server.sleeps_at == step:
            time.sleep(_SILENCE_SECONDS)
            raise _Hangup
        line = self.server.answers.get(step, consent)
        self.wfile.write(line + b"\r\n")
        return line
