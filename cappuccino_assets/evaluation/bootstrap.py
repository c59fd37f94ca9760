"""Bootstrap intervals of what an agent earned, alone and beside buy and hold."""

from dataclasses import dataclass

import numpy as np

from cappuccino_assets.evaluation.block_length import stationary_block_bars
from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.metrics import max_drawdown, sharpe_ratio
from cappuccino_assets.evaluation.stationary_bootstrap import stationary_bootstrap
from cappuccino_assets.types import FloatArray

_MIN_RELATIVE_VARIANCE = 1e-12  # of the mean square; less than this is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnIntervals:
    """What the measures of an agent would be in histories like this one.

    Attributes:
        sharpe_ratio: Of the agent, annualised.
        excess_sharpe_ratio: That less the Sharpe ratio of buy and hold in the same bars.
        sharpe_ratio_of_excess: Of the returns above buy and hold, as the deflated one judges them.
        max_drawdown: Of the agent. Resampling breaks up declines that are longer than a block, so
            read it as a range of what may happen, not as a bound of what can.
        mean_block_bars: Mean length of the blocks that were drawn.
        n_draws: Histories that were drawn.
    """

    sharpe_ratio: ConfidenceInterval
    excess_sharpe_ratio: ConfidenceInterval
    sharpe_ratio_of_excess: ConfidenceInterval
    max_drawdown: ConfidenceInterval
    mean_block_bars: float
    n_draws: int


def return_intervals(
    bot_returns: FloatArray,
    hodl_returns: FloatArray,
    *,
    bars_per_year: float,
    random: np.random.Generator,
    n_draws: int = 2_000,
    confidence: float = 0.95,
) -> ReturnIntervals:
    """Bound an agent's measures by the stationary bootstrap, bot and HODL resampled together.

    Blocks are as long as the longest that agent, HODL or their difference asks for. The intervals
    hold percentiles of the draws.

    Args:
        bot_returns: Simple return of the agent per bar, shape (T,).
        hodl_returns: That of buy and hold in the same bars.
        bars_per_year: Bars in 365 days.
        random: Source of the draws.
        n_draws: Histories to draw.
        confidence: Share of intervals that hold the truth.

    Raises:
        ValueError: If a measure is undefined, in the history or in a drawn one (an agent that
            hardly ever trades has draws without any trade), or the lengths differ.
    """
    series = _beside_each_other(bot_returns, hodl_returns)
    measured = _measured(bot_returns, hodl_returns, bars_per_year)
    mean_block_bars = max(stationary_block_bars(column) for column in series.T)
    draws = stationary_bootstrap(
        series,
        lambda resamples: _statistics(resamples, bars_per_year),
        mean_block_bars=mean_block_bars,
        n_draws=n_draws,
        random=random,
    )
    intervals = [
        ConfidenceInterval.from_draws(each, column, confidence=confidence)
        for each, column in zip(measured, draws.T, strict=True)
    ]
    return ReturnIntervals(
        sharpe_ratio=intervals[0],
        excess_sharpe_ratio=intervals[1],
        sharpe_ratio_of_excess=intervals[2],
        max_drawdown=intervals[3],
        mean_block_bars=mean_block_bars,
        n_draws=n_draws,
    )


def _beside_each_other(bot: FloatArray, hodl: FloatArray) -> FloatArray:
    """Agent, HODL and their difference, (T, 3)."""
    if bot.shape != hodl.shape:
        raise ValueError(f"Each bar has two returns, but got {bot.shape}, {hodl.shape}.")
    return np.stack([bot, hodl, bot - hodl], axis=-1)


def _measured(bot: FloatArray, hodl: FloatArray, bars_per_year: float) -> list[float]:
    sharpe_bot, sharpe_hodl, of_excess = (
        sharpe_ratio(each, bars_per_year=bars_per_year) for each in (bot, hodl, bot - hodl)
    )
    return [sharpe_bot, sharpe_bot - sharpe_hodl, of_excess, max_drawdown(bot)]


def _statistics(resamples: FloatArray, bars_per_year: float) -> FloatArray:
    """Measures of each resample (3, b, T), in the order of `_measured`."""
    bot, hodl, of_excess = _sharpe_ratios(resamples, bars_per_year)
    return np.stack([bot, bot - hodl, of_excess, _max_drawdowns(resamples[0])], axis=-1)


def _sharpe_ratios(resamples: FloatArray, bars_per_year: float) -> FloatArray:
    mean = resamples.mean(axis=-1)
    mean_square = np.einsum("kbt,kbt->kb", resamples, resamples) / resamples.shape[-1]
    variance = (mean_square - np.square(mean)) * resamples.shape[-1] / (resamples.shape[-1] - 1)
    undefined = variance <= _MIN_RELATIVE_VARIANCE * mean_square
    if undefined.any():
        raise ValueError(
            f"A Sharpe ratio needs returns that vary, but those of {undefined.any(axis=0).sum()} "
            f"of {undefined.shape[1]} resamples do not: too few bars differ from the others."
        )
    ratios: FloatArray = mean / np.sqrt(variance) * np.sqrt(bars_per_year)
    return ratios


def _max_drawdowns(returns: FloatArray) -> FloatArray:
    """Largest fall below the peak of each row, (b, T); the equity before it is a peak too."""
    equity = np.cumprod(1.0 + returns, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    falls: FloatArray = (1.0 - equity / peak).max(axis=1)
    return np.maximum(falls, 0.0)
