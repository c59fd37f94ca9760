"""Models that were chosen, on bars that they have never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.actors import Actor, PolicyActor, SharedActor
from cappuccino_assets.evaluation.audit import check_trades
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.costs import CostCurve, cost_curve
from cappuccino_assets.evaluation.holdout import (
    Holdout,
    HoldoutOutcome,
    cut_holdout,
    trade_holdout,
)
from cappuccino_assets.evaluation.plain_ledger import LedgerCheck
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.registry.entries import verify_entry, vin_of
from cappuccino_assets.registry.grading import DEFAULT_THRESHOLDS, GradeThresholds, grade
from cappuccino_assets.registry.models import Model, read_model
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.training.devices import one_thread
from cappuccino_assets.types import Json


class Candidate(Protocol):
    """Whoever may be judged."""

    @property
    def vin(self) -> str:
        """Its code."""
        ...

    @property
    def trial(self) -> Json:
        """Its trial.json."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finalist:
    """A trial that was chosen for the archive, and its final fit.

    Attributes:
        vin: The code that its entry has, or will have.
        trial: Its trial.json.
        model: Its weights, contract and configuration.
    """

    vin: str
    trial: Json
    model: Model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinalTest:
    """All that a model shows on a hold-out.

    Attributes:
        holdout: The bars.
        outcome: What it and its rivals did, and its trades.
        costs: What it would have come to at other costs.
        ledger: Its trades, added up by hand.
    """

    holdout: Holdout
    outcome: HoldoutOutcome
    costs: CostCurve
    ledger: LedgerCheck


def finalist_of_trial(
    folder: Path, trial: Json, thresholds: GradeThresholds = DEFAULT_THRESHOLDS
) -> Finalist:
    """Read a trial of phase 2 as the finalist that it would be.

    Args:
        folder: What the trial left.
        trial: Its row of the table `trials`.
        thresholds: Floors of the grades.

    Raises:
        IntegrityError: If a file is missing or is not the one on record.
        ContractMismatchError: If the weights were made for another contract.
    """
    result = read_trial(folder, study_name=trial["study_name"], number=trial["number"])
    model = read_model(folder, sha256=trial["model_sha256"], contract_hash=trial["contract_hash"])
    letter = grade(result["score"], thresholds)
    vin = vin_of(
        model.config, sha256=model.sha256, grade=letter, completed_at=result["completed_at"]
    )
    return Finalist(vin=vin, trial=result, model=model)


def load_finalist(path: Path) -> Finalist:
    """Read an archive entry after checking every byte of it.

    Raises:
        IntegrityError: If a file is missing, foreign or changed.
        ContractMismatchError: If the weights were made for another contract.
    """
    entry = verify_entry(path)
    model = read_model(
        path,
        sha256=entry.metadata["model_sha256"],
        contract_hash=entry.metadata["contract_hash"],
    )
    return Finalist(vin=entry.vin, trial=entry.metadata, model=model)


def finalist_holdout(finalist: Finalist, arrays: FeatureArrays, holdout_from: datetime) -> Holdout:
    """Cut the hold-out for a finalist.

    Args:
        finalist: Whose features these must be.
        arrays: All rows of the data set that its campaign searched.
        holdout_from: From which on the campaign saw nothing, UTC.

    Raises:
        ContractMismatchError: If the arrays are not what it was trained on; names the first field
            that differs.
        IntegrityError: If they were made from other bars than its trial's.
        HistoryTooShortError: If there is no row before the time, or none after it.
    """
    model, trial = finalist.model, finalist.trial
    model.contract.market_part().require_equal(arrays.contract)
    if arrays.dataset_digest != trial["dataset_digest"]:
        raise IntegrityError(
            f"{finalist.vin} was searched on the bars {trial['dataset_digest']}, "
            f"but these are {arrays.dataset_digest}."
        )
    return cut_holdout(arrays, holdout_from, lookback=model.config.lookback)


@one_thread()
def final_test(model: Model, holdout: Holdout) -> FinalTest:
    """Let a model trade a hold-out, greedily, beside its rivals and at other costs.

    It is a function of the weights, the configuration and the bars, and runs on one thread of the
    CPU. The random rival's seed is drawn from the digest of the weights.

    Raises:
        TrialFailedError: If no bar could be traded through.
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    rules = model.config.rules
    market = MarketTensors.from_arrays(holdout.arrays)
    agent = _agent(model, market)

    def at_costs(changed: Sequence[TradingRules]) -> list[list[BlockResult]]:
        return backtest(
            holdout.arrays,
            SharedActor(agent, n_members=len(changed)),
            market=market,
            rules=changed,
            blocks=[holdout.group_blocks] * len(changed),
            lookback=holdout.lookback,
        )

    outcome = trade_holdout(holdout, market, agent, rules, seed=int(model.sha256[:15], 16))
    return FinalTest(
        holdout=holdout,
        outcome=outcome,
        costs=cost_curve(at_costs, rules, interval=holdout.arrays.interval),
        ledger=check_trades(outcome.trades, holdout.arrays, rules),
    )


def _agent(model: Model, market: MarketTensors) -> Actor:
    observe = ObservationBuilder(
        market,
        lookback=model.config.lookback,
        scalers=[model.scaler],
        norm_tech_exp=model.config.norm_tech_exp,
        has_clock=model.contract.clock_bars is not None,
    )
    return PolicyActor(Policy.from_members([model.tensors], model.action_space), observe)
