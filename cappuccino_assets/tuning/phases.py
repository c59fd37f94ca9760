"""The two phases: which studies they consist of, and what comes out of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import Json

PHASE1_FEES: Final = "flat_0.006"
PHASE2_FEES: Final = "coinbase_progressive"
PHASE1_ALGORITHM: Final = "ppo"


def plan_phase1(campaign: Campaign, arrays: Mapping[Interval, Path]) -> list[StudyPlan]:
    """Plan one study per combination of timeframe and interval.

    Args:
        campaign: The campaign.
        arrays: Folder of the plain feature arrays by interval.
    """
    profile = campaign.budget
    return [
        StudyPlan(
            study_name=(name := campaign.phase1_study(timeframe, interval)),
            campaign=campaign.name,
            profile=profile,
            space=campaign.space(1, PHASE1_ALGORITHM, name),
            symbols=campaign.symbols,
            timeframe=timeframe,
            interval=interval,
            n_trials=profile.n_phase1_trials,
            seed=campaign.seed,
            fees=PHASE1_FEES,
            dataset_digest=campaign.digest(interval),
            history_from=campaign.history_from,
            holdout_from=campaign.holdout_from,
            arrays=arrays[interval],
            advisor=campaign.advisor,
        )
        for timeframe, interval in profile.combinations
    ]


def plan_phase2(campaign: Campaign, winner: Json, arrays: Path) -> list[StudyPlan]:
    """Plan one study per algorithm at the timeframe and interval that won.

    Args:
        campaign: The campaign.
        winner: What `phase1_winner` returned.
        arrays: Folder of the enhanced feature arrays at that interval.
    """
    profile = campaign.budget
    interval = Interval(winner["interval"])
    return [
        StudyPlan(
            study_name=(name := campaign.phase2_study(algorithm)),
            campaign=campaign.name,
            profile=profile,
            space=campaign.space(2, algorithm, name),
            symbols=campaign.symbols,
            timeframe=Timeframe(winner["timeframe"]),
            interval=interval,
            n_trials=profile.n_phase2_trials,
            seed=campaign.seed,
            fees=PHASE2_FEES,
            dataset_digest=campaign.digest(interval),
            history_from=campaign.history_from,
            holdout_from=campaign.holdout_from,
            arrays=arrays,
            advisor=campaign.advisor,
        )
        for algorithm in profile.algorithms
    ]


def phase1_winner(trials: Sequence[Json], n_done: Mapping[str, int]) -> Json:
    """Find the combination with the best trial, by signed score.

    Args:
        trials: Contents of trial.json of all complete trials of phase 1.
        n_done: Complete and pruned trials of each study: the best is the best of so many.

    Raises:
        TrialFailedError: If there is none.
    """
    best = _best(trials)
    return {
        "study_name": best["study_name"],
        "timeframe": best["timeframe"],
        "interval": best["interval"],
        **_outcome(best, n_done),
    }


def phase2_comparison(
    trials: Sequence[Json], n_done: Mapping[str, int], winner: Json, *, now: datetime
) -> Json:
    """Compare the algorithms by their best trials.

    Args:
        trials: Contents of trial.json of all complete trials of phase 2.
        n_done: Complete and pruned trials of each study.
        winner: What `phase1_winner` returned.
        now: The time, UTC.

    Raises:
        TrialFailedError: If there is none.
    """
    algorithms = sorted({trial["algorithm"] for trial in trials})
    results = {}
    for algorithm in algorithms:
        best = _best([trial for trial in trials if trial["algorithm"] == algorithm])
        results[algorithm] = {"study_name": best["study_name"], **_outcome(best, n_done)}
    return {
        "winner": _best(trials)["algorithm"],
        "results": results,
        "phase1_timeframe": winner["timeframe"],
        "phase1_interval": winner["interval"],
        "timestamp": now.isoformat(),
    }


def _best(trials: Sequence[Json]) -> Json:
    """Highest score; equal ones in the order of their identity."""
    if not trials:
        raise TrialFailedError("No trial is complete, so there is no best one.")
    return min(trials, key=lambda trial: (-trial["score"], trial["study_name"], trial["number"]))


def _outcome(best: Json, n_done: Mapping[str, int]) -> Json:
    return {
        "best_trial_number": best["number"],
        "best_value": best["score"],
        "best_params": best["params"],
        "best_sharpe_bot": best["sharpe_bot"],
        "best_sharpe_hodl": best["sharpe_hodl"],
        "n_trials": n_done[best["study_name"]],
    }
