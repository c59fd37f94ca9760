"""Every fill of a backtest and the books after every bar, as tables."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cappuccino_assets.envs.accounts import Traded
from cappuccino_assets.envs.state import State
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.types import FloatArray, IntArray

_BAR: Final = ("block", "open_time")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedTrades:
    """What one member did, to be checked by others.

    Attributes:
        fills: One row per fill, in the order in which they count: block, open_time of its bar,
            time, symbol, side (buy or sell), occasion (open or close of the bar), quantity, price,
            notional_usd, fee_usd, cash_after_usd.
        books: One row per block and bar: block, open_time, cash_usd, fees_usd (since the block's
            start) and equity_usd, all at the bar's close.
    """

    fills: pl.DataFrame
    books: pl.DataFrame


class TradeRecorder:
    """Notes one member's books, bar by bar: the watcher of a backtest.

    A symbol may be traded at a bar's open and sold at its close, where its cycle ends. The
    quantities before, between and after are noted, so both fills are known.

    Args:
        member: Which member.
    """

    def __init__(self, member: int = 0):
        self._member = member
        self._quantity: list[Tensor] = []
        self._money: list[Tensor] = []
        self._row: list[Tensor] = []

    def __call__(self, before: State, traded: Traded, after: State) -> None:
        """Note a bar."""
        old, new = before.account.ledger, after.account.ledger
        quantity = [old.quantity, traded.held_after_open, new.quantity]
        money = [old.cash, old.fees, traded.traded_usd, new.cash, new.fees, after.equity]
        self._quantity.append(torch.stack([each[self._member] for each in quantity]))
        self._money.append(torch.stack([each[self._member] for each in money]))
        row = after.bar[self._member]
        self._row.append(row.where(traded.active[self._member], -1))

    def recorded(self, arrays: FeatureArrays, rules: TradingRules) -> RecordedTrades:
        """Tabulate what was noted.

        Args:
            arrays: The market that was traded.
            rules: By which the member traded.

        Raises:
            ValueError: If nothing was noted.
        """
        if not self._row:
            raise ValueError("A record of trades needs a bar, but none was watched.")
        row = torch.stack(self._row).cpu().numpy()  # (T, E)
        quantity = torch.stack(self._quantity, dim=1).cpu().numpy()  # (3, T, E, N)
        cash, fees, traded_usd, *after = torch.stack(self._money, dim=1).cpu().numpy()
        rate = np.divide(after[1] - fees, traded_usd, out=np.zeros_like(fees), where=traded_usd > 0)
        fills = _fills(row, quantity, arrays, price_cost=rules.price_cost)
        fills |= {
            "fee_rate": rate[fills["t"], fills["block"]],
            "cash": cash[fills["t"], fills["block"]],
        }
        return RecordedTrades(
            fills=_with_money(pl.DataFrame(fills).with_columns(_symbols(arrays))),
            books=_books(row, after, arrays),
        )


def _fills(
    row: IntArray, quantity: FloatArray, arrays: FeatureArrays, *, price_cost: float
) -> dict[str, FloatArray | IntArray]:
    """Columns of all fills; the phases of a bar are its sales, its purchases, its settlement."""
    opened, closed = np.diff(quantity, axis=0)
    parts = []
    for phase, change in enumerate((np.minimum(opened, 0.0), np.maximum(opened, 0.0), closed)):
        t, block, n = np.nonzero(change)
        traded = change[t, block, n]
        prices = arrays.close if phase == 2 else arrays.open
        bar = row[t, block]
        parts.append(
            {
                "t": t,
                "block": block,
                "phase": np.full(len(t), phase),
                "n": n,
                "open_time": arrays.open_time[bar],
                "quantity": np.abs(traded),
                "price": prices[bar, n] * (1 + price_cost * np.sign(traded)),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _symbols(arrays: FeatureArrays) -> list[pl.Expr]:
    numbers = list(range(len(arrays.symbols)))
    closes = pl.col("phase") == 2
    return [
        pl.col("n").replace_strict(numbers, arrays.symbols, return_dtype=pl.String).alias("symbol"),
        pl.when(closes).then(pl.lit("close")).otherwise(pl.lit("open")).alias("occasion"),
        pl.when(pl.col("phase") == 1).then(pl.lit("buy")).otherwise(pl.lit("sell")).alias("side"),
        (pl.col("open_time") + closes.cast(pl.Int64) * arrays.interval.seconds).alias("time"),
    ]


def _with_money(fills: pl.DataFrame) -> pl.DataFrame:
    """Value the fills, and follow the cash from fill to fill of a bar."""
    notional = pl.col("quantity") * pl.col("price")
    fee = notional * pl.col("fee_rate")
    signed = pl.when(pl.col("side") == "sell").then(notional).otherwise(-notional)
    return (
        fills.sort("block", "t", "phase", "n")
        .with_columns(
            notional.alias("notional_usd"),
            fee.alias("fee_usd"),
            (pl.col("cash") + (signed - fee).cum_sum().over(_BAR)).alias("cash_after_usd"),
        )
        .select(
            pl.col("block").cast(pl.Int32),
            _utc("open_time"),
            _utc("time"),
            *("symbol", "side", "occasion", "quantity", "price"),
            *("notional_usd", "fee_usd", "cash_after_usd"),
        )
    )


def _books(row: IntArray, after: list[FloatArray], arrays: FeatureArrays) -> pl.DataFrame:
    block, t = np.nonzero(row.T >= 0)
    cash, fees, equity = (each[t, block] for each in after)
    return pl.DataFrame(
        {
            "block": block.astype(np.int32),
            "open_time": arrays.open_time[row[t, block]],
            "cash_usd": cash,
            "fees_usd": fees,
            "equity_usd": equity,
        }
    ).with_columns(_utc("open_time"))


def _utc(name: str) -> pl.Expr:
    time = pl.from_epoch(name, "s")
    return time.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(name)
