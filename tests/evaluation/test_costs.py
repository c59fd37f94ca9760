"""An agent at other costs: worked-out curves, and real accounts."""

import numpy as np
import pytest
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.evaluation.actors import CycleHolder, SharedActor
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.baselines import holding_rules
from cappuccino_assets.evaluation.costs import CostCurve, Measure, cost_curve, rules_at_cost
from cappuccino_assets.execution.fees import ALPACA, COINBASE, FeeSide, flat_fee
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.market.intervals import Interval
from tests.envs.environments import costly_rules
from tests.envs.markets import arrays_of, random_arrays

ARRAYS = random_arrays(30)


def result_of(mean: float, hodl_mean: float = 0.0) -> BlockResult:
    """Two hundred bars of some mean return, up and down by a percent."""
    swing = np.tile([0.01, -0.01], 100)
    return BlockResult(
        group=0,
        open_time=np.arange(200),
        bot_returns=swing + mean,
        hodl_returns=swing + hodl_mean,
        n_trades=3,
        fees_usd=1.0,
        turnover=2.0,
        exposure=0.5,
    )


def curve(earned, rules) -> CostCurve:
    """The curve of an agent whose mean return is a function of the price's cost."""

    def trade(changed):
        return [[result_of(earned(each))] for each in changed]

    return cost_curve(trade, rules, interval=Interval.H4)


def break_even(found: CostCurve, measure: Measure, side: FeeSide = FeeSide.TAKER):
    (match,) = [each for each in found.break_evens if (each.measure, each.side) == (measure, side)]
    return match


FLAT = costly_rules(ARRAYS, fees=flat_fee(0.006), half_spread_bps=2.0, slippage_bps=3.0)


def test_costs_are_multiplied_all_together():
    doubled = rules_at_cost(costly_rules(ARRAYS, fees=COINBASE), 2.0, FeeSide.TAKER)

    assert doubled.fees.rates[:2] == pytest.approx((0.024, 0.016))
    assert (doubled.half_spread_bps, doubled.slippage_bps) == (4.0, 6.0)
    assert doubled.price_cost == pytest.approx(0.001)
    free = rules_at_cost(costly_rules(ARRAYS, fees=COINBASE), 0.0)
    assert (free.price_cost, set(free.fees.rates)) == (0.0, {0.0})
    own = costly_rules(ARRAYS, fees=COINBASE)
    assert rules_at_cost(own, 1.0) == own
    with pytest.raises(ConfigurationError):
        rules_at_cost(own, -1.0)
    with pytest.raises(ConfigurationError):
        rules_at_cost(own, 90.0)  # 108 % of what is traded


def test_the_break_even_point_is_where_the_measure_crosses_zero():
    # The price's cost at a multiple of m is 0.0005 m, so the excess crosses zero at m = 5.3. The
    # return also loses half the variance, 0.00005 a bar, so it crosses at m = 5.2.
    found = curve(lambda rules: 0.00265 - rules.price_cost, FLAT)

    excess, total = break_even(found, Measure.EXCESS), break_even(found, Measure.RETURN)
    assert excess.multiple == pytest.approx(5.3, abs=4 / 512)
    assert excess.multiple >= 5.3
    assert total.multiple == pytest.approx(5.2, abs=0.01)
    assert str(total) == "5.20 x"


def test_what_never_pays_and_what_always_pays_is_said():
    never = break_even(curve(lambda rules: -1e-4, FLAT), Measure.EXCESS)
    assert (never.multiple, str(never)) == (0.0, "0.00 x")
    always = break_even(curve(lambda rules: 1e-3, FLAT), Measure.EXCESS)
    assert (always.multiple, always.bound) == (None, 64.0)
    assert str(always) == "none up to 64 x"


def test_the_first_of_several_crossings_counts():
    def earned(rules):
        multiple = rules.price_cost / 0.0005
        return -1e-4 if 3.0 <= multiple < 10.0 else 1e-4  # an agent that thinks again

    found = break_even(curve(earned, FLAT), Measure.EXCESS)
    assert found.multiple == pytest.approx(3.0, abs=2 / 512)


