"""Recorded trades against a ledger that is kept by hand, over random rules and markets."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cappuccino_assets.evaluation.plain_ledger as plain_ledger
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.evaluation.actors import RandomActor
from cappuccino_assets.evaluation.audit import check_trades
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.recording import RecordedTrades, TradeRecorder
from cappuccino_assets.execution.fees import ALPACA, COINBASE, FeeMode, FeeSide, flat_fee
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.files import FileSource
from tests.envs.environments import costly_rules
from tests.envs.markets import arrays_of, random_arrays

REAL_BARS = (
    Path(__file__).parents[3] / "shared" / "data" / "binance_spot_1h_2020-10_2024-04.parquet"
)
SCHEDULES = (
    flat_fee(0.006),
    COINBASE,
    replace(COINBASE, side=FeeSide.TAKER),
    replace(COINBASE, mode=FeeMode.TIERED),
    ALPACA,
    replace(ALPACA, side=FeeSide.MAKER),
)


class Script:
    """Trades what was written down, by row."""

    n_members = 1

    def __init__(self, actions):
        self._actions = torch.tensor(actions, dtype=torch.float64)

    def act(self, bar, account):
        return self._actions[bar]


def record(arrays: FeatureArrays, actor, rules) -> tuple[RecordedTrades, list[BlockResult]]:
    recorder = TradeRecorder()
    (results,) = backtest(
        arrays,
        actor,
        market=MarketTensors.from_arrays(arrays),
        rules=[rules],
        blocks=[[(0, block) for block in segment_blocks(arrays.segment)]],
        lookback=1,
        watch=recorder,
    )
    return recorder.recorded(arrays, rules), results


def market(*, seed: int, n_bars: int, n_segments: int, missing: float, interval: Interval):
    drawn = random_arrays(n_bars, 4, seed=seed, missing=missing, interval=interval)
    segment = np.arange(n_bars) * n_segments // n_bars
    observed = drawn.observed.copy()
    for number in range(n_segments):  # so that every segment can be traded
        observed[np.flatnonzero(segment == number)[:4]] = True
    return replace(drawn, segment=segment, observed=observed)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_recorded_trades_add_up_to_the_cent_under_any_rules(data):
    arrays = market(
        seed=data.draw(st.integers(0, 10_000)),
        n_bars=data.draw(st.sampled_from([60, 230])),
        n_segments=data.draw(st.integers(1, 3)),
        missing=data.draw(st.sampled_from([0.0, 0.2])),
        interval=data.draw(st.sampled_from([Interval.H4, Interval.M15])),
    )
    rules = costly_rules(
        arrays,
        fees=data.draw(st.sampled_from(SCHEDULES)),
        cycle_bars=data.draw(st.sampled_from([None, 1, 7, 42])),
        initial_cash_usd=data.draw(st.sampled_from([70.0, 1_000.0, 3_000_000.0])),
        trade_fraction=data.draw(st.sampled_from([0.1, 0.6, 1.0])),
        min_cash_reserve=data.draw(st.sampled_from([0.0, 0.3])),
        trailing_stop_pct=data.draw(st.sampled_from([0.0, 0.05])),
        half_spread_bps=data.draw(st.sampled_from([0.0, 2.0, 40.0])),
    )
    actor = RandomActor(rate=0.4, seeds=[data.draw(st.integers(0, 99))], n_symbols=4)

    recorded, results = record(arrays, actor, rules)
    checked = check_trades(recorded, arrays, rules)

    assert checked.agrees, checked.first_fault
    assert checked.largest_difference_usd < 1e-5
    assert checked.n_bars == sum(each.n_bars for each in results) == recorded.books.height
    assert checked.fees_usd == pytest.approx(sum(each.fees_usd for each in results), abs=1e-6)
    for number, result in enumerate(results):  # what is recorded is what is reported
        equity = recorded.books.filter(pl.col("block") == number)["equity_usd"].to_numpy()
        expected = rules.initial_cash_usd * np.cumprod(1 + result.bot_returns)
        np.testing.assert_allclose(equity, expected, rtol=1e-9)
        bars = recorded.fills.filter(pl.col("block") == number)["open_time"].n_unique()
        assert bars == result.n_trades


def test_fills_of_one_bar_are_all_recorded_the_settlement_last():
    close = np.full((8, 2), 100.0)
    open_price = np.full((8, 2), 110.0)
    arrays = arrays_of(close, open_price=open_price)
    rules = costly_rules(
        arrays, cycle_bars=3, trade_fraction=0.5, half_spread_bps=0.0, slippage_bps=100.0
    )
    # Bought at row 0; at row 2 half of the first is sold and the second bought, in the cycle's last
    # bar, at whose close both are sold.
    actions = np.zeros((8, 2))
    actions[0] = 0.5, 0.0
    actions[2] = -0.2, 0.5

    recorded, _ = record(arrays, Script(actions), rules)

    told = recorded.fills.select("symbol", "side", "occasion", "price").rows()
    assert [(*row[:3], round(row[3], 9)) for row in told] == [
        ("AAVE/USD", "buy", "open", 111.1),
        ("AAVE/USD", "sell", "open", 108.9),
        ("AVAX/USD", "buy", "open", 111.1),
        ("AAVE/USD", "sell", "close", 99.0),
        ("AVAX/USD", "sell", "close", 99.0),
    ]
    hours = (recorded.fills["time"].dt.epoch("s") // 3600).to_list()
    assert hours == [4, 12, 12, 16, 16]  # bars of 4 h: opens of rows 1 and 3, close of row 3
    first = recorded.fills.row(0, named=True)
    assert first["notional_usd"] == pytest.approx(250.0)  # 0.5 x 0.5 x 1000
    assert first["fee_usd"] == pytest.approx(1.5)  # 0.6 %
    assert first["cash_after_usd"] == pytest.approx(748.5)
    last = recorded.books.row(2, named=True)
    assert recorded.fills["cash_after_usd"][-1] == pytest.approx(last["cash_usd"])
    assert last["equity_usd"] == pytest.approx(last["cash_usd"])  # flat


def recorded_example():
    arrays = market(seed=1, n_bars=120, n_segments=2, missing=0.1, interval=Interval.H4)
    rules = costly_rules(arrays, fees=COINBASE, cycle_bars=18, initial_cash_usd=50_000.0)
    recorded, _ = record(arrays, RandomActor(rate=0.4, seeds=[3], n_symbols=4), rules)
    return arrays, rules, recorded


def changed(frame: pl.DataFrame, column: str, *, by: float, row: int = 5) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(pl.col(column) + by).otherwise(column).alias(column)
    )


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("fills", "quantity"),
        ("fills", "price"),
        ("fills", "notional_usd"),
        ("fills", "fee_usd"),
        ("fills", "cash_after_usd"),
        ("books", "cash_usd"),
        ("books", "fees_usd"),
        ("books", "equity_usd"),
    ],
)
def test_a_cent_in_any_column_is_found(table, column):
    arrays, rules, recorded = recorded_example()
    quantity = recorded.fills["quantity"][5]
    unit = {"quantity": 1 / recorded.fills["price"][5], "price": 1 / quantity}.get(column, 1.0)

    forged = replace(recorded, **{table: changed(getattr(recorded, table), column, by=0.01 * unit)})

    assert check_trades(recorded, arrays, rules).agrees
    assert not check_trades(forged, arrays, rules).agrees


def test_a_fill_that_is_left_out_is_found_and_named():
    arrays, rules, recorded = recorded_example()
    forged = replace(recorded, fills=recorded.fills.slice(1))

    fault = check_trades(forged, arrays, rules).first_fault

    assert fault is not None
    assert fault.startswith("cash")


@pytest.mark.parametrize(
    "change",
    [
        {"half_spread_bps": 2.1},
        {"slippage_bps": 0.0},
        {"fees": replace(COINBASE, side=FeeSide.TAKER)},
        {"fees": replace(COINBASE, mode=FeeMode.TIERED)},
        {"fees": flat_fee(0.006)},
        {"initial_cash_usd": 50_000.01},
    ],
)
def test_trades_by_other_rules_do_not_add_up(change):
    arrays, rules, recorded = recorded_example()
    assert not check_trades(recorded, arrays, replace(rules, **change)).agrees


def test_a_wrong_fee_table_of_the_accounts_is_found():
    arrays = market(seed=1, n_bars=60, n_segments=1, missing=0.0, interval=Interval.H4)
    first = replace(COINBASE.tiers[0], maker=0.0059)
    wrong = replace(COINBASE, tiers=(first, *COINBASE.tiers[1:]))
    rules = costly_rules(arrays, fees=wrong, cycle_bars=18)
    recorded, _ = record(arrays, RandomActor(rate=0.4, seeds=[3], n_symbols=4), rules)

    fault = check_trades(recorded, arrays, rules).first_fault

    assert fault is not None
    assert fault.startswith("fee of the buy")


def test_a_fill_of_no_bar_and_missing_books_are_refused():
    arrays, rules, recorded = recorded_example()
    with pytest.raises(ValueError, match="belongs to no bar"):
        check_trades(replace(recorded, books=recorded.books.slice(10)), arrays, rules)
    second_block = recorded.books.filter(pl.col("block") == 1)
    with pytest.raises(ValueError, match="belongs to no bar"):
        check_trades(replace(recorded, books=second_block), arrays, rules)
    nothing = RecordedTrades(fills=recorded.fills.clear(), books=recorded.books.clear())
    with pytest.raises(ValueError, match="need a bar"):
        check_trades(nothing, arrays, rules)
    with pytest.raises(ValueError, match="none was watched"):
        TradeRecorder().recorded(arrays, rules)


def test_the_plain_ledger_shares_no_code_with_the_package():
    tree = ast.parse(Path(plain_ledger.__file__).read_text())
    modules = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(each.name for each in node.names)]
        if name
    }
    assert not [name for name in modules if name.startswith(("cappuccino_assets", "torch"))]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_BARS.exists(), reason=f"needs the real bars of {REAL_BARS}")
def test_recorded_trades_add_up_on_real_bars_and_their_gaps():
    arrays = build_feature_arrays(grid_from_bars(FileSource(path=REAL_BARS).fetch_bars()))
    rules = costly_rules(arrays, fees=COINBASE, cycle_bars=168, trailing_stop_pct=0.05)
    rules = replace(rules, initial_cash_usd=100_000.0)
    n_symbols = len(arrays.symbols)

    recorded, results = record(
        arrays, RandomActor(rate=0.05, seeds=[1], n_symbols=n_symbols), rules
    )
    checked = check_trades(recorded, arrays, rules)

    assert not arrays.observed.all()
    assert checked.agrees, checked.first_fault
    assert checked.n_bars == sum(each.n_bars for each in results) > 20_000
    assert checked.n_fills > 5_000
