"""Which process did something, and whether it is still there."""

import os
import socket
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

from cappuccino_assets.types import Json

_PROCESSES: Final = Path("/proc")
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_DEAD: Final = ("Z", "X")  # a zombie does nothing more, although it has its number still


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process of one machine; a number alone is soon another's.

    Args:
        host: Name, boot and pid namespace of the machine: a container's 7 is not its host's 7.
        pid: Its number there.
        started: Seconds from the boot to its start. The clock's time would not do: whoever sets
            the clock changes it for processes that run.
    """

    host: str
    pid: int
    started: float

    def __post_init__(self) -> None:
        if not self.host or self.pid < 1 or self.started < 0:
            raise ValueError(f"A process has a host, and a number from 1 on, but got {self}.")

    @classmethod
    def current(cls) -> Self:
        """Identify this process."""
        state = _state_of(os.getpid())
        if state is None:
            raise ProcessLookupError(f"{_PROCESSES} does not show this process.")
        return cls(host=this_host(), pid=os.getpid(), started=state[1])

    @property
    def hostname(self) -> str:
        """Name of its machine, for people."""
        return self.host.partition("/")[0]

    @property
    def is_here(self) -> bool:
        """Whether it belongs to this machine as it was booted, and can be looked for."""
        return self.host == this_host()

    def is_gone(self) -> bool:
        """Tell whether it has certainly ended; of another machine's process nothing is certain."""
        if not self.is_here:
            return False
        state = _state_of(self.pid)
        if state is None:
            return not _is_hidden(self.pid)
        return state[0] in _DEAD or state[1] != self.started

    def to_json(self) -> Json:
        """Render it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read it back.

        Raises:
            KeyError: If a value is missing.
            ValueError: If one is not what it should be.
        """
        return cls(host=str(value["host"]), pid=int(value["pid"]), started=float(value["started"]))


@cache
def this_host() -> str:
    """Name this machine: its host name, its boot, and the namespace that numbers processes."""
    boot = (_PROCESSES / "sys/kernel/random/boot_id").read_text().strip()
    namespace = os.readlink(_PROCESSES / "self/ns/pid").strip("pid:[]")
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _state_of(pid: int) -> tuple[str, float] | None:
    """Read the state of a process, a letter, and its start; None where there is no such process."""
    try:
        text = (_PROCESSES / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # after the command, which may hold anything
    return fields[0], int(fields[19]) / _TICKS_PER_SECOND


def _is_hidden(pid: int) -> bool:
    """Whether there is such a process all the same, which another user may not look at."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