def test_multiples_stop_where_a_fee_would_eat_what_is_traded():
    dear = costly_rules(ARRAYS, fees=flat_fee(0.05))
    found = curve(lambda rules: 1.0, dear)
    assert [each.multiple for each in found.levels] == [0, 1, 2, 4, 8, 16]
    assert break_even(found, Measure.EXCESS).bound == 16


@pytest.mark.parametrize(
    ("fees", "sides"),
    [
        (flat_fee(0.006), [FeeSide.TAKER]),
        (COINBASE, [FeeSide.MAKER, FeeSide.TAKER]),
        (ALPACA, [FeeSide.TAKER, FeeSide.MAKER]),
    ],
)
def test_both_sides_are_shown_where_they_differ(fees, sides):
    found = curve(lambda rules: 0.01 - rules.fees.rates[0], costly_rules(ARRAYS, fees=fees))

    assert found.charged == fees.side
    assert list(dict.fromkeys(each.side for each in found.levels)) == sides
    for side in sides:
        (rate,) = {tier.maker if side == "maker" else tier.taker for tier in fees.tiers[:1]}
        crossing = break_even(found, Measure.EXCESS, side).multiple
        assert crossing == pytest.approx(0.01 / rate, rel=0.01)


def test_a_curve_reads_back():
    found = curve(lambda rules: 0.002 - rules.price_cost, costly_rules(ARRAYS, fees=COINBASE))
    assert CostCurve.from_json(found.to_json()) == found
    assert found.level(2.0).side == FeeSide.MAKER
    with pytest.raises(ValueError, match=r"No level is at 3\.0 x"):
        found.level(3.0)


def hold_one_symbol(price_gain: float, *, fee: float):
    """Hold one symbol for one long cycle: the costs are those of one purchase and one sale."""
    close = np.full((59, 1), 100.0)  # the last bar is the cycle's last
    close[2:] *= 1 + price_gain
    arrays = arrays_of(close)
    rules = costly_rules(
        arrays, fees=flat_fee(fee), cycle_bars=58, half_spread_bps=0.0, slippage_bps=20.0
    )
    agent = CycleHolder(torch.ones(1))
    market = MarketTensors.from_arrays(arrays)

    def trade(changed):
        return backtest(
            arrays,
            SharedActor(agent, n_members=len(changed)),
            market=market,
            rules=changed,
            blocks=[[(0, Block(start=0, stop=arrays.n_bars))]] * len(changed),
            lookback=1,
        )

    return trade, holding_rules(rules)


def test_real_accounts_break_even_where_the_costs_take_the_gain():
    trade, rules = hold_one_symbol(0.10, fee=0.004)

    found = break_even(cost_curve(trade, rules, interval=Interval.H4), Measure.RETURN)

    # 1.10 (1 - .002 m)(1 - .004 m) = (1 + .002 m)(1 + .004 m) where m is close to 7.93.
    m = 7.93
    gain = 1.10 * (1 - 0.002 * m) * (1 - 0.004 * m) / ((1 + 0.002 * m) * (1 + 0.004 * m))
    assert gain == pytest.approx(1.0, abs=2e-4)
    assert found.multiple == pytest.approx(m, abs=0.03)


def test_dearer_trading_leaves_less_and_pays_more_fees():
    trade, rules = hold_one_symbol(0.10, fee=0.004)
    found = cost_curve(trade, rules, interval=Interval.H4)

    levels = [found.level(multiple).performance for multiple in (0.0, 1.0, 2.0)]
    assert levels[0].total_return == pytest.approx(0.10)
    assert levels[0].fees_usd == 0
    returns = [each.total_return for each in levels]
    assert returns == sorted(returns, reverse=True)
    assert 0 < levels[1].fees_usd < levels[2].fees_usd


def test_members_that_share_an_actor_each_see_their_own_account():
    class Mirror:
        n_members = 1

        def act(self, bar, account):
            return account[..., :1] + bar.unsqueeze(-1)

    bar, account = torch.arange(6).view(2, 3), torch.rand(2, 3, 4)

    trades = SharedActor(Mirror(), n_members=2).act(bar, account)

    torch.testing.assert_close(trades, account[..., :1] + bar.unsqueeze(-1))
