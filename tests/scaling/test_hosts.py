"""Two machines that share a database and a folder come to what one does."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import this_host
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.results import collect
from tests.postgres import Server
from tests.scaling.host import STUDY, plan_of
from tests.scaling.hosts import (
    Place,
    await_that,
    can_be_elsewhere,
    host,
    outcomes,
    ran,
    study_of,
    workers,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_elsewhere(), reason="namespaces may not be made here"),
]
N_TRIALS = 12


@pytest.fixture
def place(postgres: Server, new_database: Callable[[], str], tmp_path: Path) -> Place:
    """A host without a network reaches the server through its socket."""
    url = new_database().replace(f"127.0.0.1:{postgres.port}", "")
    return Place(
        studies_url=f"{url}?host={postgres.socket_folder}&port={postgres.port}",
        artifacts_url=(tmp_path / "shared").as_uri(),
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What one worker on one machine comes to."""
    root = tmp_path_factory.mktemp("alone")
    ran(root, Place(), 1, N_TRIALS)
    return list(outcomes(WarehouseLayout(root=root)))


def n_begun(layout: WarehouseLayout) -> int:
    counts = study_counts(layout, STUDY.partition("/")[0])
    return sum(study["n_running"] + study["n_complete"] for study in counts)


def claims(layout: WarehouseLayout, *, here: bool) -> list[int]:
    """Numbers of the trials that a process of this machine, or of another one, is at."""
    with study_of(layout) as study:
        trials = [
            t for t in study.trials if t.user_attrs.get("worker") and not t.state.is_finished()
        ]
    return [
        trial.number
        for trial in trials
        if (trial.user_attrs["worker"]["host"] == this_host()) == here
        and "early" not in trial.user_attrs
    ]


def require_all_collected(layout: WarehouseLayout) -> None:
    """All results reach the first machine's warehouse, each once."""
    rows = collect(Warehouse(layout), [plan_of(layout.root, N_TRIALS)])
    assert [row["number"] for row in rows] == list(range(N_TRIALS))
    with study_of(layout) as study:
        for trial in study.trials:
            folder = layout.trial(STUDY, trial.number)
            record = read_trial(folder, study_name=STUDY, number=trial.number)
            assert record["score"] == trial.value


def test_both_work_and_come_to_what_one_does(
    place: Place, alone: list[object], tmp_path: Path
) -> None:
    here = place.layout(tmp_path / "here")
    with host(here.root, place, 1, N_TRIALS) as first:
        await_that(lambda: n_begun(here) > 0)
        ran(tmp_path / "there", place, "worker", elsewhere=True)
        assert first.wait(300) == 0
    assert outcomes(here) == alone
    names = Counter(name.partition("/")[0] for name, _ in workers(here))
    assert names["elsewhere"] > 0
    assert names.total() - names["elsewhere"] > 0
    require_all_collected(here)


def test_a_machine_that_vanishes_is_stood_in_for(
    place: Place, alone: list[object], tmp_path: Path
) -> None:
    here = place.layout(tmp_path / "here")
    with host(here.root, place, 1, N_TRIALS) as first:
        await_that(lambda: n_begun(here) > 0)
        with host(tmp_path / "there", place, "worker", elsewhere=True) as second:
            await_that(lambda: bool(claims(here, here=False)))
            second.kill()  # and the kernel all that it had started
            second.wait()
            lost = claims(here, here=False)
        assert first.wait(300) == 0
    assert outcomes(here) == alone
    assert len(lost) == 1
    with study_of(here) as study:
        trial = study.trials[lost[0]]
        assert trial.user_attrs["given_up"] == ["Its worker gave no sign of life."]
        assert trial.user_attrs["worker"]["host"] == this_host()
    require_all_collected(here)
