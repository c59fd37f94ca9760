"""Worker processes of this machine, none of which outlives its parent."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final

_PATIENCE_S: Final = 10.0


class WorkerProcesses:
    """Processes that are held by their handles, and seen to end.

    To be used from the main thread: the kernel ends the workers when the thread that started them
    ends, whatever way it does.

    Args:
        logs: Folder of what they say, a file each.
        target: What each of them runs, given its end of a connection, the parent's number and its
            log; to be found by its name, as they start afresh.
        arguments: What `target` gets besides.
    """

    def __init__(self, logs: Path, target: Callable[..., None], *arguments: Any):
        self._logs = logs
        self._target = target
        self._arguments = arguments
        # A fork would inherit torch's threads and open databases.
        self._context = get_context("spawn")
        self._processes: dict[Connection, SpawnProcess] = {}

    @property
    def connections(self) -> list[Connection]:
        """One to each worker that is there."""
        return list(self._processes)

    def start(self) -> Connection:
        """Start one more."""
        ours, theirs = self._context.Pipe()
        log = self._logs / f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}_{os.getpid()}.log"
        process = self._context.Process(
            target=self._target, args=(theirs, os.getpid(), log, *self._arguments)
        )
        process.start()
        theirs.close()
        self._processes[ours] = process
        return ours

    def ready(self, connections: Sequence[Connection], *, timeout_s: float | None) -> list[Any]:
        """Wait until some of the workers have said something, or are gone."""
        return wait(connections, timeout_s)

    def reap(self, connection: Connection) -> int | None:
        """See the end of a worker that has closed its connection.

        Returns:
            Its exit status; minus the signal that it died of.
        """
        process = self._processes.pop(connection)
        status = _await_end(process)
        connection.close()
        return status

    def stop(self) -> None:
        """Ask those that are there to stop, and see every one of them end."""
        for process in self._processes.values():
            process.terminate()
        self.see_end()

    def see_end(self) -> None:
        """See every worker end."""
        for connection in self.connections:
            self.reap(connection)


@contextmanager
def worker_processes(
    n_workers: int, logs: Path, target: Callable[..., None], *arguments: Any
) -> Iterator[WorkerProcesses]:
    """Start workers, and see every one of them end; they are stopped if the body fails.

    Args:
        n_workers: How many.
        logs: Folder of what they say, a file each.
        target: What each of them runs; see `WorkerProcesses`.
        arguments: What `target` gets besides.
    """
    workers = WorkerProcesses(logs, target, *arguments)
    try:
        for _ in range(n_workers):
            workers.start()
        yield workers
    except BaseException:
        workers.stop()
        raise
    workers.see_end()


def _await_end(process: SpawnProcess) -> int | None:
    process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
    status = process.exitcode
    process.close()
    return status
