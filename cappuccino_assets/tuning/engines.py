"""Which engine runs the workers of a search."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from cappuccino_assets.settings import Settings
from cappuccino_assets.tuning.pools import SearchJob, WorkerPool, local_pool


def engine_of(settings: Settings) -> Callable[[SearchJob], AbstractContextManager[WorkerPool]]:
    """Choose what `run_studies` opens its pool of workers with."""
    if settings.engine == "local":
        return local_pool
    from cappuccino_assets.tuning.ray_pool import RayCluster

    return RayCluster(
        address=settings.ray_address, gpus_per_worker=settings.ray_gpus_per_worker
    ).pool
