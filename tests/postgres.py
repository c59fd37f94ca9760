"""A PostgreSQL server from Debian's packages, on loopback, for as long as it is wanted."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

USER = "cappuccino"
_UNPRIVILEGED = ("nobody", "nogroup")
_PATIENCE_S = 30.0
_UNSAFE_BUT_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")


def why_no_postgres() -> str | None:
    """Say what is missing; None where a server can be started."""
    if find_spec("psycopg2") is None:
        return "psycopg2 is not installed (the extra `postgres`)"
    if _binaries() is None:
        return "no initdb on PATH or in /usr/lib/postgresql (Debian's package postgresql)"
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL refuses to run as root, and there is no setpriv to run it as another"
    return None


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator["Server"]:
    """Start a server in a folder of its own; stop it and remove the folder in the end.

    Args:
        durable: Whether it waits for the disk, as a server whose speed is measured must.
    """
    binaries = _binaries()
    assert binaries is not None, why_no_postgres()
    home = Path(tempfile.mkdtemp(prefix="cappuccino-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(home, *_UNPRIVILEGED)
        data, port = home / "data", _free_port()
        _run(binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        flags = ["-D", data, "-p", port, "-h", "127.0.0.1", "-k", home]
        speed = () if durable else _UNSAFE_BUT_FAST
        with (home / "log").open("wb") as log:
            command = _as_nobody(binaries / "postgres", *flags, *speed)
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await_answer(binaries, port, process, home / "log")
            yield Server(port, home, binaries)
        finally:
            process.send_signal(signal.SIGINT)  # ends clients too; SIGTERM would wait for them
            _await_end(process)
    finally:
        shutil.rmtree(home)


class Server:
    """A running server.

    Args:
        port: It listens there, on loopback.
        socket_folder: And there, for whoever has no network.
        binaries: Of this version of PostgreSQL.
    """

    def __init__(self, port: int, socket_folder: Path, binaries: Path):
        self.port = port
        self.socket_folder = socket_folder
        self._binaries = binaries

    def new_database(self, name: str) -> str:
        """Make a database, and return its URL as SQLAlchemy writes it."""
        _run(self._binaries / "createdb", "-h", "127.0.0.1", "-p", self.port, "-U", USER, name)
        return f"postgresql+psycopg2://{USER}@127.0.0.1:{self.port}/{name}"


def _binaries() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in versions), key=_version, default=None)


def _version(binaries: Path) -> float:
    return float(binaries.parent.name)


def _as_nobody(*command: object) -> list[str]:
    """Run as somebody without rights where this is root; end it with this process."""
    plain = [str(part) for part in command]
    if shutil.which("setpriv") is None:
        return plain
    user, group = _UNPRIVILEGED
    drop = [f"--reuid={user}", f"--regid={group}", "--clear-groups"] if os.getuid() == 0 else []
    return ["setpriv", "--pdeathsig=INT", *drop, *plain]


def _run(*command: object) -> None:
    subprocess.run(_as_nobody(*command), check=True, capture_output=True, cwd="/")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _await_answer(binaries: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + _PATIENCE_S
    while subprocess.run(ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.05)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
