import numpy as np
import pytest
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import ConfigurationError, TrialFailedError
from cappuccino_assets.evaluation.actors import Actor, CycleHolder, RandomActor, SideBySide
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.baselines import (
    bitcoin_only,
    cash,
    cycled_hodl,
    holding_rules,
    random_backtests,
)
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from tests.envs.markets import arrays_of, random_arrays


def rules_of(arrays: FeatureArrays, *, fee: float = 0.0, **changes) -> TradingRules:
    free = {"half_spread_bps": 0.0, "slippage_bps": 0.0, "cycle_bars": 10}
    return TradingRules(
        symbols=arrays.symbols,
        fees=flat_fee(fee),
        bars_per_day=arrays.interval.bars_per_day,
        **(free | changes),
    )


def run(
    arrays: FeatureArrays, actor: Actor, *blocks: tuple[int, Block], lookback: int = 1, **changes
) -> list[BlockResult]:
    rules = [holding_rules(rules_of(arrays, **changes))] * actor.n_members
    market = MarketTensors.from_arrays(arrays)
    assigned = [blocks] * actor.n_members
    return backtest(arrays, actor, market=market, rules=rules, blocks=assigned, lookback=lookback)[
        0
    ]


def rows(start: int, stop: int, group: int = 0) -> tuple[int, Block]:
    return group, Block(start=start, stop=stop)


def test_incident_03_blocks_at_other_prices_earn_a_holder_exactly_nothing() -> None:
    arrays = arrays_of(np.repeat([1.0, 100.0, 1.0, 100.0], 30)[:, None].repeat(3, axis=1))
    blocks = [rows(30 * group, 30 * group + 30, group) for group in range(4)]

    results = run(arrays, cycled_hodl(3), *blocks)

    assert [result.group for result in results] == [0, 1, 2, 3]
    for result in results:
        assert result.exposure > 0.8
        np.testing.assert_allclose(result.bot_returns, 0.0, atol=1e-12)
        np.testing.assert_allclose(result.hodl_returns, 0.0, atol=1e-12)


def test_incident_15_every_cycle_of_a_block_is_traded_and_every_bar_counted() -> None:
    arrays = random_arrays(60)

    (result,) = run(arrays, cycled_hodl(4), rows(5, 40))

    # Bought in bars 1, 11, 21 and 31 of the block, sold in bars 10, 20 and 30.
    assert result.n_bars == 34
    np.testing.assert_array_equal(result.open_time, arrays.open_time[6:40])
    assert result.n_trades == 7
    assert result.turnover == pytest.approx(7.0, rel=0.3)
    # Out of the market at the decisions of rows 5, 15, 25 and 35 only.
    assert result.exposure == pytest.approx(30 / 34, abs=1e-6)


def test_holding_one_symbol_earns_its_closes() -> None:
    arrays = random_arrays(30, seed=3)
    close = arrays.close[:, arrays.symbols.index("BTC/USD")]
    first_open = arrays.open[1, arrays.symbols.index("BTC/USD")]

    (result,) = run(arrays, bitcoin_only(arrays.symbols), rows(0, 11))

    expected = np.concatenate([[close[1] / first_open - 1], close[2:11] / close[1:10] - 1])
    np.testing.assert_allclose(result.bot_returns, expected, atol=1e-9)


def test_holding_all_symbols_is_the_benchmark_until_the_deadline_sells() -> None:
    arrays = random_arrays(40, seed=4)

    (result,) = run(arrays, cycled_hodl(4), rows(0, 30), fee=0.006)

    np.testing.assert_allclose(result.bot_returns[:9], result.hodl_returns[:9], atol=1e-9)
    assert result.bot_returns[9] < result.hodl_returns[9] - 0.005  # the fee of selling everything
    assert result.fees_usd > 5 * 1000 * 0.006 * 0.9


def test_cash_earns_nothing_and_trades_nothing() -> None:
    (result,) = run(random_arrays(40), cash(4), rows(0, 40), fee=0.006)

    assert not result.bot_returns.any()
    assert (result.n_trades, result.fees_usd, result.turnover, result.exposure) == (0, 0, 0, 0)
    assert result.hodl_returns.any()


def test_bitcoin_must_be_traded_to_be_held() -> None:
    with pytest.raises(ConfigurationError, match="BTC/USD"):
        bitcoin_only(["ETH/USD"])


