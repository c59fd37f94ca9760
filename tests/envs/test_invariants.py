"""What holds whatever an agent does."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cappuccino_assets.execution.fees import COINBASE, flat_fee
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS
from tests.envs.environments import environment_of, measured_step, random_actions, rows
from tests.envs.markets import random_arrays

N_STEPS = 60


@st.composite
def populations(draw):
    market = {"seed": draw(st.integers(0, 10)), "missing": draw(st.sampled_from([0, 0.2]))}
    cash = draw(st.floats(20, 1e6))
    rules = TradingRules(
        symbols=DEFAULT_SYMBOLS[:3],
        fees=draw(st.sampled_from([COINBASE, flat_fee(0.0), flat_fee(0.02)])),
        bars_per_day=6,
        cycle_bars=draw(st.sampled_from([None, 1, 7, 18])),
        initial_cash_usd=cash,
        trade_fraction=draw(st.floats(0.05, 1)),
        min_cash_reserve=draw(st.sampled_from([0.0, 0.3])),
        trailing_stop_pct=draw(st.sampled_from([0.0, 0.02, 0.1])),
        slippage_bps=draw(st.floats(0, 100)),
    )
    return market, rules, draw(st.integers(0, 1_000))


@settings(max_examples=25, deadline=None)
@given(populations())
def test_accounts_never_owe_and_every_cent_is_accounted_for(population):
    market, rules, seed = population
    arrays = random_arrays(80, 3, **market)
    environment = environment_of(arrays, rules, n_envs=2)
    environment.reset(rows(0, 0), rows(N_STEPS + 1, N_STEPS - 10))
    minimum = torch.tensor([rules.minimum_quantity[symbol] for symbol in rules.symbols])
    close = torch.tensor(arrays.close)
    fees = torch.zeros(1, 2, dtype=torch.float64)
    for action in random_actions(N_STEPS, 1, 2, 3, seed=seed) * 2:
        cash_before, equity_before = environment.ledger.cash, environment.equity
        step = measured_step(environment, action)
        ledger, price = environment.ledger, close[environment.bar]
        fees += step.fee_usd
        assert (ledger.cash >= 0).all()
        assert (ledger.quantity >= 0).all()
        assert ((ledger.quantity == 0) | (ledger.quantity >= minimum)).all()  # no dust
        marked = ledger.cash + (ledger.quantity * price).sum(-1)
        books = rules.initial_cash_usd + ledger.realised + ledger.unrealised(price) - ledger.fees
        assert torch.allclose(environment.equity, marked, rtol=1e-12, atol=0)
        assert torch.allclose(books, marked, rtol=1e-9, atol=1e-6)
        assert torch.allclose(ledger.fees, fees, rtol=1e-9, atol=1e-9)
        spent = (ledger.cash < cash_before - 1e-9) & (step.traded_usd > 0)
        reserve = rules.min_cash_reserve * equity_before
        assert (ledger.cash[spent] >= reserve[spent] - 1e-6).all()
        assert torch.isfinite(step.reward).all()
