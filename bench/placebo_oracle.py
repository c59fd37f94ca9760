"""Print what an oracle earns beyond buy and hold on the placebo's markets, by its rules of money.

It knows the sign of the next bar's drift, asks for the largest purchase or sale of every symbol,
and trades by the rules of phase 2 with all its cash. What the shocks did by luck while it was in
the market is taken out of the means, so that few markets suffice. The strengths of the placebo's
planted arms were read off this table.
"""

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.evaluation.backtest import backtest
from cappuccino_assets.evaluation.baselines import holding_rules
from cappuccino_assets.execution.fees import fee_schedule
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import build_feature_arrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource
from cappuccino_assets.placebo.arms import INTERVAL
from cappuccino_assets.tuning.phases import PHASE2_FEES
from cappuccino_assets.tuning.profiles import PLACEBO
from cappuccino_assets.types import FloatArray

DRIFTS = (0.10, 0.13, 0.16, 0.19)
N_SEEDS = 4
N_DAYS = 730


class Oracle:
    """Buys all while the drift is positive, else sells all."""

    n_members = 1

    def __init__(self, buys: Tensor, n_symbols: int):
        self._buys, self._n_symbols = buys, n_symbols

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Decide for the bar to come."""
        sign = torch.where(self._buys[bar], 1.0, -1.0)
        return sign[..., None].expand(*bar.shape, self._n_symbols)


def rules_of(source: SimulatedSource) -> TradingRules:
    timeframe, interval = PLACEBO.combinations[0]
    rules = TradingRules(
        symbols=source.symbols,
        fees=fee_schedule(PHASE2_FEES),
        bars_per_day=interval.bars_per_day,
        cycle_bars=timeframe.bars(interval),
    )
    return holding_rules(rules)


def measure(source: SimulatedSource) -> tuple[float, float, float]:
    """Sharpe ratio above buy and hold's, that of the excess returns, and turnover a day."""
    arrays = build_feature_arrays(grid_from_bars(source.fetch_bars()), enhanced=False)
    returns, expected = (each[-arrays.n_bars :].mean(axis=1) for each in source.returns())
    buys = np.append(expected[1:] > 0, False)  # by the row of the decision, a bar before
    ((result,),) = backtest(
        arrays,
        Oracle(torch.tensor(buys), len(source.symbols)),
        market=MarketTensors.from_arrays(arrays),
        rules=[rules_of(source)],
        blocks=[[(0, Block(start=0, stop=arrays.n_bars))]],
        lookback=1,
    )
    shock, bot, hodl = (returns - expected)[1:], result.bot_returns, result.hodl_returns
    luck = np.where(buys[:-1], shock, 0.0)
    sharpe = true_sharpe(bot, luck), true_sharpe(hodl, shock)
    turnover = result.turnover * INTERVAL.bars_per_day / result.n_bars
    return sharpe[0] - sharpe[1], true_sharpe(bot - hodl, luck - shock), turnover


def true_sharpe(returns: FloatArray, luck: FloatArray) -> float:
    """Sharpe ratio of returns, without what luck added to their mean."""
    mean = (returns - luck).mean()
    return float(mean / returns.std(ddof=1) * np.sqrt(INTERVAL.bars_per_year))


def main() -> None:
    torch.set_num_threads(1)
    print(f"Means of {N_SEEDS} markets of {N_DAYS} days of {INTERVAL} bars ± standard error.")
    print("| largest drift | Sharpe above buy and hold's | Sharpe of the excess | turnover a day |")
    print("|---|---|---|---|")
    for drift in DRIFTS:
        rows = np.array(
            [
                measure(
                    SimulatedSource(
                        regime=Regime.PLANTED,
                        seed=seed,
                        interval=INTERVAL,
                        n_days=N_DAYS,
                        largest_drift=drift,
                    )
                )
                for seed in range(N_SEEDS)
            ]
        )
        mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / N_SEEDS**0.5
        cells = (f"{m:.2f} ± {e:.2f}" for m, e in zip(mean, error, strict=True))
        print(f"| {drift} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
