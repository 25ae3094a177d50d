"""Where the embedded run keeps things: `.local/` with secrets and logs, the servers' data, short socket paths."""

import base64
import fcntl
import hashlib
import os
import pwd
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parents[2]

# The servers refuse to run as root.
UNPRIVILEGED_USER = "nobody"


@dataclass(frozen=True)
class Place:
    """The directories of one embedded run: `local` is ours, `data` and `sockets` belong to the servers' user."""

    local: Path
    data: Path
    sockets: Path

    @property
    def secrets_file(self) -> Path:
        """The generated secrets, readable by their owner only."""
        return self.local / "secrets.env"

    @property
    def access_log(self) -> Path:
        """The demo API's access log, in the form of the shipped nginx configuration."""
        return self.local / "log" / "demo-access.log"

    def prepare(self) -> None:
        """Make our directories. The servers' user may pass through to its data; nobody else sees logs and mail."""
        self.local.mkdir(parents=True, exist_ok=True)
        self.local.chmod(0o711)
        for name in ("log", "mail", "media", "exports"):
            (self.local / name).mkdir(exist_ok=True)
            (self.local / name).chmod(0o700)

    def secrets(self) -> dict[str, str]:
        """Return the secrets, generated the first time."""
        try:
            return _read(self.secrets_file)
        except FileNotFoundError:
            self.prepare()
            _write_once(self.secrets_file, _generate())
            return _read(self.secrets_file)

    def replace_secrets(self, values: Mapping[str, str]) -> None:
        """Change some of the secrets; whoever reads meanwhile finds all of the old or all of the new ones."""
        with (self.local / "secrets.lock").open("a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _draft(self.secrets_file, {**self.secrets(), **values}).replace(self.secrets_file)

    def remember(self, name: str, values: Mapping[str, str]) -> None:
        """Keep a few values in a file of ours that nobody else may read."""
        (self.local / name).unlink(missing_ok=True)
        _write_once(self.local / name, values)

    def recall(self, name: str) -> dict[str, str]:
        """Return what was kept; nothing when there is no such file."""
        try:
            return _read(self.local / name)
        except FileNotFoundError:
            return {}

    def database_url(self, password: str) -> str:
        """Say how to reach the embedded PostgreSQL."""
        return (
            f"postgresql://tollgate:{password}@/tollgate?host={quote(str(self.sockets), safe='')}"
        )

    def redis_url(self, password: str) -> str:
        """Say how to reach the embedded Valkey."""
        return f"unix://{self.sockets}/valkey.sock?db=0&password={password}"


def locate(local_directory: str = "") -> Place:
    """Find the place of an embedded run: in this checkout, or where the setting LOCAL_DIR says."""
    local = Path(local_directory or BASE_DIR / ".local").resolve()
    name = hashlib.sha256(str(local).encode()).hexdigest()[:12]
    sockets = Path("/tmp") / f"tollgate-{os.geteuid()}-{name}"  # noqa: S108  (socket paths end at 104 characters)
    data = local / "data"
    if os.geteuid() == 0 and not may_enter(local.parent, UNPRIVILEGED_USER):
        data = Path("/var/tmp") / f"tollgate-{name}"  # noqa: S108  (survives a restart, 0700, owned by the servers' user)
    return Place(local=local, data=data, sockets=sockets)


def may_enter(directory: Path, user: str) -> bool:
    """Tell whether a user may pass through a directory and all of its parents."""
    account = pwd.getpwnam(user)
    return all(
        _allows(path.stat(), account) for path in (directory, *directory.parents) if path.exists()
    )


def _allows(found: os.stat_result, account: pwd.struct_passwd) -> bool:
    if found.st_uid == account.pw_uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.pw_gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _generate() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEYS": f"1:{secrets.token_urlsafe(48)}",
        "ENCRYPTION_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "KEY_PEPPERS": f"1:{secrets.token_hex(32)}",
        "DATABASE_PASSWORD": secrets.token_hex(16),
        "REDIS_PASSWORD": secrets.token_hex(16),
        "DEMO_PASSWORD": f"demo-{secrets.token_hex(6)}",
    }


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines) if value}


def _write_once(path: Path, values: Mapping[str, str]) -> None:
    """Write a file that nobody else may read; whoever comes first wins, and nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, values)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _draft(path: Path, values: Mapping[str, str]) -> Path:
    """Write a file beside another one, readable by its owner only."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    return Path(draft)
