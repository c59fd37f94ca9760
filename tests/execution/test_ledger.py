import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.execution.ledger import (
    Purchases,
    open_ledger,
    record_purchases,
    record_sales,
)
from tests.execution.accounts import account_of, cash, held, per_symbol, scalar


def buy(ledger, notional, price, fee_rate):
    purchases = Purchases(notional_usd=notional, quantity=notional / price)
    return record_purchases(ledger, purchases, price, fee_rate)


def test_a_purchase_and_a_sale_by_hand():
    ledger = open_ledger(scalar(1_000), 3)
    ledger, cost = buy(
        ledger, per_symbol(200.0, 100.0, 0.0), per_symbol(100.0, 50.0, 7.0), scalar(0.01)
    )
    assert cost.item() == 300.0
    assert cash(ledger) == 697.0  # 300 and a fee of 3
    assert held(ledger) == [2.0, 2.0, 0.0]
    assert ledger.entry_price[0, 0, :2].tolist() == [100.0, 50.0]

    ledger, proceeds = record_sales(
        ledger, per_symbol(1.0, 2.0, 0.0), per_symbol(120.0, 40.0, 7.0), scalar(0.01)
    )
    assert proceeds.item() == 200.0
    assert cash(ledger) == 895.0  # 697 + 200 - 2
    assert held(ledger) == [1.0, 0.0, 0.0]
    assert ledger.fees.item() == 5.0
    assert ledger.realised.item() == 0.0  # 20 won, 20 lost
    assert ledger.unrealised(per_symbol(130.0, 1.0, 1.0)).item() == 30.0
    assert ledger.equity(per_symbol(130.0, 1.0, 1.0)).item() == 1_025.0


def test_the_entry_price_is_the_average_paid():
    ledger = account_of(1_000, (1.0, 0.0, 0.0), entry_price=(100.0, 0.0, 0.0)).ledger
    ledger, _ = buy(ledger, per_symbol(390.0, 0.0, 0.0), per_symbol(130.0, 1.0, 1.0), scalar(0))
    assert ledger.entry_price[0, 0, 0].item() == pytest.approx(122.5)  # (1 x 100 + 3 x 130) / 4


def test_a_new_entry_forgets_the_price_of_an_old_one():
    ledger = account_of(1_000, (0.0, 0.0, 0.0), entry_price=(555.0, 0.0, 0.0)).ledger
    ledger, _ = buy(ledger, per_symbol(10.0, 0.0, 0.0), per_symbol(3.0, 1.0, 1.0), scalar(0))
    assert ledger.entry_price[0, 0, 0].item() == 3.0


price = st.floats(0.01, 1e5)
trades = st.lists(
    st.tuples(
        st.tuples(price, price, price),
        st.tuples(*[st.floats(-1, 1)] * 3),  # buy with a share of the cash, or sell one
        st.floats(0, 0.02),
    ),
    min_size=1,
    max_size=12,
)


@given(trades)
def test_equity_is_initial_plus_realised_plus_unrealised_minus_fees(bars):
    ledger, fees = open_ledger(scalar(1_000), 3), 0.0
    for prices, wishes, rate in bars:
        at, wish, fee = per_symbol(*prices), per_symbol(*wishes), scalar(rate)
        ledger, proceeds = record_sales(ledger, ledger.quantity * (-wish).clamp_min(0), at, fee)
        share = wish.clamp_min(0) / (3 * (1 + rate))
        ledger, cost = buy(ledger, share * ledger.cash[..., None], at, fee)
        fees += (proceeds + cost).item() * rate
        equity = ledger.equity(at).item()
        identity = 1_000 + ledger.realised + ledger.unrealised(at) - ledger.fees
        scale = 1e-9 * (1_000 + ledger.fees.item() + abs(ledger.realised.item()) + equity)
        assert identity.item() == pytest.approx(equity, abs=scale)
        assert ledger.fees.item() == pytest.approx(fees, abs=1e-9, rel=1e-12)
        assert ledger.cash.item() >= 0
        assert (ledger.quantity >= 0).all()


def test_spending_all_cash_never_leaves_a_hair_below_zero():
    random = torch.Generator().manual_seed(0)
    cash_usd = torch.rand(1_000, 1, generator=random, dtype=torch.float64) * 1_000
    share = torch.rand(1_000, 1, 3, generator=random, dtype=torch.float64)
    fee = torch.full((1_000, 1), 0.006, dtype=torch.float64)
    notional = share / share.sum(-1, keepdim=True) * (cash_usd / (1 + fee))[..., None]
    ledger, _ = buy(open_ledger(cash_usd, 3), notional, torch.ones_like(share), fee)
    assert (ledger.cash >= 0).all()
    assert ledger.cash.max() < 1e-9
