import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from time import sleep

import psutil
import pytest

from cappuccino_assets.errors import (
    CampaignMismatchError,
    HistoryTooShortError,
    IntegrityError,
    WorkerError,
)
from cappuccino_assets.features.arrays import FeatureArrays, save_arrays
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import open_study, study_storage
from cappuccino_assets.tuning.worker import objective_of
from cappuccino_assets.tuning.workers import run_studies
from cappuccino_assets.types import Json
from tests.tuning.small import small_arrays, small_plan

TIMES = {"started_at", "completed_at", "duration_s", "training_s", "evaluation_s"}


def plans_of(layout: WarehouseLayout, n_studies: int = 2, **changes: object) -> list[StudyPlan]:
    arrays = small_arrays(drift=0.005)
    plan = replace(small_plan(arrays, **changes), arrays=save_arrays(layout.features, arrays))
    return [replace(plan, study_name=f"small/study_{number}") for number in range(n_studies)]


def run(
    plans: list[StudyPlan],
    layout: WarehouseLayout,
    n_workers: int,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[tuple[str, int, float]]:
    run_studies(plans, n_workers=n_workers, layout=layout, on_progress=on_progress)
    with study_storage(layout) as storage:
        records = trial_records(plans, storage)
    return [(record["study_name"], record["number"], record["value"]) for record in records]


def test_two_workers_complete_two_studies_and_say_how_far_they_are(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plans = plans_of(layout)
    told: list[Progress] = []

    scores = run(plans, layout, 2, told.append)

    assert [(name, number) for name, number, _ in scores] == [
        ("small/study_0", 0),
        ("small/study_0", 1),
        ("small/study_1", 0),
        ("small/study_1", 1),
    ]
    for name, number, value in scores:
        assert read_json(layout.trial(name, number) / "trial.json")["score"] == value
    assert [progress.n_done for progress in told[:2]] == [0, 0]
    assert 4 <= len(told) <= 6  # trials that end out of turn are told together
    assert told[0].eta_s is None
    assert told[-1].eta_s == 0.0
    assert told[-1].trials_per_hour > 0
    last = {progress.study_name: progress for progress in told}
    assert last["small/study_1"].n_done == last["small/study_1"].n_target == 2
    assert last["small/study_1"].best_score == max(value for name, _, value in scores[2:])

    told.clear()
    assert run(plans, layout, 2, told.append) == scores  # nothing is left to do
    assert [progress.n_done for progress in told] == [2, 2]


@pytest.mark.slow
def test_the_number_of_workers_changes_no_score(tmp_path: Path) -> None:
    def scores_of(n_workers: int) -> list[tuple[str, int, float]]:
        layout = WarehouseLayout(root=tmp_path / str(n_workers))
        return run(plans_of(layout, 2, n_trials=6), layout, n_workers)

    assert scores_of(1) == scores_of(2) == scores_of(3)


@pytest.mark.parametrize(("phase", "algorithm"), [(1, "ppo"), (2, "ppo")])
def test_incident_46_what_happens_in_the_hold_out_changes_no_trial(
    tmp_path: Path, phase: int, algorithm: str
) -> None:
    arrays = small_arrays(enhanced=phase == 2, drift=0.005)
    plan = small_plan(arrays, phase=phase, algorithm=algorithm, n_trials=1)
    _, held_out = arrays.split_at(plan.holdout_from)
    n = held_out.n_bars
    changed = {name: getattr(arrays, name).copy() for name in ("open", "close", "features")}
    for values in changed.values():
        values[-n:] *= 3
    observed = arrays.observed.copy()
    observed[-n::2] = False
    other = replace(arrays, observed=observed, **changed)

    def tried(arrays: FeatureArrays, folder: str) -> Json:
        layout = WarehouseLayout(root=tmp_path / folder)
        stored = replace(plan, arrays=save_arrays(layout.features, arrays))
        with study_storage(layout) as storage:
            top_up(stored, layout, storage, objective_of(stored, layout))
        record = read_json(layout.trial(plan.study_name, 0) / "trial.json")
        return {name: value for name, value in record.items() if name not in TIMES}

    assert n == 263  # 15 % of 1,500 rows and the 250 bars before them, rounded up
    assert tried(arrays, "one") == tried(other, "other")


def test_a_worker_that_dies_is_replaced_and_its_trial_run_again(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plans, killed = plans_of(layout, 1, n_trials=4), list[int]()

    def kill(progress: Progress) -> None:
        if progress.n_done == 1 and not killed:
            (child,) = active_children()
            child.kill()
            killed.append(child.pid or 0)

    scores = run(plans, layout, 1, kill)

    assert killed
    with study_storage(layout) as storage:
        trials = open_study(plans[0], storage).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert {trial.user_attrs["worker"]["pid"] for trial in trials} >= {killed[0]}
    undisturbed = WarehouseLayout(root=tmp_path / "undisturbed")
    assert run(plans_of(undisturbed, 1, n_trials=4), undisturbed, 1) == scores


SEARCH = """
import sys
from pathlib import Path
from tests.tuning.test_workers import plans_of, run
from cappuccino_assets.storage.layout import WarehouseLayout
if __name__ == "__main__":
    layout = WarehouseLayout(root=Path(sys.argv[1]))
    run(plans_of(layout, 1, n_trials=500), layout, 2)
"""


def test_incident_34_no_worker_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(SEARCH)
    command = [sys.executable, str(script), str(tmp_path)]
    where = {"env": os.environ | {"PYTHONPATH": str(Path.cwd())}, "cwd": Path.cwd()}
    with subprocess.Popen(command, **where) as parent:  # type: ignore[call-overload]
        logs = WarehouseLayout(root=tmp_path).worker_logs
        while sum("joined" in log.read_text() for log in logs.glob("*.log")) < 2:
            assert parent.poll() is None
            sleep(0.05)
        children = psutil.Process(parent.pid).children()
        workers = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
        for worker in workers:
            worker.suspend()  # so that it can notice nothing by itself
        parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert len(workers) == 2
    assert not alive


def test_incident_21_what_another_search_left_is_refused_and_stays(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    (plan,) = plans_of(layout, 1)
    folder = layout.trial(plan.study_name, 0)
    folder.mkdir(parents=True)

    for _ in range(2):  # a second try changes nothing
        with pytest.raises(WorkerError, match=r"gave up: .*another search has left it"):
            run([plan], layout, 1)
        assert folder.is_dir()


def test_what_cannot_be_searched_is_refused_before_a_worker_starts(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    (plan,) = plans_of(layout, 1)
    short = save_arrays(layout.features, small_arrays(600))
    with study_storage(layout) as storage:
        open_study(plan, storage)

    with pytest.raises(HistoryTooShortError, match="850 bars, but at least"):
        run([replace(plan, arrays=short)], layout, 1)
    with pytest.raises(CampaignMismatchError, match="seed"):
        run([replace(plan, seed=9)], layout, 1)
    with pytest.raises(ValueError, match="at least one worker"):
        run([plan], layout, 0)
    (plan.arrays / "close.npy").write_bytes((plan.arrays / "open.npy").read_bytes())
    with pytest.raises(IntegrityError):
        run([plan], layout, 1)
