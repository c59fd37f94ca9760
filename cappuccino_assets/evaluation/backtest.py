"""Backtests: all members on all their blocks at once, in the environment of the training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.evaluation.actors import Actor
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.types import FloatArray, IntArray

GroupBlock = tuple[int, Block]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockResult:
    """What one member did on one block; it began flat, and nothing precedes its first bar.

    Attributes:
        group: Test group that the block belongs to.
        open_time: Open of each bar that was traded through, UTC epoch seconds, shape (T,).
        bot_returns: Simple return of the equity per bar, shape (T,).
        hodl_returns: That of equal-weight buy and hold, bought once with the same costs.
        n_trades: Bars in which anything was filled.
        fees_usd: Fees paid.
        turnover: Gross value traded, in multiples of the equity at each decision.
        exposure: Mean fraction of the equity that is not cash, in [0, 1].
    """

    group: int
    open_time: IntArray
    bot_returns: FloatArray
    hodl_returns: FloatArray
    n_trades: int
    fees_usd: float
    turnover: float
    exposure: float

    @property
    def n_bars(self) -> int:
        """Bars that were traded through, T."""
        return len(self.open_time)


def backtest(
    arrays: FeatureArrays,
    actor: Actor,
    *,
    market: MarketTensors,
    rules: Sequence[TradingRules],
    blocks: Sequence[Sequence[GroupBlock]],
    lookback: int,
) -> list[list[BlockResult]]:
    """Trade every member through every one of its blocks, cycle after cycle.

    A block begins at its first row that can be traded and that a whole lookback precedes in its
    segment. Blocks do not know of each other: the account is new and flat at each one's start.

    Args:
        arrays: Market that `market` was made from.
        actor: Decides for all M members.
        market: The same on the device of the actor.
        rules: Rules of money, one per member.
        blocks: (group, block) pairs of each member.
        lookback: Bars that the first observation needs.

    Returns:
        For each member the results of its blocks, in order.

    Raises:
        TrialFailedError: If a group of a member has no bar that could be traded through.
    """
    trimmed = [_trimmed(each, arrays, lookback) for each in blocks]
    environment = TradingEnvironment(
        market,
        rules=rules,
        rewards=[RewardConfig()] * len(rules),  # nobody learns here
        n_envs=max(map(len, trimmed)),
        continuing=True,
    )
    environment.reset(*_episodes(trimmed, environment.n_envs, market.device))
    n_steps = max(block.n_bars - 1 for each in trimmed for _, block in each)
    measured = _run(environment, actor, n_steps)
    return [
        [
            _result(group, block, measured[:, : block.n_bars - 1, member, i], arrays)
            for i, (group, block) in enumerate(each)
        ]
        for member, each in enumerate(trimmed)
    ]


@torch.inference_mode()
def _run(environment: TradingEnvironment, actor: Actor, n_steps: int) -> FloatArray:
    """Measure every step of every environment, shape (6, n_steps, M, E)."""
    shape = (6, n_steps, environment.n_members, environment.n_envs)
    measured = torch.empty(shape, dtype=torch.float64, device=environment.bar.device)
    for t in range(n_steps):
        account, equity = environment.account, environment.equity
        step = environment.step(actor.act(environment.bar, account))
        measured[:, t] = torch.stack(
            [
                step.equity_return,
                step.benchmark_return,
                step.fee_usd,
                step.traded_usd,
                step.traded_usd / equity,
                1.0 - account[..., 0].double(),
            ]
        )
    return measured.cpu().numpy()


def _result(group: int, block: Block, measured: FloatArray, arrays: FeatureArrays) -> BlockResult:
    bot, hodl, fee_usd, traded_usd, turnover, exposure = measured
    return BlockResult(
        group=group,
        open_time=np.array(arrays.open_time[block.start + 1 : block.stop]),
        bot_returns=bot.copy(),
        hodl_returns=hodl.copy(),
        n_trades=int((traded_usd > 0).sum()),
        fees_usd=float(fee_usd.sum()),
        turnover=float(turnover.sum()),
        exposure=float(exposure.mean()),
    )


def _trimmed(
    blocks: Sequence[GroupBlock], arrays: FeatureArrays, lookback: int
) -> list[GroupBlock]:
    seen = arrays.segment[lookback - 1 :] == arrays.segment[: arrays.n_bars - lookback + 1]
    usable = arrays.tradable & np.append(np.zeros(lookback - 1, dtype=bool), seen)
    kept = []
    for group, block in blocks:
        starts = np.flatnonzero(usable[block.start : block.stop - 1])
        if starts.size:
            kept.append((group, Block(start=block.start + int(starts[0]), stop=block.stop)))
    for group in {group for group, _ in blocks} - {group for group, _ in kept}:
        n_bars = sum(block.n_bars for tested, block in blocks if tested == group)
        raise TrialFailedError(
            f"Nothing can be traded in test group {group}: none of its {n_bars} rows can be "
            f"traded, ends {lookback} bars of one segment, and has a row after it in its block."
        )
    return kept


def _episodes(
    blocks: Sequence[Sequence[GroupBlock]], n_envs: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Shape (M, E) starts and stops; members with fewer blocks idle in a copy of their first."""
    rows = []
    for each in blocks:
        first = each[0][1].start
        idle = [(first, first + 2)] * (n_envs - len(each))
        rows.append([(block.start, block.stop) for _, block in each] + idle)
    start, stop = torch.tensor(rows, device=device).unbind(-1)
    return start, stop
