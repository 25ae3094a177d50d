"""One HTTP exchange with a payment provider: bounded in time and size, to one place, and nothing of it is logged."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import requests
from urllib3.exceptions import ReadTimeoutError

USER_AGENT = "Tollgate-Billing/1.0"
# Lists of a hundred objects, the largest page that either provider sends, stay well below.
MAX_BODY = 4 << 20
_CHUNK = 64 << 10
_CONNECT_SECONDS = 3.0


class NoAnswer(Exception):
    """No whole answer came. `reason` is ours: what libraries say may quote what was sent."""

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        self.reason = reason
        self.may_pass = may_pass
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body as it came; without the request and its keys, which errors of the SDKs would carry on."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


class Deadline:
    """The end of all that one question may take, its repetitions included."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raises NoAnswer when none are."""
        left = self._ends_at - monotonic()
        if left <= 0:
            raise self.missed()
        return left

    def missed(self) -> NoAnswer:
        """Say that it is over."""
        return NoAnswer(f"no answer within {self.seconds:g} seconds")


class Wire:
    """Connections to one provider. One exchange at a time: whoever asks from several threads takes one each."""

    def __init__(self) -> None:
        self._session = _session()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: str | bytes | None,
        deadline: Deadline,
    ) -> Answer:
        """Send one request and return the answer, whatever its status; redirects are not followed.

        The sockets' time-outs bound each read and no sum of them, nor the look-up of the name. So another thread does
        the exchange, and is left alone with its connections when the time is over.
        """
        left = deadline.left()
        session = self._session

        def ask() -> Answer:
            with closing(
                session.request(
                    method,
                    url,
                    headers={**headers, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                    data=body,
                    timeout=(min(_CONNECT_SECONDS, left), left),
                    allow_redirects=False,
                    stream=True,
                )
            ) as response:
                body_read = _body(response, deadline)
                return Answer(response.status_code, response.headers, body_read)

        try:
            return _within(deadline, ask)
        except NoAnswer:
            self._session = _session()
            raise

    def close(self) -> None:
        """End the connections."""
        self._session.close()


def _body(response: requests.Response, deadline: Deadline) -> bytes:
    # Not decoded: what is packed was not asked for, and could unpack to anything.
    body = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY:
            raise NoAnswer(f"an answer of more than {MAX_BODY >> 20} MB")
        deadline.left()
    return bytes(body)


def _within(deadline: Deadline, ask: Callable[[], Answer]) -> Answer:
    done: SimpleQueue[Answer | Exception] = SimpleQueue()

    def run() -> None:
        try:
            done.put(ask())
        except Exception as error:  # noqa: BLE001  it is raised where it is waited for
            done.put(error)

    Thread(target=run, name="payment-provider", daemon=True).start()
    try:
        outcome = done.get(timeout=deadline.left())
    except Empty:
        raise deadline.missed() from None
    if isinstance(outcome, Answer):
        return outcome
    raise _no_answer(outcome, deadline) from None


def _no_answer(error: Exception, deadline: Deadline) -> NoAnswer:
    """Put a library's error into words of ours."""
    if isinstance(error, NoAnswer):
        return error
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NoAnswer("no connection in time", may_pass=True)
    if isinstance(error, requests.exceptions.Timeout | ReadTimeoutError):
        return deadline.missed()
    if isinstance(error, requests.exceptions.SSLError):
        return NoAnswer("its certificate is not accepted")
    if isinstance(error, requests.exceptions.ProxyError):
        return NoAnswer("the proxy of HTTPS_PROXY does not let it through")
    return NoAnswer("the connection failed or broke off", may_pass=True)


def _session() -> requests.Session:
    session = requests.Session()
    # A file ~/.netrc would otherwise replace our credentials by its own.
    session.auth = _as_it_is
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
