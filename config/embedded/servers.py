"""PostgreSQL and Valkey from their wheels, run by us: started as an unprivileged user, stopped with their parent."""

import contextlib
import ctypes
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from config.common import files
from config.embedded.place import UNPRIVILEGED_USER, may_enter

_PR_SET_PDEATHSIG = 1
_LEAST_FREE_MEGABYTES = 300


class EmbeddedError(Exception):
    """Something stands in the way of the embedded run; the message is one line and says what to do."""


@dataclass(frozen=True)
class Owner:
    """The user the servers run as: us, or `nobody` when we are root, which PostgreSQL refuses."""

    uid: int
    gid: int
    name: str

    @classmethod
    def current(cls) -> "Owner":
        """Choose the user."""
        uid = os.geteuid()
        account = pwd.getpwnam(UNPRIVILEGED_USER) if uid == 0 else pwd.getpwuid(uid)
        return cls(account.pw_uid, account.pw_gid, account.pw_name)

    @property
    def changes(self) -> bool:
        """Tell whether the servers run as somebody else."""
        return self.uid != os.geteuid()

    def directory(self, path: Path) -> Path:
        """Make a directory that only this user may enter, and refuse one that is somebody else's."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.changes and path.stat().st_uid == os.geteuid():
            os.chown(path, self.uid, self.gid)
        if path.is_symlink() or path.stat().st_uid != self.uid:
            raise EmbeddedError(f"{path} belongs to somebody else; remove it and start again")
        path.chmod(0o700)
        return path


def dies_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs before it becomes its program, so that it ends when we are killed (Linux only)."""
    if platform.system() != "Linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


@dataclass
class Server:
    """One server process: its directories, its log, and how it is told to stop."""

    name: str
    owner: Owner
    data: Path
    log: Path
    stop_signals: tuple[signal.Signals, ...]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def spawn(self, command: Sequence[str | Path], *, stdin: bytes = b"") -> None:
        """Start the program as its user; it ends with us, even if we are killed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  (our own command line)
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, "HOME": str(self.data)},
                start_new_session=True,
                preexec_fn=dies_with_parent(self.stop_signals[0]),  # noqa: PLW1509  (no threads yet)
                user=self.owner.uid if self.owner.changes else None,
                group=self.owner.gid if self.owner.changes else None,
                extra_groups=[] if self.owner.changes else None,
            )
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(stdin)
                self.process.stdin.close()

    def wait(self, is_ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Wait until the server answers, or say why it does not."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self.process is None or self.process.poll() is not None:
                raise EmbeddedError(f"{self.name} did not start: {self.reason()} (see {self.log})")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(
                    f"{self.name} did not answer in {seconds:.0f} s (see {self.log})"
                )
            time.sleep(0.02)

    def reason(self) -> str:
        """Return the last complaint in the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-40:]
        telling = [line for line in lines if any(word in line for word in _COMPLAINTS)]
        return (telling or lines or ["its log is empty"])[-1].strip()

    def stop(self) -> None:
        """Stop the server: politely first, for good in the end."""
        if self.process is None:
            return
        for how in (*self.stop_signals, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
                break
        self.process = None


@dataclass
class Installation(ABC):
    """A server of our own: its data, the directory of its socket, its log, its password.

    Without a port it listens on its socket only. One that is not durable may lose its data in a crash.
    """

    NAME: ClassVar[str]
    STOP_SIGNALS: ClassVar[tuple[signal.Signals, ...]]

    data: Path
    sockets: Path
    log: Path
    password: str
    port: int | None = None
    durable: bool = True

    def __post_init__(self) -> None:
        self.owner = Owner.current()
        self.server = Server(self.NAME, self.owner, self.data, self.log, self.STOP_SIGNALS)

    def start(self) -> None:
        """Start the server, the first time with what it needs."""
        require_space(self.data)
        self.owner.directory(self.data)
        self.owner.directory(self.sockets)
        self._prepare()
        self._launch()

    def wait(self) -> None:
        """Wait until the server answers."""
        self.server.wait(self._is_ready, seconds=60)

    def stop(self) -> None:
        """Stop the server; what is not yet written is written first."""
        self.server.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Make what is missing, and end a server that outlived its parent."""

    @abstractmethod
    def _launch(self) -> None:
        """Run the server's program."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the server answers."""


def wait_for_end(is_there: Callable[[], bool], otherwise: str) -> None:
    """Wait until a predecessor that was told to stop has gone; raise what to do if it stays."""
    deadline = time.monotonic() + 20
    while is_there():
        if time.monotonic() > deadline:
            raise EmbeddedError(otherwise)
        time.sleep(0.05)


_COMPLAINTS = ("FATAL", "ERROR", "error", "Fatal", "No space left", "not permitted", "denied")


def require_space(path: Path) -> None:
    """Refuse to start on a full disk, where the servers would stop half-way with many words."""
    existing, free = files.space_under(path)
    if free < _LEAST_FREE_MEGABYTES:
        raise EmbeddedError(
            f"the disk under {existing} is full: {free} MB are free and {_LEAST_FREE_MEGABYTES} MB are needed"
        )


def free_port() -> int:
    """Find a TCP port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def package_folder(package: str, owner: Owner, copies: Path) -> Path:
    """Return a package's folder that the servers' user may read: the installed one, or else a copy.

    Packages are found without being imported, which takes time and has effects. Their shared libraries lie beside
    them in `<package>.libs`.
    """
    found = find_spec(package)
    if found is None or found.origin is None:
        raise EmbeddedError(
            f"the package {package} is missing; run `make run`, or set DATABASE_URL and REDIS_URL"
        )
    installed = Path(found.origin).parent
    if not owner.changes or may_enter(installed, owner.name):
        return installed
    copy = copies / f"{package}-{int(installed.stat().st_mtime)}"
    if not copy.exists():
        draft = copies / f".{copy.name}.{os.getpid()}"
        for folder in (installed, installed.with_name(f"{package}.libs")):
            if folder.exists():
                shutil.copytree(folder, draft / folder.name, symlinks=True)
        draft.rename(copy)
    return copy / package


def command_of(process_id: int) -> str:
    """Return the command line of a process, or nothing if there is no such process."""
    if platform.system() == "Linux":
        with contextlib.suppress(OSError):
            return Path(f"/proc/{process_id}/cmdline").read_text("utf-8").replace("\0", " ").strip()
        return ""
    # Twice -w: the line is cut at the terminal's width otherwise.
    shown = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "args=", "-p", str(process_id)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()
