"""The hold-out: what is cut off, and who trades what on it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.evaluation.audit import check_trades
from cappuccino_assets.evaluation.holdout import AGENT, RIVALS, cut_holdout, trade_holdout
from cappuccino_assets.execution.fees import flat_fee
from tests.envs.environments import costly_rules
from tests.envs.markets import random_arrays

BAR_S = 4 * 3600


class Curious:
    """Buys one symbol whenever a cycle begins, and notes every row that it is asked about."""

    n_members = 1

    def __init__(self):
        self.rows = []

    def act(self, bar, account):
        self.rows.append(bar.flatten().tolist())
        return (account[..., -1:] == 1.0) * torch.tensor([1.0, 0.0, 0.0])


def history(n_bars=200, *, holdout_row=150, segment=None):
    arrays = random_arrays(n_bars, 3, seed=2)
    arrays = replace(arrays, segment=arrays.segment if segment is None else segment)
    return arrays, datetime.fromtimestamp(holdout_row * BAR_S, UTC)


def trade(arrays, holdout_from, *, lookback=4, actor=None, **changes):
    holdout = cut_holdout(arrays, holdout_from, lookback=lookback)
    rules = costly_rules(arrays, fees=flat_fee(0.006), **({"cycle_bars": 18} | changes))
    market = MarketTensors.from_arrays(holdout.arrays)
    actor = actor or Curious()
    return holdout, rules, trade_holdout(holdout, market, actor, rules, seed=5), actor


def test_the_bars_before_are_seen_and_not_traded():
    arrays, holdout_from = history()

    holdout, _, outcome, actor = trade(arrays, holdout_from)

    assert holdout.arrays.n_bars == 50 + 3  # a lookback of 4 ends with the first row
    assert (holdout.begins_at, holdout.ends_at) == (
        holdout_from,
        datetime.fromtimestamp(200 * BAR_S, UTC),
    )
    assert actor.rows[0] == [3]  # the first decision is at the close of the hold-out's first bar
    first_fill = outcome.trades.fills["time"][0]
    assert first_fill == datetime.fromtimestamp(151 * BAR_S, UTC)
    (result,) = outcome.results[AGENT]
    np.testing.assert_array_equal(result.open_time, arrays.open_time[151:])
    # Cycles of 18 bars begin there: bars 1-18 and 19-36 of 49, sold at their closes.
    closes = outcome.trades.fills.filter(occasion="close")["open_time"].dt.epoch("s")
    assert (closes // BAR_S).to_list() == [150 + 18, 150 + 36]


def test_what_came_before_the_hold_out_changes_nothing_but_the_first_observations():
    arrays, holdout_from = history()
    other = {name: getattr(arrays, name).copy() for name in ("open", "close", "features")}
    for each in other.values():
        each[:150] *= 2

    mine = trade(arrays, holdout_from)[2]
    same = trade(replace(arrays, **other), holdout_from)[2]

    assert mine.returns_frame().equals(same.returns_frame())
    assert mine.trades.fills.equals(same.trades.fills)


def test_every_segment_begins_flat_at_its_first_row_that_can_be_traded():
    segment = np.zeros(200, np.int64)
    segment[170:176] = -1
    segment[176:] = 1
    arrays, holdout_from = history(segment=segment)

    holdout, rules, outcome, actor = trade(arrays, holdout_from)

    assert [(block.start, block.stop) for block in holdout.blocks] == [(3, 23), (29, 53)]
    first, second = outcome.results[AGENT]
    np.testing.assert_array_equal(first.open_time, arrays.open_time[151:170])
    np.testing.assert_array_equal(second.open_time, arrays.open_time[180:])  # a lookback of 4
    assert actor.rows[0] == [3, 29 + 3]
    bought = outcome.trades.fills.filter(side="buy").group_by("block", maintain_order=True).first()
    assert bought["notional_usd"].to_list() == pytest.approx([250.0, 250.0])  # new accounts
    assert check_trades(outcome.trades, holdout.arrays, rules).agrees


def test_rivals_trade_the_same_bars_by_the_same_rules():
    arrays, holdout_from = history(600, holdout_row=100)

    _, _, outcome, _ = trade(arrays, holdout_from)

    assert tuple(outcome.performances) == (AGENT, *RIVALS)
    agent, cycled, bitcoin, cash, chance = outcome.performances.values()
    assert {each.n_bars for each in outcome.performances.values()} == {499}
    assert {each.sharpe_hodl for each in outcome.performances.values()} == {agent.sharpe_hodl}
    assert (cash.sharpe_bot, cash.total_return, cash.fees_usd) == (0.0, 0.0, 0.0)
    assert cycled.exposure > 0.8
    assert bitcoin.fees_usd > 0
    assert bitcoin.total_return != cycled.total_return
    assert chance.turnover == pytest.approx(agent.turnover, rel=0.35)
    assert chance.total_return != agent.total_return


def test_where_bitcoin_is_not_traded_it_is_no_rival():
    arrays, holdout_from = history()
    renamed = tuple("ETH/USD" if each == "BTC/USD" else each for each in arrays.symbols)
    contract = replace(arrays.contract, symbols=renamed)
    arrays = replace(arrays, contract=contract)

    outcome = trade(arrays, holdout_from)[2]

    assert tuple(outcome.performances) == (AGENT, "cycled_hodl", "cash", "random")


def test_luck_is_a_hundred_agents_that_trade_the_same_bars_as_much():
    arrays, holdout_from = history(600, holdout_row=100)

    outcome = trade(arrays, holdout_from)[2]

    rank, band = outcome.placebo.rank, outcome.placebo.equity
    agent = outcome.performances[AGENT]
    assert rank.n_agents == 100
    assert rank.turnover == pytest.approx(agent.turnover, rel=0.1)
    (result,) = outcome.results["random"]
    np.testing.assert_array_equal(band["open_time"].dt.epoch("s").to_numpy(), result.open_time)
    assert (band["low"] <= band["median"]).all()
    assert (band["median"] <= band["high"]).all()
    assert 0 <= rank.n_as_good < 100
    assert band["median"][-1] == pytest.approx(1 + rank.median_return)


def test_a_second_run_is_the_same_bit_for_bit():
    arrays, holdout_from = history()
    first, second = (trade(arrays, holdout_from)[2] for _ in range(2))
    assert first.performances == second.performances
    assert first.placebo.rank == second.placebo.rank
    assert first.placebo.equity.equals(second.placebo.equity)
    assert first.returns_frame().equals(second.returns_frame())
    assert first.trades.fills.equals(second.trades.fills)
    assert first.trades.books.equals(second.trades.books)


def test_returns_are_tabulated_by_name():
    arrays, holdout_from = history()
    outcome = trade(arrays, holdout_from)[2]

    frame = outcome.returns_frame()

    assert frame.columns == ["block", "open_time", "hodl", AGENT, *RIVALS]
    (result,) = outcome.results[AGENT]
    np.testing.assert_array_equal(frame[AGENT].to_numpy(), result.bot_returns)
    np.testing.assert_array_equal(frame["hodl"].to_numpy(), result.hodl_returns)


def test_a_hold_out_needs_bars_on_both_sides_and_a_lookback():
    arrays, _ = history()
    for row in (0, 200):
        with pytest.raises(HistoryTooShortError):
            cut_holdout(arrays, datetime.fromtimestamp(row * BAR_S, UTC), lookback=2)
    with pytest.raises(ValueError, match="at least 1 bar"):
        cut_holdout(arrays, datetime.fromtimestamp(100 * BAR_S, UTC), lookback=0)
