"""One study of the placebo, from its market to what the gate says."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import (
    CappuccinoError,
    ConfigurationError,
    InfrastructureError,
    TrialFailedError,
)
from cappuccino_assets.placebo.arms import Arm, market_of
from cappuccino_assets.placebo.outcomes import (
    FinalistOutcome,
    StudyOutcome,
    campaign_summary,
    outcome_path,
)
from cappuccino_assets.placebo.random_search import trade_and_judge
from cappuccino_assets.placebo.search import NAME, search_and_archive
from cappuccino_assets.registry.limits import DEFAULT_LIMITS, GateLimits
from cappuccino_assets.storage.files import read_object
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.results import complete_trials
from cappuccino_assets.types import Json

N_MATCHED: Final = 20


def run_study(arm: Arm, number: int, root: Path, layout: WarehouseLayout) -> StudyOutcome:
    """Run a study, whatever comes of it.

    Args:
        arm: Its arm.
        number: Its number in it.
        root: A folder of its own.
        layout: Of the warehouse that keeps the outcomes, those of other arms too.

    Returns:
        Its outcome; one that fails says why, and is a study like any other.

    Raises:
        InfrastructureError: If memory or disk gave way, which says nothing of the study.
        ConfigurationError: If it matches a study that is not there.
    """
    began = time.process_time()
    turnovers = matched_turnovers(layout, number) if arm is Arm.RANDOM else ()
    try:
        outcome = (
            random_study(number, root, turnovers)
            if arm is Arm.RANDOM
            else learned_study(arm, number, root)
        )
    except InfrastructureError:
        raise
    except (CappuccinoError, ValueError) as error:
        failure = f"{type(error).__name__}: {error}"
        outcome = StudyOutcome(arm=arm, number=number, failure=failure)
    return replace(outcome, cpu_s=time.process_time() - began)


def learned_study(
    arm: Arm, number: int, root: Path, limits: GateLimits = DEFAULT_LIMITS
) -> StudyOutcome:
    """Search a market of an arm with agents that learn.

    Args:
        arm: Whose market.
        number: Of the study in its arm.
        root: A folder of its own, for a whole warehouse.
        limits: Of the gate.
    """
    warehouse = Warehouse(WarehouseLayout(root=root))
    entries = search_and_archive(market_of(arm, number), warehouse, limits)
    judged = [entry.metadata for entry in entries]
    return outcome_of(arm, number, complete_trials(warehouse, NAME, 2), judged)


def random_study(
    number: int, root: Path, turnovers: Sequence[float], limits: GateLimits = DEFAULT_LIMITS
) -> StudyOutcome:
    """Let agents trade a market at random.

    Args:
        number: Of the study in its arm.
        root: A folder of its own, for a whole warehouse.
        turnovers: Of the trials that they are matched to, per day, in multiples of equity.
        limits: Of the gate.

    Raises:
        TrialFailedError: If there are no trials to match.
    """
    if not turnovers:
        raise TrialFailedError("The study whose trials it matches has none.")
    warehouse = Warehouse(WarehouseLayout(root=root))
    judged = trade_and_judge(market_of(Arm.RANDOM, number), warehouse, turnovers, limits)
    return outcome_of(Arm.RANDOM, number, complete_trials(warehouse, NAME, 2), judged)


def matched_turnovers(layout: WarehouseLayout, number: int) -> tuple[float, ...]:
    """Read the turnovers of the trials that a study of random agents matches.

    They are those of the first `N_MATCHED` studies of the arm `null`, by turns.

    Returns:
        Per day, in multiples of equity; none where that study failed.

    Raises:
        ConfigurationError: If that study is not done.
    """
    path = outcome_path(layout, Arm.NULL, number % N_MATCHED)
    if not path.exists():
        raise ConfigurationError(
            f"Random agents match those of the first {N_MATCHED} studies of the arm null, but "
            f"study {number % N_MATCHED} is not done: run that arm first."
        )
    return StudyOutcome.from_json(read_object(path)).turnovers


def outcome_of(
    arm: Arm, number: int, trials: Sequence[Json], judged: Sequence[Json]
) -> StudyOutcome:
    """Summarise a study.

    Args:
        arm: Its arm.
        number: Its number.
        trials: Contents of trial.json of the complete trials of phase 2.
        judged: Of each finalist its vin and score, and what the jury said of it.
    """
    return StudyOutcome(
        arm=arm,
        number=number,
        finalists=tuple(
            FinalistOutcome.of(vin=each["vin"], score=each["score"], judgement=each)
            for each in judged
        ),
        campaign=campaign_summary(judged),
        turnovers=tuple(_mean_turnover(trial) for trial in trials),
        scores=tuple(trial["score"] for trial in trials),
    )


def _mean_turnover(trial: Json) -> float:
    splits = trial["splits"]
    return float(sum(split["turnover"] for split in splits) / len(splits))
