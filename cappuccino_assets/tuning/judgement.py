"""From backtests to numbers: the Sharpe ratio of every split, the score of the trial."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.evaluation.metrics import max_drawdown, score, sharpe_ratio, total_return
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.types import FloatArray, Json

NO_TRADES = "no_trades"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """What a split's policy did on its test blocks.

    Attributes:
        split: Number of the split.
        test_groups: Groups that it tested.
        sharpe_bot: Annualised; 0 where nothing was traded.
        sharpe_hodl: Of equal-weight buy and hold, bought once at each block's start.
        sharpe_hodl_cycled: Of equal weights sold at every deadline, like the agent's.
        total_return: Simple return over all test blocks.
        max_drawdown: Largest fall below the peak, as a fraction of it.
        n_bars: Bars evaluated.
        n_trades: Bars in which anything was filled.
        fees_usd: Fees paid.
        turnover: Gross value traded per day, in multiples of equity.
        exposure: Mean fraction of the equity that was not cash.
        no_trades: Whether nothing was traded at all.
    """

    split: int
    test_groups: tuple[int, ...]
    sharpe_bot: float
    sharpe_hodl: float
    sharpe_hodl_cycled: float
    total_return: float
    max_drawdown: float
    n_bars: int
    n_trades: int
    fees_usd: float
    turnover: float
    exposure: float
    no_trades: bool

    @property
    def excess_sharpe(self) -> float:
        """Sharpe ratio above that of buy and hold."""
        return self.sharpe_bot - self.sharpe_hodl

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self) | {"test_groups": list(self.test_groups)}


def judge(
    split: Split,
    results: Sequence[BlockResult],
    holders: Sequence[BlockResult],
    *,
    interval: Interval,
) -> SplitResult:
    """Measure a split.

    Args:
        split: The split.
        results: Its policy's results, one per test block.
        holders: Results of equal weights sold at every deadline, of any groups.
        interval: Length of a bar.

    Raises:
        TrialFailedError: If a Sharpe ratio is undefined although something was traded.
    """
    bot = np.concatenate([each.bot_returns for each in results])
    cycled = [each.bot_returns for each in holders if each.group in split.test_groups]
    n_trades = sum(each.n_trades for each in results)
    n_bars = len(bot)
    return SplitResult(
        split=split.number,
        test_groups=split.test_groups,
        sharpe_bot=_sharpe(split, bot, interval) if n_trades else 0.0,
        sharpe_hodl=_sharpe(
            split, np.concatenate([each.hodl_returns for each in results]), interval
        ),
        sharpe_hodl_cycled=_sharpe(split, np.concatenate(cycled), interval),
        total_return=total_return(bot),
        max_drawdown=max_drawdown(bot),
        n_bars=n_bars,
        n_trades=n_trades,
        fees_usd=sum(each.fees_usd for each in results),
        turnover=sum(each.turnover for each in results) * interval.bars_per_day / n_bars,
        exposure=sum(each.exposure * each.n_bars for each in results) / n_bars,
        no_trades=n_trades == 0,
    )


def summary(splits: Sequence[SplitResult], *, n_splits: int) -> Json:
    """Score a trial.

    Args:
        splits: Results of its splits.
        n_splits: How many there must be.

    Returns:
        Values of trial.json: score, sharpe_bot, sharpe_hodl, sharpe_hodl_cycled, splits,
        n_bars_evaluated and flags.

    Raises:
        TrialFailedError: If a split is missing, or the score is undefined.
    """
    if [each.split for each in splits] != list(range(n_splits)):
        raise TrialFailedError(f"All {n_splits} splits must finish, but got {len(splits)}.")
    try:
        value = score([s.sharpe_bot for s in splits], [s.sharpe_hodl for s in splits])
    except ValueError as error:
        raise TrialFailedError(str(error)) from error
    return {
        "score": value,
        "sharpe_bot": _mean([each.sharpe_bot for each in splits]),
        "sharpe_hodl": _mean([each.sharpe_hodl for each in splits]),
        "sharpe_hodl_cycled": _mean([each.sharpe_hodl_cycled for each in splits]),
        "splits": [each.to_json() for each in splits],
        "n_bars_evaluated": sum(each.n_bars for each in splits),
        "flags": [NO_TRADES] if any(each.no_trades for each in splits) else [],
    }


def returns_frame(
    splits: Sequence[Split], results: Sequence[Sequence[BlockResult]]
) -> pl.DataFrame:
    """Tabulate the test returns: one row per split, group and bar."""
    frames = [
        pl.DataFrame(
            {
                "split": np.full(block.n_bars, split.number, np.int32),
                "group": np.full(block.n_bars, block.group, np.int32),
                "open_time": block.open_time,
                "bot_return": block.bot_returns,
                "hodl_return": block.hodl_returns,
            }
        )
        for split, blocks in zip(splits, results, strict=True)
        for block in blocks
    ]
    time = pl.from_epoch("open_time", "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.concat(frames).with_columns(time)


def _sharpe(split: Split, returns: FloatArray, interval: Interval) -> float:
    try:
        return sharpe_ratio(returns, bars_per_year=interval.bars_per_year)
    except ValueError as error:
        raise TrialFailedError(f"Split {split.number}: {error}") from error


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
