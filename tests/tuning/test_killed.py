"""What is killed in the middle of a trial ends like what was not."""

import os
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread

import pytest
import torch

from cappuccino_assets.errors import (
    ConfigurationError,
    TrialFailedError,
    TrialPrunedError,
)
from cappuccino_assets.features.arrays import FeatureArrays, save_arrays
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import Compute
from cappuccino_assets.tuning.joining import flowing
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.spaces import Constant, Consumer
from cappuccino_assets.tuning.studies import open_study, study_storage
from cappuccino_assets.tuning.tasks import perform
from cappuccino_assets.tuning.worker import objective_of
from cappuccino_assets.tuning.workers import run_studies
from tests.tuning.small import PPO, SMALL, small_arrays, small_plan

STEPS = 4096
CHECKPOINT_STEPS = 512
LOOK = PruningRule(fraction=0.25, p_threshold=0.05, n_startup_trials=1)


def plan_of(layout: WarehouseLayout, *, pruning: PruningRule | None = None) -> StudyPlan:
    """A study of two trials of 16 rollouts, with a checkpoint after every other one."""
    arrays = small_arrays(drift=0.005)
    profile = replace(SMALL, checkpoint_steps=CHECKPOINT_STEPS, pruning=pruning)
    plan = small_plan(arrays, profile=profile)
    long = (
        Constant(name="break_step", value=STEPS, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=256, consumer=Consumer.AGENT),
    )
    space = replace(plan.space, constants=long)
    return replace(plan, space=space, arrays=save_arrays(layout.features, arrays))


def searched(plan: StudyPlan, layout: WarehouseLayout) -> list[tuple[int, float]]:
    def ignore(progress: Progress) -> None:
        pass

    run_studies([plan], n_workers=1, layout=layout, on_progress=ignore)
    folders = sorted(layout.trial(plan.study_name, 0).parent.glob("0*"))
    records = [read_json(folder / "trial.json") for folder in folders]
    return [(record["number"], record["score"]) for record in records]


def checkpoints_of(plan: StudyPlan, layout: WarehouseLayout) -> list[Path]:
    """Folders of whole checkpoints; a walk passes over one that is removed meanwhile."""
    walk = os.walk(layout.checkpoints(plan.study_name, 0).parent)
    folders = [Path(folder) for folder, _, names in walk if "checkpoint.json" in names]
    return [folder for folder in folders if folder.name.isdigit()]


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name)


def looks_of(plan: StudyPlan, layout: WarehouseLayout) -> list[dict[int, float]]:
    """What each trial's splits were like part of the way; empty without pruning."""
    with study_storage(layout) as storage:
        return [trial.intermediate_values for trial in open_study(plan, storage).trials]


def kill_workers() -> None:
    for process in active_children():
        process.kill()


@pytest.mark.parametrize(
    ("pruning", "step"), [(None, CHECKPOINT_STEPS), (LOOK, LOOK.step_of(STEPS) + CHECKPOINT_STEPS)]
)
def test_a_study_whose_worker_is_killed_in_a_trial_ends_with_the_same_scores_and_looks(
    tmp_path: Path, pruning: PruningRule | None, step: int
) -> None:
    through, killed = (WarehouseLayout(root=tmp_path / name) for name in ("through", "killed"))
    plan = plan_of(killed, pruning=pruning)
    ended = Event()

    def kill_after_a_checkpoint() -> None:
        while max(map(step_of, checkpoints_of(plan, killed)), default=0) < step:
            if ended.wait(0.001):
                return
        kill_workers()

    watcher = Thread(target=kill_after_a_checkpoint)
    watcher.start()
    try:
        scores = searched(plan, killed)  # a worker that died is replaced
    finally:
        ended.set()
        watcher.join()

    events = read_json(killed.trial(plan.study_name, 0) / "trial.json")["events"]
    assert [event["event"] for event in events] == ["continued"]
    assert events[0]["step"] >= step
    assert scores == searched(plan_of(through, pruning=pruning), through)
    assert looks_of(plan, killed) == looks_of(plan, through)
    assert not checkpoints_of(plan, killed)  # nothing is left behind


