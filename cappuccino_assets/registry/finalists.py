"""Archived models, on bars that they have never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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
from cappuccino_assets.registry.entries import ArchiveEntry, verify_entry
from cappuccino_assets.registry.models import Model, read_model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finalist:
    """A verified archive entry and its final fit.

    Attributes:
        entry: The entry.
        model: Its weights, contract and configuration.
    """

    entry: ArchiveEntry
    model: Model

    @property
    def vin(self) -> str:
        """Its code."""
        return self.entry.vin


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
    return Finalist(entry=entry, model=model)


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
    model, metadata = finalist.model, finalist.entry.metadata
    model.contract.market_part().require_equal(arrays.contract)
    if arrays.dataset_digest != metadata["dataset_digest"]:
        raise IntegrityError(
            f"{finalist.vin} was searched on the bars {metadata['dataset_digest']}, "
            f"but these are {arrays.dataset_digest}."
        )
    return cut_holdout(arrays, holdout_from, lookback=model.config.lookback)


def final_test(model: Model, holdout: Holdout) -> FinalTest:
    """Let a model trade a hold-out, greedily, beside its rivals and at other costs.

    It is a function of the weights, the configuration and the bars, and runs on the CPU. The random
    rival's seed is drawn from the digest of the weights.

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
