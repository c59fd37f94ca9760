"""A whole search of a minute: `python -m bench.small_search FOLDER`.

Two small studies, one of which prunes, run on worker processes; then their trials are collected.
The same command continues what was interrupted. It is what `bench.kills` kills, and what a
dashboard looks at in its test.
"""

import argparse
import sys
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from cappuccino_assets.errors import CappuccinoError
from cappuccino_assets.features.arrays import build_feature_arrays, save_arrays
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.holdout import holdout_start
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import PLACEBO
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.pruning import PruningRule
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.results import collect
from cappuccino_assets.tuning.workers import run_studies

CAMPAIGN = "small"
N_DAYS = 360
PRUNING = replace(
    PLACEBO,
    name="pruning",
    pruning=PruningRule(fraction=0.5, p_threshold=0.2, n_startup_trials=3),
    checkpoint_steps=256,
)


def plans_of(layout: WarehouseLayout, n_trials: int) -> list[StudyPlan]:
    """Plan a study of phase 1 that prunes and keeps checkpoints, and one of phase 2."""
    return [
        _plan(layout, phase=1, n_trials=n_trials),
        _plan(layout, phase=2, n_trials=n_trials),
    ]


def _plan(layout: WarehouseLayout, *, phase: int, n_trials: int) -> StudyPlan:
    source = SimulatedSource(regime=Regime.NULL, interval=Interval.H4, n_days=N_DAYS)
    bars = source.fetch_bars()
    arrays = build_feature_arrays(grid_from_bars(bars), enhanced=phase == 2)
    history = (bars.start.astimezone(UTC), bars.end.astimezone(UTC))
    return StudyPlan(
        study_name=f"{CAMPAIGN}/phase{phase}_ppo",
        campaign=CAMPAIGN,
        profile=PRUNING if phase == 1 else PLACEBO,
        space=search_space(phase=phase, algorithm="ppo", ranges="placebo"),
        symbols=arrays.symbols,
        timeframe=Timeframe.D3,
        interval=arrays.interval,
        n_trials=n_trials,
        seed=0,
        fees="flat_0.006",
        dataset_digest=arrays.dataset_digest,
        history_from=history[0],
        holdout_from=holdout_start(*history, fraction=PLACEBO.holdout_fraction),
        arrays=save_arrays(layout.features, arrays),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=30, help="trials of each study")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    layout = WarehouseLayout(root=arguments.folder)
    plans = plans_of(layout, arguments.trials)
    try:
        run_studies(plans, n_workers=arguments.workers, layout=layout, on_progress=_show)
        collect(Warehouse(layout), plans)
    except CappuccinoError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _show(progress: Progress) -> None:
    print(f"{progress.study_name} {progress.n_done} of {progress.n_target}", flush=True)


if __name__ == "__main__":
    main()
