"""Environments over small markets."""

from typing import NamedTuple

import torch

from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.rules import TradingRules


def free_rules(arrays, **changes) -> TradingRules:
    """Rules without any cost or smallest order, but for the changes."""
    defaults = {
        "symbols": arrays.symbols,
        "fees": flat_fee(0.0),
        "bars_per_day": arrays.interval.bars_per_day,
        "half_spread_bps": 0.0,
        "slippage_bps": 0.0,
        "minimum_quantity": dict.fromkeys(arrays.symbols, 0.0),
        "minimum_notional_usd": 0.0,
    }
    return TradingRules(**(defaults | changes))


def costly_rules(arrays, **changes) -> TradingRules:
    """The rules as they are by default, at a flat fee of 0.6 %."""
    defaults = {
        "symbols": arrays.symbols,
        "fees": flat_fee(0.006),
        "bars_per_day": arrays.interval.bars_per_day,
    }
    return TradingRules(**(defaults | changes))


def environment_of(arrays, *rules, n_envs=1, continuing=True, reward=None) -> TradingEnvironment:
    return TradingEnvironment(
        MarketTensors.from_arrays(arrays),
        rules=rules,
        rewards=[reward or RewardConfig()] * len(rules),
        n_envs=n_envs,
        continuing=continuing,
    )


class Measured(NamedTuple):
    """A step, and what it changed; shapes (M, E)."""

    reward: torch.Tensor
    terminated: torch.Tensor
    truncated: torch.Tensor
    traded_usd: torch.Tensor
    equity_return: torch.Tensor
    benchmark_return: torch.Tensor
    fee_usd: torch.Tensor


def measured_step(environment, action) -> Measured:
    equity, benchmark = environment.equity, environment.benchmark
    fees = environment.ledger.fees
    step = environment.step(action)
    return Measured(
        *step,
        equity_return=environment.equity / equity - 1,
        benchmark_return=environment.benchmark / benchmark - 1,
        fee_usd=environment.ledger.fees - fees,
    )


def rows(*values):
    """Shape (1, E)."""
    return torch.tensor([values])


def random_actions(n_steps, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n_steps, *shape, generator=generator) * 2 - 1
