"""One machine of a search, as a program that takes its settings from the environment.

python -m tests.scaling.host search N_WORKERS N_TRIALS
python -m tests.scaling.host join N_WORKERS
"""

import sys
from dataclasses import replace
from pathlib import Path

from cappuccino_assets.features.arrays import save_arrays
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import WarehouseLayout, configured_layout
from cappuccino_assets.tuning.engines import engine_of
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.spaces import Constant, Consumer
from cappuccino_assets.tuning.workers import run_studies
from tests.tuning.small import SMALL, small_arrays, small_plan

STUDY = "small/phase1_ppo"
STEPS = 2048


def plan_of(root: Path, n_trials: int) -> StudyPlan:
    """A study of trials of some seconds each, with a checkpoint now and then."""
    arrays = small_arrays(drift=0.005)
    profile = replace(SMALL, checkpoint_steps=512)
    plan = small_plan(arrays, profile=profile, n_trials=n_trials)
    long = (
        Constant(name="break_step", value=STEPS, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=256, consumer=Consumer.AGENT),
    )
    folder = save_arrays(WarehouseLayout(root=root).features, arrays)
    return replace(plan, space=replace(plan.space, constants=long), arrays=folder)


def main(n_workers: int, n_trials: int) -> None:
    settings = current_settings()
    layout = configured_layout(settings)
    run_studies(
        [plan_of(layout.root, n_trials)],
        n_workers=n_workers,
        layout=layout,
        on_progress=say,
        open_pool=engine_of(settings),
    )


def say(progress: Progress) -> None:
    sys.stdout.write(f"{progress.n_done} of {progress.n_target}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
