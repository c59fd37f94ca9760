"""What an account came to on some stretch of bars, in the numbers that are reported of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.metrics import max_drawdown, sharpe_ratio, total_return
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Measures over all blocks of a stretch; the account is new and flat at each one's start.

    Attributes:
        n_bars: Bars that were traded through.
        n_trades: Bars in which anything was filled.
        sharpe_bot: Annualised; 0 where nothing was traded.
        sharpe_hodl: Of equal-weight buy and hold, bought once at each block's start.
        total_return: Simple return, compounded over the blocks.
        hodl_return: That of buy and hold.
        max_drawdown: Largest fall below the peak, as a fraction of it.
        turnover: Gross value traded per day, in multiples of equity.
        fees_usd: Fees paid.
        exposure: Mean fraction of the equity that was not cash.
    """

    n_bars: int
    n_trades: int
    sharpe_bot: float
    sharpe_hodl: float
    total_return: float
    hodl_return: float
    max_drawdown: float
    turnover: float
    fees_usd: float
    exposure: float

    @property
    def excess_sharpe(self) -> float:
        """Sharpe ratio above that of buy and hold; the score of a single stretch."""
        return self.sharpe_bot - self.sharpe_hodl

    def to_json(self) -> Json:
        """Write as JSON values, the excess Sharpe ratio included."""
        return asdict(self) | {"excess_sharpe": self.excess_sharpe}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{name: each for name, each in value.items() if name != "excess_sharpe"})


def performance(results: Sequence[BlockResult], *, interval: Interval) -> Performance:
    """Measure what an account did.

    Args:
        results: One per block, at least one.
        interval: Length of a bar.

    Raises:
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    bot = np.concatenate([each.bot_returns for each in results])
    hodl = np.concatenate([each.hodl_returns for each in results])
    bars_per_year, n_bars = interval.bars_per_year, len(bot)
    n_trades = sum(each.n_trades for each in results)
    return Performance(
        n_bars=n_bars,
        n_trades=n_trades,
        sharpe_bot=sharpe_ratio(bot, bars_per_year=bars_per_year) if n_trades else 0.0,
        sharpe_hodl=sharpe_ratio(hodl, bars_per_year=bars_per_year),
        total_return=total_return(bot),
        hodl_return=total_return(hodl),
        max_drawdown=max_drawdown(bot),
        turnover=sum(each.turnover for each in results) * interval.bars_per_day / n_bars,
        fees_usd=sum(each.fees_usd for each in results),
        exposure=sum(each.exposure * each.n_bars for each in results) / n_bars,
    )
