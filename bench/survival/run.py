"""A search in a process of its own, which can be struck, and which must leave nobody behind."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0  # a worker that is only starting sees that its parent died when it has


@dataclass(slots=True, kw_only=True)
class Run:
    """A run and all processes that it ever started, by their handles."""

    process: psutil.Popen
    log: Path
    started: float = field(default_factory=time.monotonic)
    known: set[psutil.Process] = field(default_factory=set)

    @classmethod
    def start(cls, warehouse: Path, *, n_trials: int, n_workers: int, log: Path) -> "Run":
        command = [sys.executable, "-m", "bench.small_search", str(warehouse)]
        command += ["--trials", str(n_trials), "--workers", str(n_workers)]
        with log.open("ab") as file:
            process = psutil.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
        return cls(process=process, log=log)

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started

    def workers(self) -> list[psutil.Process]:
        """Its living children that train; remembers all."""
        children = _children(self.process.pid)
        self.known.update(children)
        return [child for child in children if _trains(child)]

    def kill(self, *, with_workers: bool) -> None:
        workers = self.workers()
        for process in [self.process, *workers] if with_workers else [self.process]:
            _send(process, signal.SIGKILL)

    def interrupt(self) -> None:
        self.workers()
        _send(self.process, signal.SIGINT)

    def await_end(self, timeout_s: float | None = None) -> bool:
        try:
            self.process.wait(timeout_s)
        except psutil.TimeoutExpired:
            return False
        return True

    def left_behind(self) -> list[psutil.Process]:
        """Processes that live on after the run; they are ended here, by their handles."""
        deadline = time.monotonic() + PATIENCE_S
        while (alive := [p for p in self.known if _lives(p)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in alive:
            _send(process, signal.SIGKILL)
        return alive


def kill(process: psutil.Process) -> None:
    _send(process, signal.SIGKILL)


def stop_for(process: psutil.Process, seconds: float) -> None:
    _send(process, signal.SIGSTOP)
    time.sleep(seconds)
    _send(process, signal.SIGCONT)


def _send(process: psutil.Process | psutil.Popen, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _children(pid: int) -> list[psutil.Process]:
    """Children of a process, at once: psutil reads those of the whole machine."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    found = []
    for each in map(int, pids):
        try:
            found.append(psutil.Process(each))
        except psutil.NoSuchProcess:
            continue
    return found


def _lives(process: psutil.Process) -> bool:
    """Whether it can still do anything; a zombie cannot."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _trains(child: psutil.Process) -> bool:
    try:
        return _lives(child) and not any("resource_tracker" in word for word in child.cmdline())
    except psutil.NoSuchProcess:
        return False
