"""Workers placed on the machines of a Ray cluster."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import bindparam, text

from cappuccino_assets.errors import CappuccinoError, ConfigurationError, WorkerError
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.artifacts import pull_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.study_database import reading
from cappuccino_assets.tuning import worker
from cappuccino_assets.tuning.code_version import releases
from cappuccino_assets.tuning.pools import MAX_DEATHS_IN_A_ROW, SearchJob
from cappuccino_assets.tuning.studies import published_plans, study_storage

_PATIENCE_S: Final = 30.0
_N_FINISHED: Final = text(
    "SELECT count(*) FROM studies JOIN trials USING (study_id) "
    "WHERE study_name IN :names AND state IN ('COMPLETE', 'PRUNED', 'FAIL')"
).bindparams(bindparam("names", expanding=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RayCluster:
    """A cluster, and what a worker takes of it.

    Attributes:
        address: `HOST:PORT` of its head.
        gpus_per_worker: GPUs that are set aside for a worker; a part of one is possible. A worker
            without any sees none.
    """

    address: str
    gpus_per_worker: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no cluster has."""
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(
                f"A cluster's head has an address HOST:PORT, but got {self.address!r}."
            )
        if self.gpus_per_worker < 0:
            raise ValueError(f"A worker has GPUs from 0 on, but got {self.gpus_per_worker=}.")

    @contextmanager
    def pool(self, job: SearchJob) -> Iterator["RayPool"]:
        """Run workers on the cluster, one core each; all of them have ended afterwards.

        Ray ends them too when this process dies, whatever way it does.

        Raises:
            ConfigurationError: If the studies or their results are out of reach of other machines,
                Ray is not installed, or no machine of the cluster has room for a worker.
            WorkerError: If no cluster answers.
        """
        if job.layout.studies_url is None or job.layout.artifacts_url is None:
            raise ConfigurationError(
                "Workers on a cluster need a database and a place for results that all machines "
                "reach: set CAPPUCCINO_STUDIES_URL and CAPPUCCINO_ARTIFACTS_URL."
            )
        with self._connected():
            self._require_room()
            pool = RayPool(job, gpus_per_worker=self.gpus_per_worker)
            try:
                yield pool
            finally:
                pool.stop()

    def _require_room(self) -> None:
        """Refuse what no machine of the cluster can ever run; Ray itself would wait for ever."""
        needed = {"CPU": 1.0, "GPU": self.gpus_per_worker}
        nodes = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
        if not any(all(node.get(k, 0.0) >= n for k, n in needed.items()) for node in nodes):
            raise ConfigurationError(
                f"No machine of the cluster at {self.address} has a core and "
                f"{self.gpus_per_worker} GPUs, which a worker takes: see "
                "CAPPUCCINO_RAY_GPUS_PER_WORKER."
            )

    @contextmanager
    def _connected(self) -> Iterator[None]:
        ray = _ray()
        before = signal.getsignal(signal.SIGTERM)
        host, _, port = self.address.rpartition(":")
        try:
            # Ray itself would wait for its head for ever.
            socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ray.exceptions.RayError) as error:
            raise WorkerError(f"No Ray cluster answers at {self.address}: {error}") from error
        signal.signal(signal.SIGTERM, before)  # Ray has put its own there
        try:
            yield
        finally:
            ray.shutdown()


class RayPool:
    """Tasks of Ray, each of which is a worker.

    A worker that dies, or whose machine does, is put on the cluster again, where there is room.

    Args:
        job: What each of them does.
        gpus_per_worker: GPUs that are set aside for each.
    """

    def __init__(self, job: SearchJob, *, gpus_per_worker: float):
        self._job = job
        self._work = _ray().remote(num_cpus=1, num_gpus=gpus_per_worker, max_retries=0)(_work)
        self._n_deaths, self._n_finished = 0, _n_finished(job)
        self._running = [self._submit() for _ in range(job.n_workers)]

    @property
    def n_workers(self) -> int:
        """How many are at work, or wait for room."""
        return len(self._running)

    def wait(self, timeout_s: float) -> bool:
        """Wait until a worker has ended; replace those that died."""
        ended, self._running = _ray().wait(self._running, timeout=timeout_s)
        for each in ended:
            self._see_end(each)
        return bool(self._running)

    def stop(self) -> None:
        """Ask those that are there to stop, and see every one of them end."""
        ray = _ray()
        for forcefully in (False, True):
            for each in self._running:
                ray.cancel(each, force=forcefully)
            if self._running:
                n_left = len(self._running)
                _, self._running = ray.wait(self._running, num_returns=n_left, timeout=_PATIENCE_S)

    def _submit(self) -> Any:
        return self._work.remote(self._job, releases())

    def _see_end(self, ended: Any) -> None:
        ray = _ray()
        try:
            reason = ray.get(ended)
        except ray.exceptions.RayTaskError as error:  # of the program
            raise WorkerError(f"A worker failed: {error}") from error
        except ray.exceptions.RayError as error:  # of its process or machine
            self._replace(error)
            return
        if reason is not None:
            raise WorkerError(f"A worker gave up: {reason}")

    def _replace(self, error: Exception) -> None:
        n_finished = _n_finished(self._job)
        self._n_deaths = self._n_deaths + 1 if n_finished == self._n_finished else 1
        self._n_finished = n_finished
        if self._n_deaths == MAX_DEATHS_IN_A_ROW:
            raise WorkerError(
                f"{self._n_deaths} workers died one after the other before any trial was told. "
                f"The last one: {error}"
            ) from error
        self._running.append(self._submit())


def _work(job: SearchJob, version: dict[str, str]) -> str | None:
    """Be a worker in a process of Ray; say why it gave up, if it did."""
    import torch

    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger(worker.__name__).setLevel(logging.INFO)
    try:
        _join_from_here(job, version)
    except CappuccinoError as error:
        return f"{socket.gethostname()}: {error}"
    return None


def _join_from_here(job: SearchJob, version: dict[str, str]) -> None:
    """Work in the warehouse of this machine; what others need of it goes to the shared place."""
    if (here := releases()) != version:
        raise ConfigurationError(f"The code here is {here}, but that of the search is {version}.")
    layout = replace(job.layout, root=current_settings().warehouse)
    for folder in _arrays_of(job, layout):
        if not pull_folder(layout, folder):
            raise ConfigurationError(f"{layout.artifacts_url} is another place here, or empty.")
    worker.join(job.names, layout, job.compute, on_told=lambda _: None)


def _arrays_of(job: SearchJob, layout: WarehouseLayout) -> set[Path]:
    with study_storage(layout) as storage:
        plans = [plan for name in job.names for plan in published_plans(name, storage, layout)]
    return {plan.arrays for plan in plans}


def _n_finished(job: SearchJob) -> int:
    with reading(job.layout) as connection:
        if connection is None:
            return 0
        n: int = connection.execute(_N_FINISHED, {"names": job.names}).scalar_one()
        return n


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Ray is not installed: pip install 'cappuccino_assets[ray]'."
        ) from error
    return ray