def stopped_at_its_folder(
    plan: StudyPlan, search: FeatureArrays, layout: WarehouseLayout, prune: Pruner
) -> None:
    """Run a trial that ends as it is about to write its folder, as if it were killed there."""
    folders = layout.trial(plan.study_name, 0).parent
    folders.parent.mkdir(parents=True)
    folders.touch()  # nothing can be made in a file
    with pytest.raises(OSError, match=folders.name):
        run_trial(plan, PPO, 0, search, layout, prune=prune)
    folders.unlink()


@pytest.mark.parametrize("every", [256, CHECKPOINT_STEPS, None])
def test_a_pruned_trial_that_is_killed_before_it_says_so_is_judged_by_what_it_had(
    tmp_path: Path, every: int | None
) -> None:
    through, killed = (WarehouseLayout(root=tmp_path / name) for name in ("through", "killed"))
    plan = plan_of(killed, pruning=replace(LOOK, fraction=0.3))
    plan = replace(plan, profile=replace(plan.profile, checkpoint_steps=every))
    search = plan.search_arrays(small_arrays(drift=0.005))
    asked: list[Sequence[float]] = []

    def prune(values: Sequence[float]) -> str:
        asked.append(values)
        return "it is hopeless"

    stopped_at_its_folder(plan, search, killed, prune)
    for layout in (killed, through):
        with pytest.raises(TrialPrunedError, match="After 1280 of 4096 steps: it is hopeless"):
            run_trial(plan, PPO, 0, search, layout, prune=prune)

    left, expected = (
        read_json(layout.trial(plan.study_name, 0) / "pruned.json") for layout in (killed, through)
    )
    assert left["n_steps"] == 1280
    assert left["unfinished_splits"] == expected["unfinished_splits"]
    assert asked[0] == asked[1] == asked[2]
    assert not checkpoints_of(plan, killed)


@pytest.mark.parametrize("every", [CHECKPOINT_STEPS, None])
def test_a_trial_that_went_on_after_its_look_is_not_judged_again(
    tmp_path: Path, every: int | None
) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plan = plan_of(layout, pruning=LOOK)
    plan = replace(plan, profile=replace(plan.profile, checkpoint_steps=every))
    search = plan.search_arrays(small_arrays(drift=0.005))
    told: list[Sequence[float]] = []

    def go_on(values: Sequence[float]) -> None:
        told.append(values)

    def prune(values: Sequence[float]) -> str:
        told.append(values)
        return "others have become better since"

    stopped_at_its_folder(plan, search, layout, go_on)
    record = run_trial(plan, PPO, 0, search, layout, prune=prune)

    assert record["n_steps"] == STEPS
    assert told[0] == told[1]  # what it was like is told again all the same


def test_a_trial_that_is_settled_leaves_no_checkpoint(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plan = plan_of(layout)
    search = plan.search_arrays(small_arrays(drift=0.005))
    diverging = PPO | {"learning_rate": 1e30}

    with pytest.raises(TrialFailedError, match="diverged"):
        run_trial(plan, diverging, 0, search, layout)

    assert not checkpoints_of(plan, layout)


def test_a_trial_that_ended_untold_is_run_again_as_if_it_had_not(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plan = plan_of(layout)
    objective = objective_of(plan, layout)
    with study_storage(layout) as storage:
        with flowing(plan, layout, storage) as flow:
            task = flow.take()
            assert task is not None
            first = perform(task, objective)  # its folder is there, but nobody hears of it
        with flowing(plan, layout, storage) as flow:
            again = flow.take()
            assert again is not None
            assert (again.number, again.params) == (task.number, task.params)
            assert perform(again, objective) == first


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_before_a_worker_starts(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    with pytest.raises(ConfigurationError, match="finds no GPU"):
        run_studies(
            [plan_of(layout)],
            n_workers=1,
            layout=layout,
            on_progress=lambda progress: None,
            compute=Compute(device="cuda"),
        )
    assert not layout.studies.exists()
