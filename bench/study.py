"""What a study costs besides its trainings: asking, telling and writing files."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import optuna

from bench.timing import timed
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Timeframe
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import MINI
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import SearchSpace, suggest
from cappuccino_assets.tuning.studies import open_study, study_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Seconds a trial, medians."""

    ask_and_tell_s: float
    files_s: float

    @property
    def total_s(self) -> float:
        return self.ask_and_tell_s + self.files_s


def study_overhead(*, n_before: int, n_trials: int) -> Overhead:
    """Ask and tell the second phase's PPO study after `n_before` trials, and write real trials."""
    search = search_arrays(365, enhanced=True)
    plan = plan_of(search, search_space(phase=2, algorithm="ppo", ranges="mini"))
    with empty_warehouse() as layout:
        ask_and_tell = _ask_and_tell(plan, layout, n_before, n_trials)
        files = [_files(plan, layout, search, number) for number in range(3)]
    return Overhead(ask_and_tell_s=ask_and_tell, files_s=float(np.median(files)))


def search_arrays(n_days: int, *, enhanced: bool) -> FeatureArrays:
    source = SimulatedSource(regime=Regime.NULL, n_days=n_days)
    return build_feature_arrays(grid_from_bars(source.fetch_bars()), enhanced=enhanced)


def plan_of(search: FeatureArrays, space: SearchSpace, *, n_trials: int = 1) -> StudyPlan:
    """Plan a study of all these rows."""
    end = datetime.fromtimestamp(int(search.open_time[-1]), UTC) + timedelta(hours=1)
    return StudyPlan(
        study_name=f"bench/phase{space.phase}_{space.algorithm}",
        campaign="bench",
        profile=MINI,
        space=space,
        symbols=search.symbols,
        timeframe=Timeframe.D5,
        interval=search.interval,
        n_trials=n_trials,
        seed=0,
        fees="flat_0.006",
        dataset_digest=search.dataset_digest,
        history_from=datetime.fromtimestamp(int(search.open_time[0]), UTC),
        holdout_from=end,
        arrays=Path("nowhere"),
    )


def drawn_trials(
    space: SearchSpace, n_trials: int, *, seed: int = 0
) -> list[optuna.trial.FrozenTrial]:
    """Complete trials with random values and scores."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed)
    )
    scores = random.Random(0)
    for _ in range(n_trials):
        trial = study.ask()
        suggest(trial, space)
        study.tell(trial, scores.gauss(0, 1))
    return study.trials


def _ask_and_tell(plan: StudyPlan, layout: WarehouseLayout, n_before: int, n_trials: int) -> float:
    clock = [0.0]
    each: list[float] = []

    def objective(values: dict[str, Value], number: int, prune: Pruner | None) -> float:
        return random.Random(number).gauss(0, 1)

    def lap(_: optuna.Study) -> None:
        each.append(time.perf_counter() - clock[0])
        clock[0] = time.perf_counter()

    with study_storage(layout) as storage:
        open_study(plan, storage).add_trials(drawn_trials(plan.space, n_before))
        longer = replace(plan, n_trials=n_before + n_trials)
        clock[0] = time.perf_counter()
        top_up(longer, layout, storage, objective, on_trial=lap)
    return float(np.median(each[1:]))


def _files(plan: StudyPlan, layout: WarehouseLayout, search: FeatureArrays, number: int) -> float:
    """Seconds of a trial that neither trained nor tested."""
    (drawn,) = drawn_trials(plan.space, 1)
    params = plan.space.values(drawn.params)
    records: list[dict] = []
    wall_s = timed(
        lambda: records.append(run_trial(plan, params, number, search, layout)),
        clock=time.perf_counter,
    )
    return wall_s - records[0]["training_s"] - records[0]["evaluation_s"]


@contextmanager
def empty_warehouse() -> Iterator[WarehouseLayout]:
    with TemporaryDirectory() as folder:
        yield WarehouseLayout(root=Path(folder) / "warehouse")
