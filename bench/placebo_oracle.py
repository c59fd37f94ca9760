"""Print what an oracle earns beyond buy and hold on the placebo's markets, by its rules of money.

It knows the sign of the next bar's drift, asks for the largest purchase or sale of every symbol,
and trades by the rules of phase 2 with all its cash. The strengths of the placebo's planted arms
were read off this table.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.evaluation.backtest import backtest
from cappuccino_assets.evaluation.baselines import holding_rules
from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.execution.fees import fee_schedule
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource
from cappuccino_assets.placebo.arms import INTERVAL
from cappuccino_assets.tuning.phases import PHASE2_FEES
from cappuccino_assets.tuning.profiles import PLACEBO

DRIFTS = (0.1, 0.12, 0.14, 0.16, 0.18)
N_SEEDS = 16
N_DAYS = 1_460


class Oracle:
    """Buys all while the drift is positive, else sells all."""

    n_members = 1

    def __init__(self, source: SimulatedSource, arrays: FeatureArrays):
        _, expected = source.returns()
        ahead = expected[-arrays.n_bars :].mean(axis=1) > 0  # of each bar, known one bar before
        self._buys = torch.tensor(np.append(ahead[1:], False))
        self._n_symbols = len(source.symbols)

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


def excess_sharpe(source: SimulatedSource) -> tuple[float, float, float]:
    """Sharpe ratio above buy and hold, of the excess returns, and turnover a day."""
    arrays = build_feature_arrays(grid_from_bars(source.fetch_bars()), enhanced=False)
    ((result,),) = backtest(
        arrays,
        Oracle(source, arrays),
        market=MarketTensors.from_arrays(arrays),
        rules=[replace(rules_of(source))],
        blocks=[[(0, Block(start=0, stop=arrays.n_bars))]],
        lookback=1,
    )
    per_year = INTERVAL.bars_per_year
    bot, hodl = (
        sharpe_ratio(r, bars_per_year=per_year) for r in (result.bot_returns, result.hodl_returns)
    )
    excess = sharpe_ratio(result.bot_returns - result.hodl_returns, bars_per_year=per_year)
    return bot - hodl, excess, result.turnover * INTERVAL.bars_per_day / result.n_bars


def main() -> None:
    torch.set_num_threads(1)
    print(f"Means of {N_SEEDS} markets of {N_DAYS} days of {INTERVAL} bars ± standard error.")
    print("| largest drift | Sharpe above buy and hold's | Sharpe of the excess | turnover a day |")
    print("|---|---|---|---|")
    for drift in DRIFTS:
        rows = np.array(
            [
                excess_sharpe(
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
