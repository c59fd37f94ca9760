"""Recorded trades, handed over to the ledger that is kept by hand."""

from collections.abc import Iterator

import polars as pl

from cappuccino_assets.evaluation.plain_ledger import (
    LedgerCheck,
    PlainBar,
    PlainFill,
    PlainTerms,
    check_ledger,
)
from cappuccino_assets.evaluation.recording import RecordedTrades
from cappuccino_assets.execution.fees import FeeMode
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays


def check_trades(
    recorded: RecordedTrades, arrays: FeatureArrays, rules: TradingRules
) -> LedgerCheck:
    """Add up recorded trades once more, without any code of the accounts.

    Args:
        recorded: What the member did.
        arrays: The market that it traded; only its prices are handed over.
        rules: By which it traded; only names and numbers of its costs are handed over.

    Raises:
        ValueError: If there are no published fees under the name of the schedule.
    """
    return check_ledger(_accounts(recorded, arrays), plain_terms(rules))


def plain_terms(rules: TradingRules) -> PlainTerms:
    """Name the costs of rules, so that they can be looked up elsewhere.

    The schedule's rates are not handed over, those of a flat one excepted.
    """
    fees = rules.fees
    is_flat = fees.mode is FeeMode.FLAT
    return PlainTerms(
        venue="flat" if is_flat else fees.name.split("_")[0],
        side=fees.side.value,
        is_progressive=fees.mode is FeeMode.PROGRESSIVE,
        flat_rate=float(fees.name.removeprefix("flat_")) if is_flat else 0.0,
        half_spread_bps=rules.half_spread_bps,
        slippage_bps=rules.slippage_bps,
        initial_cash_usd=rules.initial_cash_usd,
    )


def _accounts(
    recorded: RecordedTrades, arrays: FeatureArrays
) -> Iterator[tuple[list[PlainFill], list[PlainBar]]]:
    row_of = {int(time): row for row, time in enumerate(arrays.open_time)}
    fills = recorded.fills.with_columns(pl.col("open_time").dt.epoch("s")).drop("time")
    books = recorded.books.with_columns(pl.col("open_time").dt.epoch("s"))
    for number in sorted({*fills["block"], *books["block"]}):
        mine = fills.filter(pl.col("block") == number).drop("block")
        closes = books.filter(pl.col("block") == number).drop("block")
        bars = [_bar(arrays, row_of[time], *money) for time, *money in closes.iter_rows()]
        yield [PlainFill(*fill) for fill in mine.iter_rows()], bars


def _bar(arrays: FeatureArrays, row: int, cash: float, fees: float, equity: float) -> PlainBar:
    return PlainBar(
        open_time=int(arrays.open_time[row]),
        open=dict(zip(arrays.symbols, arrays.open[row].tolist(), strict=True)),
        close=dict(zip(arrays.symbols, arrays.close[row].tolist(), strict=True)),
        cash_usd=cash,
        fees_usd=fees,
        equity_usd=equity,
    )