def test_blocks_of_any_length_and_members_do_not_disturb_each_other() -> None:
    arrays = random_arrays(120, seed=5)
    market = MarketTensors.from_arrays(arrays)
    rules = holding_rules(rules_of(arrays, fee=0.006))
    pair = SideBySide([cycled_hodl(4), CycleHolder(torch.tensor([1.0, 0.0, 0.5, 0.0]))])
    blocks = [[rows(0, 50), rows(60, 75, 1)], [rows(20, 120, 2)]]

    together = backtest(arrays, pair, market=market, rules=[rules] * 2, blocks=blocks, lookback=1)

    alone = run(arrays, cycled_hodl(4), rows(60, 75, 1), fee=0.006)[0]
    assert [len(results) for results in together] == [2, 1]
    assert [result.n_bars for results in together for result in results] == [49, 14, 99]
    np.testing.assert_array_equal(together[0][1].bot_returns, alone.bot_returns)
    np.testing.assert_array_equal(together[0][1].hodl_returns, alone.hodl_returns)
    assert together[0][1].fees_usd == alone.fees_usd


def test_a_block_begins_where_it_can_be_traded_and_a_lookback_be_seen() -> None:
    close = np.full((40, 2), 5.0)
    observed = np.ones((40, 2), dtype=bool)
    observed[22, 1] = False  # so rows 21 and 22 cannot be traded
    segment = np.zeros(40, np.int64)
    segment[10:20] = -1
    segment[20:] = 1
    arrays = arrays_of(close, observed=observed, segment=segment)

    def first_bar(block: tuple[int, Block], lookback: int) -> int:
        (result,) = run(arrays, cash(2), block, lookback=lookback)
        return int(result.open_time[0] // arrays.interval.seconds)

    assert first_bar(rows(20, 40), 1) == 21  # decided at row 20
    assert first_bar(rows(20, 40), 2) == 24  # decided at row 23
    assert first_bar(rows(20, 40), 6) == 26
    assert first_bar(rows(5, 10), 3) == 6  # the rows before the block are seen


def test_a_group_that_cannot_be_traded_is_refused() -> None:
    arrays = arrays_of(np.full((40, 2), 5.0))

    with pytest.raises(TrialFailedError, match="test group 3: none of its 4 rows"):
        run(arrays, cash(2), rows(0, 20), rows(0, 4, 3), lookback=6)
    unobserved = arrays_of(np.full((40, 2), 5.0), observed=np.zeros((40, 2), dtype=bool))
    with pytest.raises(TrialFailedError, match="none of its 30 rows can be traded") as shut:
        run(unobserved, cash(2), rows(0, 20, 1), rows(25, 35, 1))
    assert "needed" not in str(shut.value)  # more bars like these would change nothing


@pytest.mark.parametrize("turnover", [0.0, 0.005, 0.02, 0.2])
def test_chance_trades_as_much_as_the_agent_did(turnover: float) -> None:
    arrays = random_arrays(600, seed=6)
    market = MarketTensors.from_arrays(arrays)
    rules = rules_of(arrays, fee=0.006, trade_fraction=0.1)

    results = random_backtests(
        arrays,
        market=market,
        rules=rules,
        blocks=[rows(0, 300), rows(300, 600, 1)],
        lookback=1,
        turnover_per_bar=turnover,
        seeds=range(40),
    )

    traded = [sum(block.turnover for block in each) / (299 + 299) for each in results]
    assert len(traded) == 40
    assert np.mean(traded) == pytest.approx(turnover, rel=0.15)


def test_a_random_agent_trades_the_same_in_any_company() -> None:
    arrays = random_arrays(200, seed=6)
    seeds = range(20)

    def returns(members: slice) -> list[list[float]]:
        results = random_backtests(
            arrays,
            market=MarketTensors.from_arrays(arrays),
            rules=rules_of(arrays, fee=0.006),
            blocks=[rows(0, 200)],
            lookback=1,
            turnover_per_bar=10.0,  # more than can be traded: every bar and symbol
            seeds=seeds[members],
        )
        return [each.bot_returns.tolist() for (each,) in results]

    assert returns(slice(3)) == returns(slice(20))[:3]


def test_a_random_actor_repeats_itself_from_its_seed() -> None:
    arrays = random_arrays(80, seed=7)

    def returns(seed: int) -> list[float]:
        actor = RandomActor(rate=0.5, seeds=[seed], n_symbols=4)
        return run(arrays, actor, rows(0, 80))[0].bot_returns.tolist()

    assert returns(1) == returns(1) != returns(2)
