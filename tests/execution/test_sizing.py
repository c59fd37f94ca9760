import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.execution.sizing import share_cash, size_orders
from tests.execution.accounts import per_symbol, rules_of, scalar, tensors_of


def orders(action, quantity=(0.0, 0.0, 0.0), *, equity=1_000.0, close=(100.0,) * 3, **changes):
    sized = size_orders(
        per_symbol(*action),
        free=per_symbol(1.0, 1.0, 1.0),
        equity=scalar(equity),
        quantity=per_symbol(*quantity),
        close=per_symbol(*close),
        rules=tensors_of(rules_of(**changes)),
    )
    return sized.sell_quantity[0, 0].tolist(), sized.buy_usd[0, 0].tolist()


def shared(buys, spendable, *, fee=0.0, price=(100.0,) * 3, **changes):
    purchases = share_cash(
        per_symbol(*buys),
        spendable=scalar(spendable),
        price=per_symbol(*price),
        fee_rate=scalar(fee),
        rules=tensors_of(rules_of(**changes)),
    )
    return purchases.notional_usd[0, 0].tolist()


def test_an_action_trades_its_share_of_trade_fraction_times_equity():
    sells, buys = orders((0.5, 1.0, -0.4), (0.0, 0.0, 9.0))
    assert buys == [125.0, 250.0, 0.0]  # .25 x 1,000 x .5 and x 1
    assert sells == [0.0, 0.0, 1.0]  # 100 USD at 100


def test_actions_below_the_threshold_hold_and_at_it_trade():
    assert orders((0.0999, -0.0999, 0.1), (5.0, 5.0, 5.0)) == ([0.0] * 3, [0.0, 0.0, 25.0])
    assert orders((-0.1, 0.0, 0.0), (5.0, 5.0, 5.0))[0] == [0.25, 0.0, 0.0]


def test_the_smallest_discrete_level_trades_also_in_float32():
    action = torch.tensor([[[0.1, -0.25, 0.0]]], dtype=torch.float32)
    sized = size_orders(
        action,
        free=torch.ones(1, 1, 3, dtype=torch.float64),
        equity=scalar(1_000),
        quantity=per_symbol(0.0, 5.0, 0.0),
        close=per_symbol(100.0, 100.0, 100.0),
        rules=tensors_of(rules_of()),
    )
    assert sized.buy_usd[0, 0].tolist() == pytest.approx([25.0, 0.0, 0.0])
    assert sized.sell_quantity[0, 0].tolist() == [0.0, 0.625, 0.0]


def test_actions_beyond_one_count_as_one():
    assert orders((7.0, -7.0, 0.0), (0.0, 9.0, 0.0)) == ([0.0, 2.5, 0.0], [250.0, 0.0, 0.0])


def test_sales_are_limited_by_the_holding():
    assert orders((-1.0, -1.0, 0.0), (0.5, 0.0, 0.0))[0] == [0.5, 0.0, 0.0]


def test_a_sale_that_would_leave_dust_takes_the_whole_position():
    minimum = {"BTC/USD": 0.1, "ETH/USD": 0.1, "LINK/USD": 0.1}
    sells, _ = orders((-0.4, -0.4, -0.4), (1.05, 1.1, 1.2), minimum_quantity=minimum)
    assert sells == pytest.approx([1.05, 1.0, 1.0])  # 1.1 leaves just the smallest order


def test_sales_below_the_minimum_quantity_are_not_sent():
    minimum = {"BTC/USD": 1.01, "ETH/USD": 1.0, "LINK/USD": 0.0}
    sells, _ = orders((-0.4, -0.4, -0.4), (9.0, 9.0, 9.0), minimum_quantity=minimum)
    assert sells == [0.0, 1.0, 1.0]


def test_purchases_below_a_minimum_are_not_sent():
    minimum = {"BTC/USD": 0.0, "ETH/USD": 0.51, "LINK/USD": 0.5}
    _, buys = orders(
        (0.19, 0.2, 0.2), minimum_quantity=minimum, minimum_notional_usd=50.0
    )  # 47.50, 50 and 50 USD
    assert buys == [0.0, 0.0, 50.0]


def test_incident_10_the_smallest_searched_trade_fraction_still_trades():
    minimum = {"BTC/USD": 0.00001, "ETH/USD": 0.0003, "LINK/USD": 0.1}
    prices = {"close": (40_000.0, 2_500.0, 15.0)}
    smallest = {"trade_fraction": 0.05, "minimum_notional_usd": 10.0, "minimum_quantity": minimum}
    for equity in (1_000.0, 100_000.0):  # sizes are fractions of equity
        _, buys = orders((1.0, 1.0, 1.0), equity=equity, **prices, **smallest)
        assert buys == [0.05 * equity] * 3


def test_incident_08_seven_simultaneous_buys_share_one_cash():
    assert shared((1_000.0, 1_000.0, 1_000.0), 1_000.0) == pytest.approx([1_000 / 3] * 3)
    assert shared((300.0, 100.0, 0.0), 200.0) == pytest.approx([150.0, 50.0, 0.0])


def test_shared_cash_pays_the_fees_too():
    assert sum(shared((500.0, 500.0, 500.0), 1_010.0, fee=0.01)) == pytest.approx(1_000.0)


def test_purchases_within_the_cash_are_not_scaled():
    assert shared((300.0, 100.0, 50.0), 450.0) == [300.0, 100.0, 50.0]


def test_without_spendable_cash_nothing_is_bought():
    assert shared((300.0, 100.0, 0.0), 0.0) == [0.0] * 3
    assert shared((300.0, 100.0, 0.0), -5.0) == [0.0] * 3
    assert shared((0.0, 0.0, 0.0), 0.0) == [0.0] * 3


def test_a_purchase_scaled_below_a_minimum_is_not_sent_and_its_cash_stays():
    assert shared((300.0, 20.0, 0.0), 160.0, minimum_notional_usd=11.0) == [150.0, 0.0, 0.0]
    minimum = {"BTC/USD": 0.0, "ETH/USD": 0.11, "LINK/USD": 0.0}
    assert shared((300.0, 20.0, 0.0), 160.0, minimum_quantity=minimum) == [150.0, 0.0, 0.0]


usd = st.just(0.0) | st.floats(0.01, 1e7)


@given(st.tuples(usd, usd, usd), usd, st.floats(0, 0.02))
def test_shared_purchases_never_cost_more_than_there_is(buys, spendable, fee):
    notional = shared(buys, spendable, fee=fee)
    assert sum(notional) * (1 + fee) <= spendable * (1 + 1e-12)
    assert all(0 <= n <= b for n, b in zip(notional, buys, strict=True))


@given(st.permutations(range(3)), st.tuples(usd, usd, usd), usd)
def test_shares_do_not_depend_on_the_order_of_the_symbols(order, buys, spendable):
    permuted = shared(tuple(buys[i] for i in order), spendable)
    straight = shared(buys, spendable)
    assert permuted == pytest.approx([straight[i] for i in order], rel=1e-12)
