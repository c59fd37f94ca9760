"""Workers on a Ray cluster come to what one worker on one machine does."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cappuccino_assets.errors import ConfigurationError, WorkerError
from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import ANYWHERE
from cappuccino_assets.tuning.pools import SearchJob
from cappuccino_assets.tuning.ray_pool import RayCluster
from tests.scaling.host import STUDY
from tests.scaling.hosts import Place, await_that, host, outcomes, ran, study_of, workers
from tests.scaling.ray_cluster import Cluster, running_cluster

N_TRIALS = 8


@pytest.fixture(scope="module")
def homes() -> Iterator[Path]:
    """A short path, as Ray puts sockets below it."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(homes: Path) -> Iterator[Cluster]:
    pytest.importorskip("ray", reason="ray is not installed (the extra `ray`)")
    with running_cluster(homes, [homes / "a", homes / "b"]) as running:
        yield running


@pytest.fixture(scope="module")
def alone(homes: Path) -> list[object]:
    """What one worker on one machine comes to."""
    ran(homes / "alone", Place(), 1, N_TRIALS)
    return list(outcomes(WarehouseLayout(root=homes / "alone")))


@pytest.fixture
def place(new_database: Callable[[], str], tmp_path: Path) -> Place:
    return Place(studies_url=new_database(), artifacts_url=(tmp_path / "shared").as_uri())


def engine(cluster: Cluster) -> dict[str, str]:
    settings = {"CAPPUCCINO_ENGINE": "ray", "CAPPUCCINO_RAY_ADDRESS": cluster.address}
    return cluster.environment | settings


def job_of(layout: WarehouseLayout) -> SearchJob:
    return SearchJob(layout=layout, compute=ANYWHERE, names=(STUDY,), n_workers=2)


@pytest.mark.slow
def test_two_nodes_come_to_what_one_worker_does(
    cluster: Cluster, place: Place, alone: list[object], tmp_path: Path
) -> None:
    ran(tmp_path / "driver", place, 2, N_TRIALS, environment=engine(cluster))
    layout = place.layout(tmp_path / "driver")
    assert outcomes(layout) == alone
    assert len({*workers(layout)}) == 2
    assert not layout.trials.exists()  # until they are collected


@pytest.mark.slow
def test_a_worker_for_which_there_is_no_room_is_not_waited_for(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    greedy = engine(cluster) | {"CAPPUCCINO_RAY_GPUS_PER_WORKER": "1"}
    with host(tmp_path / "driver", place, 2, N_TRIALS, environment=greedy) as process:
        assert process.wait(120) == 1  # Ray would wait for a GPU to come


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(
    cluster: Cluster, place: Place, alone: list[object], tmp_path: Path
) -> None:
    layout = place.layout(tmp_path / "driver")
    with host(layout.root, place, 2, N_TRIALS, environment=engine(cluster)) as driver:
        await_that(lambda: bool(at_work(layout)))
        os.kill(at_work(layout)[0], signal.SIGKILL)
        assert driver.wait(300) == 0
    assert outcomes(layout) == alone
    with study_of(layout) as study:
        reasons = [reason for t in study.trials for reason in t.user_attrs.get("given_up", [])]
    assert reasons == ["Its process died."]


@pytest.mark.slow
def test_the_workers_end_with_who_started_them(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    layout = place.layout(tmp_path / "driver")
    with host(layout.root, place, 2, 50, environment=engine(cluster)) as driver:
        await_that(lambda: len(at_work(layout)) == 2)
        pids = at_work(layout)
        os.kill(driver.pid, signal.SIGKILL)
        await_that(lambda: not any(Path("/proc", str(pid)).exists() for pid in pids))


def test_studies_in_a_file_are_out_of_reach(tmp_path: Path) -> None:
    job = job_of(WarehouseLayout(root=tmp_path))
    with (
        pytest.raises(ConfigurationError, match="CAPPUCCINO_STUDIES_URL"),
        RayCluster(address="127.0.0.1:1").pool(job),
    ):
        pytest.fail("Nobody can search there.")


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (the extra `ray`)")
    with (
        pytest.raises(WorkerError, match=r"No Ray cluster answers at 127\.0\.0\.1:1"),
        RayCluster(address="127.0.0.1:1").pool(job_of(place.layout(tmp_path))),
    ):
        pytest.fail("There is no such cluster.")


def at_work(layout: WarehouseLayout) -> list[int]:
    """Processes that have claimed a trial and not brought its result."""
    if not is_begun(layout):
        return []
    with study_of(layout) as study:
        claims = [t.user_attrs for t in study.trials if not t.state.is_finished()]
    return [each["worker"]["pid"] for each in claims if each.get("worker") and "early" not in each]


def is_begun(layout: WarehouseLayout) -> bool:
    return bool(study_counts(layout, STUDY.partition("/")[0]))
