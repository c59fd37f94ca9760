"""The batched environment against an account kept by hand, to the cent."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.execution.fees import ALPACA, COINBASE, FeeMode, flat_fee
from cappuccino_assets.execution.rules import TradingRules
from tests.envs.markets import random_arrays
from tests.envs.plain_ledger import PlainAccount

CENT = 0.01


def populations(symbols):
    base = TradingRules(symbols=symbols, fees=COINBASE, bars_per_day=6, cycle_bars=18)
    rich = 3_000_000.0
    return [
        base,
        replace(base, fees=flat_fee(0.006), trade_fraction=1.0, trailing_stop_pct=0.05),
        replace(base, initial_cash_usd=rich, trade_fraction=0.7, min_cash_reserve=0.3),
        replace(base, initial_cash_usd=rich, fees=ALPACA, trailing_stop_pct=0.1, cycle_bars=42),
        replace(
            base,
            initial_cash_usd=rich,
            fees=replace(COINBASE, name="coinbase_tiered", mode=FeeMode.TIERED),
            cycle_bars=7,
        ),
        replace(base, initial_cash_usd=70.0, trade_fraction=0.6, half_spread_bps=0.0),
    ]


def actions_of(random, shape):
    """Bursts of trading with long holds between, so that volumes expire."""
    action = random.uniform(-1, 1, shape)
    quiet = random.random(shape[:-1]) < 0.5
    action[quiet] *= 0.05
    return action


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("has_deadline", [True, False])
def test_batched_accounts_agree_with_plain_ones_to_the_cent(missing, has_deadline):
    arrays = random_arrays(700, 5, seed=3, missing=missing)
    rules = populations(arrays.symbols)
    if not has_deadline:
        rules = [replace(each, cycle_bars=None) for each in rules]
    n_envs = 3
    environment = TradingEnvironment(
        MarketTensors.from_arrays(arrays),
        rules=rules,
        rewards=[RewardConfig()] * len(rules),
        n_envs=n_envs,
        continuing=True,
    )
    random = np.random.default_rng(11)
    start = random.choice(np.flatnonzero(arrays.tradable[:100]), (len(rules), n_envs))
    stop = random.integers(500, 700, start.shape)
    environment.reset(torch.tensor(start), torch.tensor(stop))
    plain = [
        [PlainAccount(each, int(row)) for row in rows]
        for each, rows in zip(rules, start, strict=True)
    ]
    traded = 0.0
    while not environment.finished.all():
        action = actions_of(random, (*start.shape, 5))
        rows, active = environment.bar.numpy(), ~environment.finished.numpy()
        step = environment.step(torch.tensor(action))
        for m, e in zip(*np.nonzero(active), strict=True):
            account, row = plain[m][e], int(rows[m, e])
            before = account.fees
            account.trade(action[m, e], row, arrays)
            assert step.fee_usd[m, e].item() == pytest.approx(account.fees - before, abs=CENT / 100)
            traded += step.traded_usd[m, e].item()
        compare(environment, plain, arrays)
    assert traded == pytest.approx(
        sum(usd for row in plain for account in row for _, usd in account.fills), rel=1e-9
    )


def compare(environment, plain, arrays):
    ledger, bar = environment.ledger, environment.bar
    for m, accounts in enumerate(plain):
        for e, account in enumerate(accounts):
            prices = arrays.close[bar[m, e]]
            expected = {
                "cash": account.cash,
                "fees": account.fees,
                "realised": account.realised,
                "unrealised": account.unrealised(prices),
                "equity": account.equity(prices),
            }
            found = {
                "cash": ledger.cash[m, e].item(),
                "fees": ledger.fees[m, e].item(),
                "realised": ledger.realised[m, e].item(),
                "unrealised": ledger.unrealised(torch.tensor(prices))[m, e].item(),
                "equity": environment.equity[m, e].item(),
            }
            assert found == pytest.approx(expected, abs=CENT, rel=1e-10)
            assert ledger.quantity[m, e].tolist() == pytest.approx(account.quantity, rel=1e-9)
