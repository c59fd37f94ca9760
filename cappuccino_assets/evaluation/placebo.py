"""What luck alone comes to: many agents that trade at random about as much as another one does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Self

import numpy as np
import polars as pl

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.performance import Performance, performance
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.types import FloatArray, Json

N_AGENTS: Final = 100
_QUANTILES: Final = {"low": 0.05, "median": 0.50, "high": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboRank:
    """An agent among those that traded at random.

    Attributes:
        n_agents: How many traded at random.
        n_as_good: How many of them ended with the agent's total return, or a higher one.
        n_as_sharp: How many had its Sharpe ratio, or a higher one.
        turnover: Their mean turnover per day, in multiples of equity; the agent's is to be near.
        median_return: Median of their total returns.
    """

    n_agents: int
    n_as_good: int
    n_as_sharp: int
    turnover: float
    median_return: float

    def __post_init__(self) -> None:
        """Refuse counts that cannot be.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if not 0 <= max(self.n_as_good, self.n_as_sharp) <= self.n_agents or self.n_agents < 1:
            raise ValueError(f"Some of at least one agent are as good, but got {self}.")

    @property
    def chance(self) -> float:
        """How often luck alone comes to as high a return: the agent counts as one of the lucky."""
        return (1 + self.n_as_good) / (1 + self.n_agents)

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self) | {"chance": self.chance}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{name: each for name, each in value.items() if name != "chance"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placebo:
    """What luck alone came to.

    Attributes:
        rank: The agent's place among those that traded at random.
        equity: Their range: one row per block and bar (`placebo_equity`).
    """

    rank: PlaceboRank
    equity: pl.DataFrame


def placebo_rank(
    agent: Performance, placebos: Sequence[Sequence[BlockResult]], *, interval: Interval
) -> PlaceboRank:
    """Rank an agent among those that traded at random.

    Args:
        agent: What it came to.
        placebos: Results of each random agent, one per block.
        interval: Length of a bar.

    Raises:
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    others = [performance(each, interval=interval) for each in placebos]
    return PlaceboRank(
        n_agents=len(others),
        n_as_good=sum(each.total_return >= agent.total_return for each in others),
        n_as_sharp=sum(each.sharpe_bot >= agent.sharpe_bot for each in others),
        turnover=float(np.mean([each.turnover for each in others])),
        median_return=float(np.median([each.total_return for each in others])),
    )


def placebo_equity(placebos: Sequence[Sequence[BlockResult]]) -> pl.DataFrame:
    """Tabulate the range of the random agents' equity, compounded over the blocks.

    Args:
        placebos: Results of each random agent, one per block.

    Returns:
        One row per block and bar: block, open_time, and the 5 %, 50 % and 95 % quantile over the
        agents of the equity at the bar's close, in multiples of what they began with.
    """
    blocks = placebos[0]
    equity = np.stack([_equity(each) for each in placebos])
    quantiles = np.quantile(equity, list(_QUANTILES.values()), axis=0)
    number = np.repeat(np.arange(len(blocks)), [each.n_bars for each in blocks])
    time = pl.from_epoch("open_time", "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    columns = {"open_time": np.concatenate([each.open_time for each in blocks])}
    columns |= dict(zip(_QUANTILES, quantiles, strict=True))
    frame = pl.DataFrame(columns).with_columns(pl.Series("block", number, pl.Int32))
    return frame.select("block", time, *_QUANTILES)


def _equity(results: Sequence[BlockResult]) -> FloatArray:
    """Growth of one unit of money over all blocks, shape (T,)."""
    return (1.0 + np.concatenate([each.bot_returns for each in results])).cumprod()
