"""Studies of a planted market that are small enough to be run by the hundred."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import optuna
from optuna.samplers import TPESampler

from bench.study import empty_warehouse, plan_of
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource, Strength
from cappuccino_assets.tuning.advice import advise_if_due
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import PLACEBO
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import suggest
from cappuccino_assets.types import Json

N_DAYS: Final = 365
Trained = Callable[[optuna.Trial], Json]


class PlantedStudies:
    """Studies of phase 1 of the placebo profile, on a strong signal in 4h bars of seven coins.

    Args:
        seed: Of the market.
    """

    def __init__(self, seed: int):
        source = SimulatedSource(
            regime=Regime.PLANTED,
            strength=Strength.STRONG,
            seed=seed,
            interval=Interval.H4,
            n_days=N_DAYS,
        )
        self.arrays: FeatureArrays = build_feature_arrays(grid_from_bars(source.fetch_bars()))
        self.market = seed

    def plan(self, name: str, n_trials: int, **changes: object) -> StudyPlan:
        """Plan a study; another name draws other trials."""
        plan = plan_of(self.arrays, search_space(phase=1, algorithm="ppo", ranges="placebo"))
        changes = {
            "study_name": f"market_{self.market}/{name}",
            "n_trials": n_trials,
            "profile": PLACEBO,
            "fees": "flat_0.001",
            "holdout_from": plan.holdout_from + timedelta(hours=4),
        } | changes
        return replace(plan, **changes)

    def searched(self, plan: StudyPlan) -> list[optuna.trial.FrozenTrial]:
        """Search as the product does: asked ahead, told in order, advised before each asking.

        Returns:
            The trials; the user attribute `no_trades` tells which of them stood aside in a split.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize")
        waiting: list[tuple[optuna.Trial, Json]] = []
        with empty_warehouse() as layout:
            while True:
                n_asked = len(study.get_trials(deepcopy=False, states=_ASKED))
                while len(waiting) < plan.profile.n_asked_ahead and n_asked < plan.n_trials:
                    advise_if_due(study, plan)
                    waiting.append(_ask(study, plan))
                    n_asked += 1
                if not waiting:
                    return study.trials
                trial, params = waiting.pop(0)
                record = run_trial(plan, params, trial.number, self.arrays, layout)
                trial.set_user_attr("no_trades", any(s["no_trades"] for s in record["splits"]))
                study.tell(trial, record["score"])


_ASKED: Final = tuple(each for each in optuna.trial.TrialState if each.name != "WAITING")


def _ask(study: optuna.Study, plan: StudyPlan) -> tuple[optuna.Trial, Json]:
    n_asked = len(study.get_trials(deepcopy=False, states=_ASKED))  # is the number of the next one
    study.sampler = TPESampler(seed=plan.seed_of("sampler", n_asked) % 2**32)
    trial = study.ask()
    return trial, suggest(trial, plan.space)
