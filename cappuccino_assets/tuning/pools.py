"""Where the workers of a search run: what is asked of such a place, and this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from cappuccino_assets.errors import WorkerError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import Compute
from cappuccino_assets.tuning import worker
from cappuccino_assets.tuning.processes import WorkerProcesses, worker_processes
from cappuccino_assets.tuning.worker import Failed, Told

MAX_DEATHS_IN_A_ROW: Final = 8  # a trial that kills its process does so four times, then it fails


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJob:
    """What each worker of a search is to do.

    Attributes:
        layout: Where studies and trials are kept.
        compute: What trainings may use.
        names: The studies, which were published.
        n_workers: How many workers.
    """

    layout: WarehouseLayout
    compute: Compute
    names: tuple[str, ...]
    n_workers: int

    def __post_init__(self) -> None:
        """Refuse a job that nobody would do."""
        if self.n_workers < 1 or not self.names:
            raise ValueError(f"A search needs workers and studies, but got {self}.")


class WorkerPool(Protocol):
    """Workers that run a search together with whoever else does."""

    @property
    def n_workers(self) -> int:
        """How many are at work."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until something may have happened to the studies; replace workers that died.

        Returns:
            Whether any worker is left.

        Raises:
            WorkerError: If a worker gave up, or workers die without getting anywhere.
        """


class LocalPool:
    """Processes of this machine.

    Args:
        processes: The workers, which were started.
    """

    def __init__(self, processes: WorkerProcesses):
        self._processes = processes
        self._n_deaths = 0

    @property
    def n_workers(self) -> int:
        """How many are at work."""
        return len(self._processes.connections)

    def wait(self, timeout_s: float) -> bool:
        """Wait until a worker has told a trial or ended; replace those that died."""
        for connection in self._processes.ready(self._processes.connections, timeout_s=timeout_s):
            try:
                self._heed(connection.recv())
            except (EOFError, ConnectionResetError):
                self._replace(self._processes.reap(connection))
        return bool(self._processes.connections)

    def _heed(self, message: Told | Failed) -> None:
        if isinstance(message, Failed):
            raise WorkerError(f"A worker gave up: {message.reason}")
        self._n_deaths = 0

    def _replace(self, status: int | None) -> None:
        if status == 0:
            return
        self._n_deaths += 1
        if self._n_deaths == MAX_DEATHS_IN_A_ROW:
            raise WorkerError(
                f"{self._n_deaths} workers died one after the other before any trial was told, the "
                f"last one with exit status {status}. See the files in their folder of logs."
            )
        self._processes.start()


@contextmanager
def local_pool(job: SearchJob) -> Iterator[LocalPool]:
    """Run workers on this machine; all of them have ended afterwards."""
    arguments = (job.layout, job.compute, job.names)
    with worker_processes(
        job.n_workers, job.layout.worker_logs, worker.run_studies, *arguments
    ) as processes:
        yield LocalPool(processes)
